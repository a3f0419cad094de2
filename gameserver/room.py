"""What a game author subclasses: ``Room``.  The ``Player`` that it is given is in ``player.py``.

Owns the game's side of a tick: players, their commands in order, events, chat, and the
hooks.  Never sends, never waits, never looks at a clock: ``runtime/room_task.py`` calls
``step`` at a fixed rate and ``replication/publisher.py`` sends what the step left behind.
"""

from __future__ import annotations

import random
import sys
from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, ClassVar, Final, Literal, TypeVar

import attrs

from gameserver.errors import LocalProtocolError
from gameserver.identity import Verified
from gameserver.model.history import History, Present, Seen
from gameserver.model.schema import Schema, spec_of
from gameserver.model.specs import CommandSpec, EventSpec
from gameserver.model.world import World
from gameserver.player import InputTimes, Player, Waiting
from gameserver.protocol.kinds import SHOWN_PER_TICK
from gameserver.protocol.texts import cleaned_text
from gameserver.replication.events import Emission, Point
from gameserver.replication.seat import Seat, Sink
from gameserver.rewind import believed_age, bounds

__all__ = ["HookFailure", "Player", "Room", "Seen"]

E = TypeVar("E")

#: Texts said in a room that wait for its tick.  Overflow policy ``drop-newest``, counted in
#: ``Room.texts_dropped``.
MAX_WAITING_TEXTS: Final = 256

#: The hooks that a step calls, in its order; ``on_command`` for commands, then for inputs.
STEP_HOOKS: Final = ("on_command", "on_command", "on_say", "tick")

_FAILED: Final = object()
_seat_number: Final = attrgetter("_seat.number")


@attrs.frozen
class HookFailure:
    """A hook of the game that raised; ``player`` is None if it was not about one player."""

    hook: str
    player: Player | None
    error: Exception


