"""The engine's half of a room: ``Stepper`` seats players and calls the hooks of a tick in order.

Owns the seats of the room, the players' commands and texts, the room's outbox, and the failures of
hooks.  Never sends, never waits, never looks at a clock: the caller steps it at a fixed rate, and
publishes what a step left behind.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar

import attrs

from gameserver.errors import Interrupted, LocalProtocolError
from gameserver.outbox import Move, Text
from gameserver.player import Player, Screen
from gameserver.protocol.latency import Latency
from gameserver.replication.events import Emission
from gameserver.replication.seat import Seat, Sink
from gameserver.room import Room, attach, forget_empty_groups, leave_groups
from gameserver.simulation.commands import Commands, RoomCommands
from gameserver.simulation.handlers import handlers_of
from gameserver.simulation.matchable import options_named
from gameserver.simulation.recording import (
    Dropped,
    Entry,
    Finished,
    Joined,
    Left,
    Measured,
    MoveRefused,
    Overloaded,
    Paced,
    Published,
    Recorder,
    Resumed,
    Said,
    StartedOver,
    Stepped,
)
from gameserver.simulation.rewind import Rewind
from gameserver.simulation.room_check import check_attributes, check_room

R = TypeVar("R", bound=Room)

#: How many texts may wait for a tick.  Overflow policy ``drop-newest``, counted in
#: ``Stepper.texts_dropped``.
MAX_WAITING_TEXTS: Final = 256

_FAILED: Final = object()
_number: Final = attrgetter("number")


@attrs.frozen
class HookFailure:
    """A hook of the game that raised; ``player`` is None if it was not about one player."""

    hook: str
    player: Player | None
    error: Exception


@attrs.define
class Life:
    """The time of a player in a room, from joining to leaving; resume tokens name it."""

    #: Counts the joins of the room from 1: no other player of it ever has the same.
    serial: int = 0
    #: How often the player came back to its seat after a lost connection.
    returns: int = 0
    #: ``returns`` when another client of its identity last took over; -1: never.
    taken_over_at: int = -1


@attrs.frozen(eq=False)
class Seated:
    """A player with the engine's parts of its seat; still of use once the player has left."""

    player: Player
    #: The seat's state in replication.
    seat: Seat
    commands: Commands
    life: Life


