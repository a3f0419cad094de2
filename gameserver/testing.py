"""``Rehearsal``, the test harness for games: a test plays a room tick by tick.

``replay_journal`` makes a test of the journal of a bug, in one line.

Owns what a server does around a tick (failures, kicks, publishing), for one room and without
sockets, tasks or a clock, and two checks of it with random play: that a snapshot keeps everything,
and that the same inputs always have the same effect.  It awaits no hook but ``on_auth``: a test
calls ``on_start`` and ``on_stop`` itself.  The server plays a trial room with it before it serves
(``trial.py``), and nothing else.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Awaitable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from gameserver.calls import Call
from gameserver.errors import Interrupted, LocalProtocolError, SnapshotError
from gameserver.identity import Verified
from gameserver.joining import Joining
from gameserver.model.options import named_fields
from gameserver.model.schema import spec_of
from gameserver.model.specs import CommandSpec
from gameserver.outbox import Text
from gameserver.player import Player
from gameserver.rehearsing import script
from gameserver.rehearsing.played_journal import replay_journal
from gameserver.rehearsing.second_process import Run, importable, play_elsewhere
from gameserver.rehearsing.watched_sees import watched_sees
from gameserver.replication.events import Emission
from gameserver.replication.interest import visible_now
from gameserver.replication.publisher import Publisher
from gameserver.replication.seat import NOWHERE, Seat
from gameserver.room import Room
from gameserver.simulation.matchable import options_named, options_of
from gameserver.simulation.stepper import Stepper
from gameserver.state.difference import Facts, describe, first_difference, pack_facts, unpack_facts
from gameserver.state.restore import load
from gameserver.state.snapshot import Captured, capture

__all__ = ["Rehearsal", "replay_journal"]

#: Into how many parts ``check_snapshot`` divides its ticks; each begins with another copy.
COPIES: Final = 8

R = TypeVar("R", bound=Room)


class _TakesAll:
    """The sink of a client that takes every delta at once."""

    clear: Final = True

    def post(self, frame: bytes) -> bool:  # noqa: ARG002 - the signature is that of a sink
        return True


_TAKES_ALL: Final = _TakesAll()


class ReallyWaits(LocalProtocolError):
    """An async hook or function waits for something outside, which a rehearsal does not have."""


class Rehearsal(Generic[R]):
    """Plays ``room`` tick by tick; an exception of one of its hooks is raised here.

    ``texts`` holds the texts that the last ``step`` would have sent to clients, and ``moved`` all
    players that have moved to other rooms, each with the room that the game asked for.

    Where the room has a ``sees``, the rehearsal compares the state before and after the answers for
    each player that was looked at, and ``LocalProtocolError`` names what ``sees`` has changed.
    """

    def __init__(self, room: R) -> None:
        self._begin(Stepper(room))

    def _begin(self, stepper: Stepper[R]) -> None:
        #: The room that is played.
        self.room: R = stepper.room
        #: The texts that the last ``step`` would have sent to clients.
        self.texts: list[str] = []
        #: The players that were moved to another room, and its name.
        self.moved: list[tuple[Player, str]] = []
        self._said: list[Text] = []
        self._stepper = stepper
        #: The seats to which deltas are made, for ``sees``.
        self._watched: dict[int, Seat] = {}
        # No delta is sent anywhere, but publishing checks every value as before the wire, and it
        # updates the positions that ``near`` and ``seen_by`` look up.
        self._publisher = Publisher(
            self.room.world,
            check_every_ticks=1 << 40,
            quiet_ticks=1 << 40,
            asker=watched_sees(self.room, self._captured),
        )

    def join(
        self,
        name: str = "",
        identity: str | None = None,
        *,
        token: str | None = None,
        options: Any = None,
    ) -> Player:
        """Seat a player in the first free seat.

        With ``token`` or ``options`` the player joins as a client does: through ``on_auth``, whose
        ``JoinRefused`` is raised here, and whose result is the player's identity.  In a room that
        requires tokens, ``token`` is the identity in one that the server has verified.  ``options``
        is an instance of the room's options class, or a map by field name, which is checked.

        Without them ``on_auth`` is not called: the player has ``identity`` and default options.
        ``ReallyWaits`` if ``on_auth`` waits for something: ``await play.join_later(…)`` waits.
        """
        chosen = self._options(options)
        if token is not None or options is not None:
            joining = self._joining(name, identity, token, chosen)
            identity = finish(self.room.on_auth(joining), "on_auth", "await play.join_later(…)")
        return self._seat(name, identity, chosen)

    async def join_later(
        self,
        name: str = "",
        identity: str | None = None,
        *,
        token: str | None = None,
        options: Any = None,
    ) -> Player:
        """Seat a player as ``join`` does, through an ``on_auth`` that waits for something."""
        chosen = self._options(options)
        identity = await self.room.on_auth(self._joining(name, identity, token, chosen))
        return self._seat(name, identity, chosen)

    def _options(self, given: Any) -> Any:
        room = type(self.room)
        if given is None:
            return None if room.options is None else named_fields(room.options, "options").default()
        if isinstance(given, Mapping):
            return options_of(room, given)
        if room.options is None or not isinstance(given, room.options):
            wanted = "no options" if room.options is None else f"a {room.options.__name__}"
            raise LocalProtocolError(f"{room.__name__} takes {wanted} and not {given!r}")
        return options_of(room, options_named(room, given))

    def _joining(self, name: str, identity: str | None, token: str | None, options: Any) -> Joining:
        verified = None
        if type(self.room).requires_token:
            proven = identity if token is None else token
            verified = None if proven is None else Verified(proven, "rehearsal", math.inf)
            token = None
        return Joining(name=name, options=options, token=token, verified=verified)

    def _seat(self, name: str, identity: str | None, options: Any) -> Player:
        number = next(n for n in itertools.count(1) if n not in self.room.players)
        seated = self._stepper.join(number, NOWHERE, name, identity, options)
        self._raise_failure()
        return seated.player

    def sees(self, player: Player) -> list[Any]:
        """Return the entities that the client of ``player`` would have now, in the order of ids.

        By the real replication: views, groups, hidden entities and ``Room.sees`` count.  The first
        call for a player begins its view, as for a client that has just joined.
        """
        seated = self._stepper.find(player)
        if seated is None:
            raise LocalProtocolError(f"{player!r} has left")
        seat = seated.seat
        if self._watched.get(seat.number) is not seat:
            self._watched[seat.number] = seat
            seat.sink = _TAKES_ALL
            self._publisher.add(seat)
        self.settle()
        seen = {record.id: record.entity for record in visible_now(self.room.world, seat)}
        return [seen[number] for number in sorted(seen)]

    def leave(self, player: Player, reason: str = "left") -> None:
        """Let a player leave."""
        if (seat := self._watched.pop(player.seat, None)) is not None:
            self._publisher.remove(seat)
        self._stepper.leave(player, reason)
        self._raise_failure()

    def drop(self, player: Player) -> None:
        """Let a player lose its connection; ``resume`` or ``leave`` must follow."""
        self._stepper.drop(player)
        self._raise_failure()

    def resume(self, player: Player) -> None:
        """Let a player who was dropped come back."""
        self._stepper.resume(player)
        self._raise_failure()

    def give(self, player: Player, command: Any) -> None:
        """Let a player give ``command`` for the next tick; ``LocalProtocolError`` beyond limits.

        The game receives it as from the wire: a float that has a step arrives rounded to it.
        """
        spec = spec_of(type(command))
        if type(command) not in self.room.world.schema.kinds or not isinstance(spec, CommandSpec):
            raise LocalProtocolError(f"{type(command).__name__} is no command of this room")
        seated = self._stepper.find(player)
        if seated is None:
            raise LocalProtocolError(f"{player!r} has left")
        commands = seated.commands
        wire = spec.to_wire(command)
        commands.take(commands.newest_seq + 1, spec.from_wire(wire), wire=wire)

    def say(self, player: Player, text: str) -> None:
        """Let a player say ``text``; ``on_say`` is called at the next tick."""
        self._stepper.hear(player, text)

    def step(self, ticks: int = 1) -> list[Any]:
        """Play some ticks; return the events emitted since the last call, in order."""
        events: list[Any] = []
        self.texts, self._said = [], []
        for _ in range(ticks):
            events += self._tick()
        return events

    def _tick(self) -> list[Any]:
        stepper = self._stepper
        stepper.step(self.room.tick_number + 1)
        self._raise_failure()
        for player in stepper.kicked:
            self.leave(player, player.kicked or "")
        for move in stepper.take_moves():
            for player in [self.room.players[seat] for seat in move.seats]:
                self.moved.append((player, move.room))
                self.leave(player, f"moved to {move.room}")
        emissions = stepper.take_emissions()
        self._said += stepper.take_texts()
        self.texts = [said.text for said in self._said]
        self._publish(emissions)
        return [emission.event for emission in emissions]

    def settle(self) -> None:
        """Let ``near`` find entities where a test has put them by hand."""
        self._publish(())

    def _publish(self, emissions: Sequence[Emission]) -> None:
        self._publisher.publish(self.room.tick_number, emissions)
        self._stepper.published(self.room.tick_number)

    def _raise_failure(self) -> None:
        for failure in self._stepper.take_failures():
            raise failure.error

    def heard(self, player: Player) -> list[tuple[str, str]]:
        """Return speaker and text of the texts that ``step`` would have sent to ``player``.

        The server itself has no name.
        """
        return [
            (said.name, said.text)
            for said in self._said
            if said.to is None or player.seat in said.to
        ]

    # ------------------------------------------------------------ background calls

    @property
    def calls(self) -> list[Call]:
        """The background calls that have no result yet, in the order in which they were made."""
        calls = self._stepper.calls
        return [call for call in calls.in_flight.values() if calls.is_expected(call.number)]

    def answer(self, result: Any, call: Call | None = None) -> None:
        """Give the result of ``call``, by default the oldest; its handler runs at the next tick.

        An exception is a result, too.  The function of the call is not run.
        """
        waiting = self.calls
        if call is None and not waiting:
            raise LocalProtocolError("no background call waits for a result")
        number = waiting[0].number if call is None else call.number
        self._forget_request(number)
        self._stepper.finished(number, result)

    def run_calls(self) -> None:
        """Run the functions of all background calls to their ends; handlers run at the next tick.

        ``LocalProtocolError`` for a function that really waits: ``await play.await_calls()`` runs
        those, or ``answer`` gives a result by hand.
        """
        for request in list(self._stepper.calls.requests):
            name = self._stepper.calls.in_flight[request.number].name
            try:
                result = finish(
                    request.function(*request.arguments),
                    name,
                    "await play.await_calls(), or answer",
                )
            except ReallyWaits:
                raise
            except Exception as error:  # noqa: BLE001 - the result of the call
                result = error
            self._forget_request(request.number)
            self._stepper.finished(request.number, result)

    async def await_calls(self) -> None:
        """Run the functions of all background calls, one after another, and wait for each."""
        for request in self._stepper.calls.take_requests():
            try:
                result = await request.function(*request.arguments)
            except Exception as error:  # noqa: BLE001 - the result of the call
                result = error
            self._stepper.finished(request.number, result)

    def _forget_request(self, number: int) -> None:
        calls = self._stepper.calls
        calls.requests = [request for request in calls.requests if request.number != number]

    # ------------------------------------------------------------ checks

    def check_snapshot(self, ticks: int = 200, *, players: int = 4, seed: int = 0) -> None:
        """Check that a room made from a snapshot plays on exactly like this one.

        Plays ``ticks`` ticks with random commands of ``players`` players, and a copy beside it that
        is made anew every few ticks.  ``AssertionError`` names the first entity (or player, or
        attribute of the room) and field that differ, with the tick and both values.
        """
        for seat in self._watched.values():
            self._publisher.remove(seat)
            seat.forget()
            seat.lose_sink()
        self._watched.clear()
        play = script.Script(type(self.room), players, seed)
        copy = self._copied()
        copied_tick = self.room.tick_number
        for number in range(1, ticks + 1):
            actions = play.actions(self.room.players)
            events = self._play(actions)
            tick = self.room.tick_number
            since = f"tick {tick}, {tick - copied_tick} after the snapshot"
            try:
                copied_events = copy._play(actions)
            except Exception as error:
                raise AssertionError(
                    f"{since}: the copy raised {type(error).__name__}: {error}"
                ) from error
            _compare(since, self, copy)
            _compare_lists(since, "event", events, copied_events)
            _compare_lists(since, "text", self.texts, copy.texts)
            if number % max(1, ticks // COPIES) == 0:
                copy, copied_tick = self._copied(), tick

    def check_determinism(self, ticks: int = 200, *, players: int = 4, seed: int = 0) -> None:
        """Check that the same inputs have the same effect in another process.

        Both begin with a new room of this class, name and seed.  Anything that depends on the order
        of a set, on the global random numbers, on a clock, or on the addresses of objects shows as
        a difference; ``AssertionError`` names it as ``check_snapshot`` does.  The second process
        must be able to import the class, else ``LocalProtocolError`` names it.
        """
        room = type(self.room)
        module, qualname = importable(room)
        run = Run(module, qualname, self.room.name, self.room._seed, ticks, players, seed)
        states = states_of_play(room, run)
        second = play_elsewhere(run)
        for tick, (one, other) in enumerate(zip(states, second.states, strict=False)):
            if one != other:
                _complain(f"tick {tick}", unpack_facts(one), unpack_facts(other), *_PROCESSES)
        if second.failure is not None:
            tick = len(second.states)
            raise AssertionError(f"tick {tick}: the second process failed: {second.failure}")

    def _play(self, actions: Sequence[script.Action]) -> list[Any]:
        """Act, and play one tick; return the events emitted in it.

        Random play has nothing outside, so every background call is interrupted.
        """
        for action in actions:
            if isinstance(action, script.Join):
                self._stepper.measured(self.join(action.name), action.latency)
                continue
            player = self.room.players.get(action.seat)
            if player is None:
                continue  # the game has made it leave
            match action:
                case script.Leave():
                    self.leave(player)
                case script.Drop():
                    self.drop(player)
                case script.Resume():
                    self.resume(player)
                case script.Give(command=command):
                    self.give(player, command)
                case script.Say(text=text):
                    self.say(player, text)
        for call in self.calls:
            self.answer(Interrupted(), call)
        return self.step()

    def _captured(self) -> Captured:
        return capture(self._stepper, self._publisher)

    def _copied(self) -> Rehearsal[R]:
        """Return a rehearsal of a room made from a snapshot of this one, compared with it."""
        room, tick = self.room, self.room.tick_number
        try:
            loaded = load(type(room), self._captured().encode())
        except (LocalProtocolError, SnapshotError) as error:
            raise AssertionError(f"tick {tick}: {error}") from error
        copy: Rehearsal[R] = Rehearsal.__new__(Rehearsal)
        copy._begin(loaded.stepper)
        loaded.continue_publishing(copy._publisher)
        finish(loaded.room.on_load(), "on_load", "one that need not")
        for name in vars(room).keys() - vars(loaded.room).keys():
            raise AssertionError(
                f"tick {tick}: {type(room).__name__}.{name} is not there after loading: annotate "
                "it in the class body, return it from save, or set it in load"
            )
        _compare(f"tick {tick}, directly after loading", self, copy)
        return copy


_COPIES: Final = ("the original", "the copy")
_PROCESSES: Final = ("the first process", "the second")


def states_of_play(room: type[R], run: Run) -> Iterator[bytes]:
    """Play a new room; yield its packed facts before the first tick and after each."""
    rehearsal = Rehearsal(room(run.name, seed=run.seed))
    play = script.Script(room, run.players, run.script_seed)
    yield pack_facts(describe(rehearsal._captured()))
    for _ in range(run.ticks):
        rehearsal._play(play.actions(rehearsal.room.players))
        yield pack_facts(describe(rehearsal._captured()))


def _compare(when: str, original: Rehearsal[R], copy: Rehearsal[R]) -> None:
    try:
        one, other = original._captured(), copy._captured()
        equal = one.encode() == other.encode()
    except LocalProtocolError as error:
        raise AssertionError(f"{when}: {error}") from error
    if not equal:
        _complain(when, describe(one), describe(other), *_COPIES)


def _complain(when: str, first: Facts, second: Facts, one: str, other: str) -> None:
    difference = first_difference(first, second)
    if difference is None:
        raise AssertionError(f"{when}: the engine's state of the room differs")
    raise AssertionError(f"{when}: {difference.said_of(one, other)}")


def _compare_lists(when: str, what: str, original: Sequence[Any], copy: Sequence[Any]) -> None:
    for one, other in itertools.zip_longest(original, copy):
        if one != other:
            raise AssertionError(
                f"{when}: {what} {one!r} in {_COPIES[0]} and {other!r} in {_COPIES[1]}"
            )


def finish(coroutine: Coroutine[Any, Any, Any] | Awaitable[Any], name: str, instead: str) -> Any:
    """Run an async hook or function that waits for nothing, and return what it returns."""
    steps = coroutine.__await__()
    try:
        next(steps)
    except StopIteration as done:
        return done.value
    finally:
        if isinstance(coroutine, Coroutine):
            coroutine.close()
    raise ReallyWaits(f"{name} waits for something, which a rehearsal cannot: use {instead}")