class Room:
    """Subclass this and override the hooks.

    Class attributes to set: ``tick_rate`` (ticks per second), ``view_radius`` (in the units of
    positions; None shows everything to everyone), ``max_players``, ``publish_every`` (ticks
    per delta), ``classes`` (the entity, command and event classes; by default all of them that
    the module of the room, and of its base rooms, contains).

    For commands that a player gives at every tick, such as controls held: ``input`` is their class.
    From a player's first one on, ``on_command`` is called with exactly one per tick, the one that
    the client meant for it.  Where none has come, ``idle`` says what goes on: ``"repeat"`` the last
    one for up to ``idle_repeat_ticks``, then ``on_idle``; ``"neutral"``: ``on_idle`` at once.

    For hit tests: ``rewinds`` names the located entity classes whose past ``seen_by`` can look
    at, kept for ``history_s``; nobody sees further back than ``max_rewind_ms``.
    ``lag_compensation`` False makes ``seen_by`` show the present to all.

    ``hold_s``: for how long the seat of a player whose connection is lost is held, so that its
    client can come back to it (0: not at all).  Until then the player stays in ``players`` with
    ``connected`` False, and nothing is repeated of its inputs: ``on_idle`` at once.

    ``requires_token``: only those with a token that the server's secret signed come in, and
    ``on_auth`` is given whom it stands for.  ``second_sign_in``: what happens when someone signs in
    whose identity plays here already.  ``"take over"``: that player goes on over the newer
    connection (``on_drop``, unless it was dropped already, then ``on_resume``), and the older one
    is closed with 4012.  ``"refuse"``: as long as the older one is connected.
    """

    tick_rate: ClassVar[int] = 20
    view_radius: ClassVar[float | None] = None
    max_players: ClassVar[int] = 64
    publish_every: ClassVar[int] = 1
    classes: ClassVar[Sequence[type] | None] = None

    input: ClassVar[type | None] = None
    idle: ClassVar[Literal["repeat", "neutral"]] = "repeat"
    idle_repeat_ticks: ClassVar[int] = 10

    rewinds: ClassVar[Sequence[type]] = ()
    history_s: ClassVar[float] = 1.0
    max_rewind_ms: ClassVar[int] = 500
    lag_compensation: bool = True

    hold_s: ClassVar[float] = 30.0

    requires_token: ClassVar[bool] = False
    second_sign_in: ClassVar[Literal["take over", "refuse"]] = "take over"

    def __init__(self, name: str = "room", *, seed: int = 0) -> None:
        self.name = name
        self.random = random.Random(seed)
        self.world = World(self.schema(), self.view_radius)
        #: Seat number → player.
        self.players: dict[int, Player] = {}
        #: The tick being simulated, or the last one between ticks.  Dropped ticks leave gaps.
        self.tick_number = 0
        #: What the overload ladder leaves: game time as a share of real time, and how many ticks
        #: lie between two deltas.
        self.pace = 1.0
        self.publish_interval = self.publish_every
        self.texts_dropped = 0
        self.failures: list[HookFailure] = []
        #: When the hooks of the last step had run, in this order: ``STEP_HOOKS``.
        self.hooks_ended_s: tuple[float, ...] = ()
        #: What the publisher has yet to send: events, and texts as (seat, name, text, to).
        self.emissions: list[Emission] = []
        self.texts: list[tuple[int, str, str, int | None]] = []
        self._said: list[tuple[Player, str]] = []
        self._waiting = Waiting(self._checked_input())
        #: In the order of their seats; kept only where every tick needs all.
        self._seated: list[Player] = []
        self._past = self._make_past()
        self.on_create()

    def _checked_input(self) -> type | None:
        if self.input is not None and not isinstance(spec_of(self.input), CommandSpec):
            raise LocalProtocolError(f"{type(self).__name__}.input is not a command class")
        if self.input is not None and self.input not in self.world.schema.kinds:
            raise LocalProtocolError(f"{self.input.__name__} is not in {type(self).__name__}")
        return self.input

    def _make_past(self) -> History | None:
        if not self.rewinds:
            return None
        if self.max_rewind_ms > 1000 * self.history_s:
            raise LocalProtocolError("history_s is shorter than max_rewind_ms")
        # Two more publishes: those on both sides of the oldest moment; they may be twice as far
        # apart where the room is overloaded.
        length_ticks = round(self.history_s * self.tick_rate) + 4 * self.publish_every
        return History(self.world, self.rewinds, length_ticks)

    @classmethod
    def schema(cls) -> Schema:
        """Return the schema of this kind of room."""
        cached: Schema | None = cls.__dict__.get("_schema")
        if cached is None:
            cached = Schema.of(_classes_of(cls) if cls.classes is None else cls.classes)
            cls._schema = cached  # type: ignore[attr-defined]
        return cached

    # ------------------------------------------------------------ hooks

    def on_create(self) -> None:
        """Build the world.  Called once, before anybody joins."""

    async def on_start(self) -> None:
        """Load what the room needs from outside.  The first tick waits for it."""

    async def on_stop(self) -> None:
        """Save what must outlive the room.  Called once, after the last tick."""

    async def on_auth(self, name: str, token: Any) -> str | None:
        """Return the identity of one who wants to join, or raise ``JoinRefused``.

        ``token`` is a ``Verified``, with the ``identity`` that the server has verified, in a room
        that ``requires_token``; in any other it is the text that the client sent (or None), which
        only this hook can check.  The default lets everyone in, with the verified identity or none.
        """
        return token.identity if isinstance(token, Verified) else None

    def on_join(self, player: Player) -> None:
        """``player`` has a seat and will receive the world after this tick."""

    def on_leave(self, player: Player, reason: str) -> None:
        """``player`` is gone; entities that it owns are still there."""

    def on_drop(self, player: Player) -> None:
        """The connection of ``player`` is lost; it may come back within ``hold_s``.

        Either ``on_resume`` or ``on_leave`` follows.  Override this to say what becomes of what it
        steers; the default leaves it where it is, without a command.
        """

    def on_resume(self, player: Player) -> None:
        """``player`` is back, in the same seat; its client is brought up to date after this tick.

        Or it is a newer client of the same identity, which knows nothing yet (``second_sign_in``).
        """

    def on_command(self, player: Player, command: Any) -> None:
        """``player`` asks for ``command``; its limits have been checked."""

    def on_idle(self, player: Player) -> Any:
        """Return the input of a player of whom nothing is heard.

        The default is the input class with all defaults: nothing is held.
        """
        assert self.input is not None
        return self.input()

    def on_say(self, player: Player, text: str) -> str | None:
        """Return what everyone shall hear, None for nothing.  The default lets all text through.

        What is returned is cleaned as by ``say``.
        """
        return text

    def tick(self) -> None:
        """Advance the world by ``dt``."""

    def on_overload(self, level: int) -> None:
        """Called when the level of the overload ladder changes: from 0 (normal) to 4 (no joins).

        Runs after the tick that caused the change.  A game may reduce its own work, too.
        """

    # ------------------------------------------------------------ what hooks call

    @property
    def input_times(self) -> InputTimes:
        """How long the latest inputs of all players took at the server."""
        return self._waiting.times

    @property
    def dt(self) -> float:
        """Seconds of game time in one tick; never varies."""
        return 1 / self.tick_rate

    def spawn(self, entity: E, *, owner: Player | None = None) -> E:
        """Add ``entity`` to the world, and return it."""
        self.world.spawn(entity, owner=0 if owner is None else _seat_of(owner, "owner"))
        return entity

    def despawn(self, entity: Any) -> None:
        """Take ``entity`` out of the world."""
        self.world.despawn(entity)

    def id_of(self, entity: Any) -> int:
        """Return the id under which clients know ``entity``; 0 if it is not in the world."""
        return self.world.id_of(entity)

    def near(self, x: float, y: float, radius: float, cls: type[E]) -> Iterator[E]:
        """Yield the entities of ``cls`` within ``radius`` of a point; see ``World.near``."""
        return self.world.near(x, y, radius, cls)

    def seen_by(self, player: Player) -> Seen:
        """Return the world as ``player``'s screen showed it when it gave its last command.

        For hit tests, with the shooter itself where it is now (clients predict their own entity).
        What the command claims is believed as far as the measured latency bears it out (see
        ``rewind.py``), and to at most ``max_rewind_ms`` before this tick.
        """
        if self._past is None:
            raise LocalProtocolError(f"{type(self).__name__}.rewinds names no classes")
        compensated = self.lag_compensation and player.lag_compensation
        if not compensated or self._past.newest_tick is None:
            return Present(self.world, self.tick_number)
        return self._past.at(self._seen_tick(player))

    def _seen_tick(self, player: Player) -> float:
        """Return the tick that the player saw, bounded and counted."""
        rate = self.tick_rate * self.pace  # in real time, as latency is
        limits = bounds(player.latency, rate, self.publish_interval)
        shown, arrived = player.claim(self.tick_number)
        age, believed = limits.usual, True
        if shown:
            age, believed = believed_age(arrived - shown / SHOWN_PER_TICK, limits)
        if not believed:
            player.rewinds_disputed += 1
        seen = arrived - age
        oldest = self.tick_number - self.max_rewind_ms * rate / 1000
        if seen < oldest:
            player.rewinds_clamped += 1
            return oldest
        return seen

    def emit(
        self, event: Any, *, at: Point | Sequence[Point] | None = None, to: Player | None = None
    ) -> None:
        """Tell of ``event``: to one player, to all that see (one of) the points ``at``, or all."""
        known = type(event) in self.world.schema.kinds
        if not known or not isinstance(spec_of(type(event)), EventSpec):
            raise LocalProtocolError(
                f"{type(event).__name__} is not an event class of this room; see Room.classes"
            )
        points = None if at is None else _points(at)
        seat = None if to is None else _seat_of(to, "to")
        self.emissions.append(Emission(event, points, seat))

    def say(self, text: str, *, to: Player | None = None) -> None:
        """Send ``text`` to everyone (or one player) in the server's name.

        Line breaks become spaces, and what no text may hold (protocol README, "Texts and names")
        is left out, for the text may quote a player.  Nothing is sent if nothing is left.
        """
        self._send_text(0, "", text, None if to is None else _seat_of(to, "to"))

    def _send_text(self, seat: int, name: str, text: str, to: int | None) -> None:
        if clean := cleaned_text(text):
            self.texts.append((seat, name, clean, to))

    # ------------------------------------------------------------ what the runtime calls

    def join(self, number: int, sink: Sink, name: str, identity: str | None = None) -> Player:
        """Seat a player and run ``on_join``; if that raises it is noted in ``failures``."""
        player = Player(Seat(number, sink), name, identity, self._waiting)
        self.players[number] = player
        if self.input is not None:
            insort(self._seated, player, key=_seat_number)
        self._guarded("on_join", player, player)
        return player

    def leave(self, player: Player, reason: str) -> None:
        """Run ``on_leave`` and free the seat; what the player owned is nobody's then.

        Harmless if the player has left already.
        """
        if self.players.get(player.seat) is not player:
            return
        del self.players[player.seat]
        if self.input is not None:
            self._seated.remove(player)
        self._guarded("on_leave", player, player, reason)
        # What is still on its way to this seat must not reach the next who takes it.
        self.emissions = [e for e in self.emissions if e.seat != player.seat]
        self.texts = [t for t in self.texts if t[3] != player.seat]
        for record in list(self.world.owned.get(player.seat, {}).values()):
            self.world.set_owner(record.entity, 0)

    def drop(self, player: Player) -> None:
        """Note that the connection is lost and the seat is held, and run ``on_drop``."""
        player.note_drop()
        self._guarded("on_drop", player, player)

    def resume(self, player: Player) -> None:
        """Note that the player is connected again, and run ``on_resume``."""
        player.connected = True
        self._guarded("on_resume", player, player)

    def hear(self, player: Player, text: str) -> None:
        """Queue a text that a player said for the next tick."""
        if len(self._said) >= MAX_WAITING_TEXTS:
            self.texts_dropped += 1
        else:
            self._said.append((player, text))

    @property
    def kicked(self) -> Sequence[Player]:
        """Players who are to go and have not left yet."""
        waiting = self._waiting
        if waiting.kicked:
            waiting.kicked = [p for p in waiting.kicked if self.players.get(p.seat) is p]
        return waiting.kicked

    def expect(self, tick_number: int) -> None:
        """Take commands from now on for ``tick_number`` or later: it is about to be stepped."""
        self._waiting.upcoming_tick = tick_number

    def overloaded(self, level: int) -> None:
        """Run ``on_overload``; what it raises is noted in ``failures``."""
        self._guarded("on_overload", None, level)

    def step(
        self,
        tick_number: int,
        begun_s: float = 0.0,
        clock: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Simulate one tick: commands in (seat, seq) order, inputs, texts, then ``tick``.

        ``begun_s``: when it began, on the clock by which commands were read (0.0: unknown);
        ``clock`` is that clock, for ``hooks_ended_s``.
        Never raises: what a hook raised is appended to ``failures``.
        """
        self.tick_number = tick_number
        self._waiting.upcoming_tick = tick_number + 1
        waiting = sorted(self._waiting.players, key=_seat_number)
        self._waiting.players.clear()
        for player in waiting:
            self._apply_commands(player)
        commands_s = clock()
        if self.input is not None:
            self._apply_inputs(begun_s)
        inputs_s = clock()
        for player, text in self._take_said():
            heard = self._guarded("on_say", player, player, text)
            if isinstance(heard, str):
                self._send_text(player.seat, player.name, heard, None)
            elif heard is not None and heard is not _FAILED:
                wrong = TypeError(f"on_say must return a str or None, not {type(heard).__name__}")
                self.failures.append(HookFailure("on_say", player, wrong))
        said_s = clock()
        self._guarded("tick", None)
        self.hooks_ended_s = (commands_s, inputs_s, said_s, clock())

    def _apply_commands(self, player: Player) -> None:
        if self.players.get(player.seat) is not player:
            return  # left since
        on_command = self.on_command
        try:
            for command in player.drain_commands(self.tick_number):
                on_command(player, command)
        except Exception as error:  # noqa: BLE001 - as in ``_guarded``, but once for all
            self.failures.append(HookFailure("on_command", player, error))
            player.discard_commands()

    def _apply_inputs(self, begun_s: float) -> None:
        """Give every player's input of this tick to ``on_command``."""
        tick, repeats = self.tick_number, self.idle == "repeat"
        for player in tuple(self._seated):
            due, command = player.next_input(
                tick, begun_s, self.idle_repeat_ticks, repeats=repeats and player.connected
            )
            if not due:
                continue
            if command is None:
                command = self._guarded("on_idle", player, player)
            if command is _FAILED or (
                self._guarded("on_command", player, player, command) is _FAILED
            ):
                player.discard_commands()

    def published(self, tick_number: int, sent_s: float = 0.0, simulate_s: float = 0.0) -> None:
        """Note what has just been published, for ``seen_by`` and for the latency budget.

        ``sent_s``: when the last delta was written; ``simulate_s``: how long the step had taken.
        """
        if self._past is not None:
            self._past.record(tick_number)
        for player in self._seated:
            player.note_published(tick_number, sent_s - simulate_s)

    def _take_said(self) -> list[tuple[Player, str]]:
        said, self._said = self._said, []
        return [(p, text) for p, text in said if self.players.get(p.seat) is p]

    def _guarded(self, hook: str, player: Player | None, *arguments: Any) -> Any:
        """Call a hook; if it raises, note the failure and return ``_FAILED``."""
        try:
            return getattr(self, hook)(*arguments)
        except Exception as error:  # noqa: BLE001 - a game's bug must not take the server down
            self.failures.append(HookFailure(hook, player, error))
            return _FAILED


def _seat_of(player: Player, argument: str) -> int:
    try:
        return player.seat
    except AttributeError:
        raise LocalProtocolError(
            f"{argument}= is a Player, such as room.players has by seat, no {type(player).__name__}"
        ) from None


def _points(at: Any) -> Sequence[Point]:
    try:
        return (at,) if isinstance(at[0], (int, float)) else at
    except TypeError:
        raise LocalProtocolError(
            f"at= is a point (x, y) or a list of them, no {type(at).__name__}"
        ) from None


def _classes_of(room: type[Room]) -> Iterable[type]:
    """Return the declared classes in the modules of ``room`` and its bases."""
    modules = {c.__module__ for c in room.__mro__ if issubclass(c, Room) and c is not Room}
    for module in modules:
        for value in vars(sys.modules[module]).values():
            if isinstance(value, type) and spec_of(value) is not None:
                yield value