class Stepper(Generic[R]):
    """Steps ``room``, which no other stepper has.

    ``LocalProtocolError`` if the class of the room cannot work (``room_check.py``).
    """

    __slots__ = (
        "_commands",
        "_emitted",
        "_handlers",
        "_in_order",
        "_rewind",
        "_said",
        "_timers",
        "calls",
        "failures",
        "input_times",
        "joins",
        "outbox",
        "room",
        "seated",
        "takes_inputs",
        "texts_dropped",
    )

    def __init__(self, room: R) -> None:
        check_room(type(room))
        check_attributes(room)
        self.room: Final = room
        #: The seats that are taken, by number; ``Room.players`` has the same ones.
        self.seated: Final[dict[int, Seated]] = {}
        #: Hooks that raised and have not been dealt with yet.
        self.failures: list[HookFailure] = []
        self.texts_dropped = 0
        self._said: list[tuple[Player, str]] = []
        #: Whether the room has an ``input``; only then does ``input_times`` measure anything.
        self.takes_inputs: Final = room.input is not None
        self._commands = RoomCommands(room.input, room.world.schema)
        #: The latency budget of the inputs, for a caller with a clock.
        self.input_times: Final = self._commands.times
        #: The methods that take commands, by class; ``on_command`` takes all others.
        self._handlers: Final[dict[type, Callable[[Player, Any], object]]] = {
            command: getattr(room, name) for command, name in handlers_of(type(room)).items()
        }
        #: How many players have ever joined.
        self.joins = 0
        #: The kinds of the events taken since the last publish; kept for a recorder only.
        self._emitted: list[int] = []
        #: The seats in the order of their numbers; kept only where every tick needs all of them.
        self._in_order: list[Commands] = []
        self._rewind = Rewind(room) if room.rewinds else None
        self.outbox, self._timers, self.calls = attach(room, self._rewind)

    def record_to(self, recorder: Recorder | None) -> None:
        """Record everything that comes into the room from now on; None: stop recording."""
        self._commands.recorder = recorder
        for seated in self.seated.values():
            seated.commands.recorder = recorder

    def _record(self, entry: Entry) -> None:
        if self._commands.recorder is not None:
            self._commands.recorder.record(entry)

    # ------------------------------------------------------------ seats

    def join(
        self,
        number: int,
        sink: Sink,
        name: str,
        identity: str | None = None,
        options: Any = None,
    ) -> Seated:
        """Seat a player and run ``on_join``; if that raises it is noted in ``failures``."""
        if self._commands.recorder is not None:
            named = None if options is None else options_named(type(self.room), options)
            self._record(Joined(number, name, identity, named))
        seat, screen = Seat(number, sink), Screen()
        player = Player(seat, screen, name, identity, self.outbox, options)
        commands = Commands(player, seat, screen, self._commands)
        self.joins += 1
        seated = Seated(player, seat, commands, Life(self.joins))
        self.seat(seated)
        self._guarded("on_join", player, player)
        return seated

    def seat(self, seated: Seated) -> None:
        """Seat a player without telling the game: the one that joins, or one that was saved."""
        number = seated.commands.number
        self.seated[number] = seated
        seated.commands.recorder = self._commands.recorder
        self.room.players[number] = seated.player
        if self._commands.input_class is not None:
            insort(self._in_order, seated.commands, key=_number)

    def find(self, player: Player) -> Seated | None:
        """Return the seat of ``player``; None if the player has left."""
        seated = self.seated.get(player.seat)
        return seated if seated is not None and seated.player is player else None

    def leave(self, player: Player, reason: str) -> None:
        """Run ``on_leave`` and free the seat; the player's entities lose their owner.

        Harmless if the player has left already.
        """
        seated, number = self.find(player), player.seat
        if seated is None:
            return
        self._record(Left(number, reason))
        del self.seated[number], self.room.players[number]
        if self._commands.input_class is not None:
            self._in_order.remove(seated.commands)
        # A session that has not noticed yet must not command for the next player in the seat.
        seated.commands.recorder = None
        seated.commands.times.forget_untold()
        self._guarded("on_leave", player, player, reason)
        leave_groups(self.room, player)
        # Messages still on their way to this seat must not reach its next player.
        outbox = self.outbox
        outbox.emissions = [e for e in outbox.emissions if e.seat != number]
        outbox.texts = [text for text in outbox.texts if text.to is None or number not in text.to]
        outbox.kicked = [seat for seat in outbox.kicked if seat != number]
        if outbox.moves:
            left = [attrs.evolve(m, seats=_without(m.seats, number)) for m in outbox.moves]
            outbox.moves = [move for move in left if move.seats]
        world = self.room.world
        for record in list(world.owned.get(number, {}).values()):
            world.set_owner(record.entity, 0)

    def drop(self, player: Player) -> None:
        """Note that the connection is lost and the seat is held, and run ``on_drop``.

        Commands that have come already are applied all the same.
        """
        self._record(Dropped(player.seat))
        player.connected = False
        if (seated := self.find(player)) is not None:
            seated.commands.times.forget_untold()
        self._guarded("on_drop", player, player)

    def resume(self, player: Player) -> None:
        """Note that the player is connected again, and run ``on_resume``."""
        self._record(Resumed(player.seat))
        player.connected = True
        if (seated := self.find(player)) is not None:
            seated.life.returns += 1
        self._guarded("on_resume", player, player)

    def start_over(self, seated: Seated) -> None:
        """Let another client play on in this seat, with its own latency, screen and seqs."""
        self._record(StartedOver(seated.player.seat))
        seated.life.taken_over_at = seated.life.returns
        seated.player.latency = Latency()
        seated.commands.start_over()

    def measured(self, player: Player, latency: Latency) -> None:
        """Take a measurement of a player's latency by a ping."""
        if self._commands.recorder is not None and self.find(player) is not None:
            self._record(Measured(player.seat, attrs.astuple(latency)))
        player.latency = latency

    @property
    def kicked(self) -> list[Player]:
        """Players who were kicked and have not left yet."""
        outbox = self.outbox
        if not outbox.kicked:
            return []
        sitting = {number: self.seated.get(number) for number in outbox.kicked}
        kicked = [s.player for s in sitting.values() if s is not None and s.player.kicked]
        outbox.kicked = [player.seat for player in kicked]
        return kicked

    # ------------------------------------------------------------ a tick

    def hear(self, player: Player, text: str) -> None:
        """Queue a text that a player said for the next tick."""
        if len(self._said) >= MAX_WAITING_TEXTS:
            self.texts_dropped += 1
        elif self.find(player) is not None:
            self._record(Said(player.seat, text))
            self._said.append((player, text))

    def finished(self, number: int, result: Any) -> None:
        """Take the result of a background call for the next tick, if it is still expected."""
        if self.calls.is_expected(number):
            self._record(Finished(number, result))
            self.calls.results.append((number, result))

    def interrupt_calls(self) -> None:
        """Give ``Interrupted`` as the result of all calls that were started in another process."""
        requested = {request.number for request in self.calls.requests}
        for number in list(self.calls.in_flight):
            if number not in requested:
                self.finished(number, Interrupted())

    def expect(self, tick_number: int) -> None:
        """Take commands from now on for ``tick_number`` or later: it is about to be stepped."""
        self._commands.upcoming_tick = tick_number

    def step(self, tick_number: int) -> None:
        """Simulate one tick: results, commands by seat and seq, inputs, texts, timers, ``tick``.

        Never raises: exceptions of hooks are appended to ``failures``.
        """
        self.stages(tick_number, _no_time)

    def stages(self, tick_number: int, clock: Callable[[], float]) -> list[tuple[str, float]]:
        """Simulate one tick as ``step`` does; return the hooks called, and when each ended.

        ``tick`` is the last one.
        """
        stages: list[tuple[str, float]] = []
        if self._commands.recorder is not None:
            self._commands.recorder.record(Stepped(tick_number))
        self.room.tick_number = tick_number
        self._commands.upcoming_tick = tick_number + 1
        forget_empty_groups(self.room)
        if self.calls.results:
            self._deliver_results()
            stages.append(("background", clock()))
        if self._commands.waiting:
            self._apply_commands(tick_number)
            stages.append(("on_command", clock()))
        if self._in_order:
            self._apply_inputs(tick_number)
            stages.append(("on_command", clock()))
        if self._said:
            self._tell_said()
            stages.append(("on_say", clock()))
        if self._timers.waiting:
            self._call_timers(tick_number)
            stages.append(("timer", clock()))
        try:
            self.room.tick()
        except Exception as error:  # noqa: BLE001 - as in ``_guarded``, without its cost
            self.failures.append(HookFailure("tick", None, error))
        stages.append(("tick", clock()))
        return stages

    def _deliver_results(self) -> None:
        for call, result in self.calls.take_results():
            if call.then is None:
                continue
            try:
                call.then(result, *call.about)
            except Exception as error:  # noqa: BLE001 - as in ``_guarded``
                hook = getattr(call.then, "__name__", call.name)
                self.failures.append(HookFailure(hook, None, error))

    def _apply_commands(self, tick: int) -> None:
        waiting, self._commands.waiting = self._commands.waiting, []
        waiting.sort(key=_number)
        handlers, on_command = self._handlers, self.room.on_command
        handler: Callable[[Player, Any], object] = on_command
        for commands in waiting:
            seated, player = self.seated.get(commands.number), commands.player
            if seated is None or seated.player is not player:
                continue  # left since
            try:
                while (command := commands.next_command(tick)) is not None:
                    handler = handlers.get(command.__class__, on_command)
                    handler(player, command)
            except Exception as error:  # noqa: BLE001 - as in ``_guarded``, but once for all
                self.failures.append(HookFailure(handler.__name__, player, error))
                commands.discard()

    def _apply_inputs(self, tick: int) -> None:
        """Give every player's input of this tick to the method that takes inputs."""
        room = self.room
        assert room.input is not None, "only rooms with an input class have seats in order"
        handlers, on_command = self._handlers, room.on_command
        on_input = handlers.get(room.input, on_command)
        repeats, idle_ticks = room.idle == "repeat", room.idle_repeat_ticks
        for commands in tuple(self._in_order):
            player = commands.player
            due, command = commands.next_input(
                tick, idle_ticks, repeats=repeats and player.connected
            )
            if not due:
                continue
            if command is None:
                command = self._idle_input(player)
                if command is None:
                    commands.discard()
                    continue
            try:
                on_input(player, command)
            except Exception as error:  # noqa: BLE001 - as in ``_guarded``
                self.failures.append(HookFailure(on_input.__name__, player, error))
                commands.discard()

    def _idle_input(self, player: Player) -> Any:
        """Return the result of ``on_idle`` for a player, or None if it failed."""
        command = self._guarded("on_idle", player, player)
        if command is _FAILED:
            return None
        wanted = self.room.input
        if command.__class__ is not wanted and wanted is not None:
            wrong = self._returned("on_idle", f"a {wanted.__name__}", command)
            self.failures.append(HookFailure("on_idle", player, wrong))
            return None
        return command

    def _tell_said(self) -> None:
        """Send the texts of players, as ``on_say`` returns them."""
        said, self._said = self._said, []
        for player, text in [one for one in said if self.find(one[0]) is not None]:
            heard = self._guarded("on_say", player, player, text)
            if isinstance(heard, str):
                self.outbox.say(player.seat, player.name, heard, None)
            elif heard is not None and heard is not _FAILED:
                wrong = self._returned("on_say", "a str or None", heard)
                self.failures.append(HookFailure("on_say", player, wrong))

    def _returned(self, hook: str, wanted: str, value: Any) -> LocalProtocolError:
        name = type(self.room).__name__
        return LocalProtocolError(f"{name}.{hook} must return {wanted}, not {value!r}")

    def _call_timers(self, tick: int) -> None:
        for timer in self._timers.due(tick):
            method, arguments = timer.call
            try:
                method(*arguments)
            except Exception as error:  # noqa: BLE001 - as in ``_guarded``
                self.failures.append(HookFailure(f"timer {timer.name}", None, error))

    # ------------------------------------------------------------ after a tick

    def take_emissions(self) -> list[Emission]:
        """Return the events to send, once."""
        emissions, self.outbox.emissions = self.outbox.emissions, []
        if self._commands.recorder is not None:
            kinds = self.room.world.schema.kinds
            self._emitted += [kinds[type(emission.event)] for emission in emissions]
        return emissions

    def take_texts(self) -> list[Text]:
        """Return the texts to send, once."""
        texts, self.outbox.texts = self.outbox.texts, []
        return texts

    def take_moves(self) -> list[Move]:
        """Return the players to move to other rooms, once."""
        moves, self.outbox.moves = self.outbox.moves, []
        return moves

    def refuse_move(self, player: Player, room: str, reason: str) -> None:
        """Run ``on_move_refused``; note its exception in ``failures``."""
        self._record(MoveRefused(player.seat, room, reason))
        self._guarded("on_move_refused", player, player, room, reason)

    def take_failures(self) -> list[HookFailure]:
        """Return the hooks that raised, once."""
        failures, self.failures = self.failures, []
        return failures

    def published(self, tick_number: int) -> None:
        """Note the state that has just been published, for ``Room.seen_by``."""
        if self._commands.recorder is not None:
            events, self._emitted = self._emitted, []
            self._commands.recorder.record(Published(tick_number, events))
        if self._rewind is not None:
            self._rewind.record(tick_number)

    def change_pace(self, pace: float, publish_interval: int, view_share: float) -> None:
        """Note the pace of the room, its publish interval and the width of its views.

        The caller gives ``view_share`` to the publisher.
        """
        self._record(Paced(pace, publish_interval, view_share))
        self.room.pace, self.room.publish_interval = pace, publish_interval

    def overloaded(self, level: int) -> None:
        """Run ``on_overload``; note its exception in ``failures``."""
        self._record(Overloaded(level))
        self._guarded("on_overload", None, level)

    def _guarded(self, hook: str, player: Player | None, *arguments: Any) -> Any:
        """Call a hook; if it raises, note the failure and return ``_FAILED``."""
        try:
            return getattr(self.room, hook)(*arguments)
        except Exception as error:  # noqa: BLE001 - a game's bug must not take the server down
            self.failures.append(HookFailure(hook, player, error))
            return _FAILED


def _no_time() -> float:
    """Stand for the clock of a caller that measures nothing."""
    return 0.0


def _without(seats: tuple[int, ...], number: int) -> tuple[int, ...]:
    return tuple(seat for seat in seats if seat != number)
