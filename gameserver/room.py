"""What a game author subclasses: ``Room``, and the ``Player`` that it is given.

Owns the game's side of a tick: players, their commands in order, events, chat, and the
hooks.  Never sends, never waits, never looks at a clock: ``runtime/room_task.py`` calls
``step`` at a fixed rate and ``replication/publisher.py`` sends what the step left behind.
"""

from __future__ import annotations

import random
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Final, TypeVar

import attrs

from gameserver.errors import LocalProtocolError
from gameserver.model.schema import Schema, spec_of
from gameserver.model.specs import EventSpec
from gameserver.model.world import World
from gameserver.protocol.latency import Latency
from gameserver.replication.events import Emission, Point
from gameserver.replication.seat import Seat, Sink

E = TypeVar("E")

#: Commands of one player that wait for their tick.  Overflow policy ``drop-oldest``, counted in
#: ``Player.commands_dropped``.
MAX_WAITING_COMMANDS: Final = 64
#: Texts said in a room that wait for its tick.  Overflow policy ``drop-newest``, counted in
#: ``Room.texts_dropped``.
MAX_WAITING_TEXTS: Final = 256

_FAILED: Final = object()


class Player:
    """One who plays in a room: a person or a bot.

    ``seat`` is the place in the room, ``identity`` what ``Room.on_auth`` returned, ``latency`` what
    the ping frames measured.
    """

    def __init__(self, seat: Seat, name: str, identity: str | None, waiting: list[Player]) -> None:
        self.name = name
        self.identity = identity
        self.latency = Latency()
        #: Free for the game: whatever it wants to keep with a player.
        self.data: Any = None
        self.commands_dropped = 0
        self.commands_stale = 0
        #: Set by ``kick``; the session ends after this tick.
        self.kicked: str | None = None
        self._seat = seat
        self._newest_seq = 0
        self._inbox: deque[tuple[int, Any]] = deque(maxlen=MAX_WAITING_COMMANDS)
        #: The room's list of players with commands; a tick looks at nobody else.
        self._waiting = waiting

    def __repr__(self) -> str:
        return f"<Player {self.name!r} in seat {self.seat}>"

    @property
    def seat(self) -> int:
        """The number of the seat, from 1."""
        return self._seat.number

    @property
    def entity(self) -> Any:
        """The spawned entity that this player steers, or None.

        Its position is what the view follows.  Despawning it leaves None.
        """
        record = self._seat.own
        return record.entity if record is not None and record.alive else None

    @entity.setter
    def entity(self, entity: Any) -> None:
        record = None if entity is None else entity._record
        if entity is not None and record is None:
            raise LocalProtocolError(f"spawn the {type(entity).__name__} before a player has it")
        self._seat.own = record
        self._seat.own_changed = True

    @property
    def focus(self) -> Point | None:
        """A point to look at, in the units of positions; None: look at the own entity.

        A player with neither keeps looking where it last looked.
        """
        return self._seat.focus

    @focus.setter
    def focus(self, point: Point | None) -> None:
        self._seat.focus = point

    def kick(self, reason: str) -> None:
        """End this player's session after this tick, with close code 4010 and ``reason``."""
        self.kicked = reason

    def take_command(self, seq: int, command: Any) -> None:
        """Queue a checked command for the next tick; called by the session."""
        if seq <= self._newest_seq:
            self.commands_stale += 1
            return
        self._newest_seq = seq
        if not self._inbox:
            self._waiting.append(self)
        elif len(self._inbox) == MAX_WAITING_COMMANDS:
            self.commands_dropped += 1
        self._inbox.append((seq, command))

    def discard_commands(self) -> None:
        """Drop what waits, counted."""
        self.commands_dropped += len(self._inbox)
        self._inbox.clear()

    def drain_commands(self) -> Iterator[Any]:
        """Yield the waiting commands in seq order, each acknowledged as it is handed out."""
        while self._inbox:
            self._seat.command_seq, command = self._inbox.popleft()
            yield command


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
    """

    tick_rate: ClassVar[int] = 20
    view_radius: ClassVar[float | None] = None
    max_players: ClassVar[int] = 64
    publish_every: ClassVar[int] = 1
    classes: ClassVar[Sequence[type] | None] = None

    def __init__(self, name: str = "room", *, seed: int = 0) -> None:
        self.name = name
        self.random = random.Random(seed)
        self.world = World(self.schema(), self.view_radius)
        #: Seat number → player.
        self.players: dict[int, Player] = {}
        #: The tick being simulated, or the last one between ticks.  Dropped ticks leave gaps.
        self.tick_number = 0
        self.texts_dropped = 0
        self.failures: list[HookFailure] = []
        #: What the publisher has yet to send: events, and texts as (seat, name, text, to).
        self.emissions: list[Emission] = []
        self.texts: list[tuple[int, str, str, int | None]] = []
        self._said: list[tuple[Player, str]] = []
        self._waiting: list[Player] = []
        self.on_create()

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

    async def on_auth(self, name: str, token: str | None) -> str | None:
        """Return the identity of one who wants to join, or raise ``JoinRefused``.

        The default lets everyone in, with no identity.
        """
        return None

    def on_join(self, player: Player) -> None:
        """``player`` has a seat and will receive the world after this tick."""

    def on_leave(self, player: Player, reason: str) -> None:
        """``player`` is gone; entities that it owns are still there."""

    def on_command(self, player: Player, command: Any) -> None:
        """``player`` asks for ``command``; its limits have been checked."""

    def on_say(self, player: Player, text: str) -> str | None:
        """Return what everyone shall hear, None for nothing.  The default lets all text through."""
        return text

    def tick(self) -> None:
        """Advance the world by ``dt``."""

    # ------------------------------------------------------------ what hooks call

    @property
    def dt(self) -> float:
        """Seconds of game time in one tick; never varies."""
        return 1 / self.tick_rate

    def spawn(self, entity: E, *, owner: Player | None = None) -> E:
        """Add ``entity`` to the world, and return it."""
        self.world.spawn(entity, owner=0 if owner is None else owner.seat)
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
        self.emissions.append(Emission(event, points, None if to is None else to.seat))

    def say(self, text: str, *, to: Player | None = None) -> None:
        """Send ``text`` to everyone (or one player) in the server's name."""
        self.texts.append((0, "", text, None if to is None else to.seat))

    # ------------------------------------------------------------ what the runtime calls

    def join(self, number: int, sink: Sink, name: str, identity: str | None = None) -> Player:
        """Seat a player and run ``on_join``; if that raises it is noted in ``failures``."""
        player = Player(Seat(number, sink), name, identity, self._waiting)
        self.players[number] = player
        self._guarded("on_join", player, player)
        return player

    def leave(self, player: Player, reason: str) -> None:
        """Run ``on_leave`` and free the seat; what the player owned is nobody's then.

        Harmless if the player has left already.
        """
        if self.players.get(player.seat) is not player:
            return
        del self.players[player.seat]
        self._guarded("on_leave", player, player, reason)
        # What is still on its way to this seat must not reach the next who takes it.
        self.emissions = [e for e in self.emissions if e.seat != player.seat]
        self.texts = [t for t in self.texts if t[3] != player.seat]
        for record in list(self.world.owned.get(player.seat, {}).values()):
            self.world.set_owner(record.entity, 0)

    def hear(self, player: Player, text: str) -> None:
        """Queue a text that a player said for the next tick."""
        if len(self._said) >= MAX_WAITING_TEXTS:
            self.texts_dropped += 1
        else:
            self._said.append((player, text))

    def step(self, tick_number: int) -> None:
        """Simulate one tick: commands in (seat, seq) order, texts, then ``tick``.

        Never raises: what a hook raised is appended to ``failures``.
        """
        self.tick_number = tick_number
        waiting = sorted(self._waiting, key=_seat_number)
        self._waiting.clear()
        for player in waiting:
            self._apply_commands(player)
        for player, text in self._take_said():
            heard = self._guarded("on_say", player, player, text)
            if heard is not None and heard is not _FAILED:
                self.texts.append((player.seat, player.name, heard, None))
        self._guarded("tick", None)

    def _apply_commands(self, player: Player) -> None:
        if self.players.get(player.seat) is not player:
            return  # left since
        for command in player.drain_commands():
            if self._guarded("on_command", player, player, command) is _FAILED:
                player.discard_commands()
                return

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


def _seat_number(player: Player) -> int:
    return player.seat


def _points(at: Any) -> Sequence[Point]:
    return (at,) if isinstance(at[0], (int, float)) else at


def _classes_of(room: type[Room]) -> Iterable[type]:
    """Return the declared classes in the modules of ``room`` and its bases."""
    modules = {c.__module__ for c in room.__mro__ if issubclass(c, Room) and c is not Room}
    for module in modules:
        for value in vars(sys.modules[module]).values():
            if isinstance(value, type) and spec_of(value) is not None:
                yield value
