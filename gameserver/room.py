"""``Room``, the class that a game author subclasses.  Its ``Player`` is in ``player.py``.

Owns the settings, the hooks and the tools of a game.  Sends nothing, and calls no hook except
``on_create``: ``simulation/stepper.py`` calls the others and keeps the engine's half of a room.
"""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

import attrs

from gameserver.calls import Calls, check_background
from gameserver.cluster.placement import Placement
from gameserver.errors import LocalProtocolError
from gameserver.group import Group, Groups
from gameserver.joining import Joining
from gameserver.model.history import Present, Seen
from gameserver.model.options import named_fields
from gameserver.model.schema import Schema, spec_of
from gameserver.model.specs import EventSpec
from gameserver.model.view import View
from gameserver.model.world import Seal, World
from gameserver.outbox import Outbox
from gameserver.player import EntityT, Player, Screen
from gameserver.replication.events import Emission, Point
from gameserver.storage.declared import Collection, Leaderboard
from gameserver.storage.room_storage import RoomStorage
from gameserver.timers import Timer, Timers, check_call, check_method, ticks_of

__all__ = ["Group", "Player", "Room", "Seen", "Timer"]

E = TypeVar("E")
R = TypeVar("R", bound="Room")


class Past(Protocol):
    """Answers ``Room.seen_by``; ``simulation/rewind.py`` implements it."""

    def seen_by(self, room: Room, player: Player, screen: Screen) -> Seen:
        """Return what ``screen``, the screen of ``player``, showed."""


class Reserve(Protocol):
    """Reserves seats for ``Room.reserve_seats``; ``runtime/rooms/lobby.py`` implements it."""

    def __call__(self, room: str, count: int, valid_s: float) -> list[str]:
        """Return a ticket for each seat, or raise ``JoinRefused``."""


class Room(Generic[EntityT]):
    """Subclass this and override the hooks.

    ``Room[Ship]`` tells type checkers that ``player.entity`` is a ``Ship`` in the hooks of the
    room, where ``player`` is then a ``Player[Ship]``.  Plain ``Room`` leaves that open.

    Class attributes to set: ``tick_rate`` (ticks per second), ``view`` (which entities a player
    sees by distance, as in ``Near(400)``; None shows everything to everyone), ``max_players``,
    ``publish_every`` (ticks per delta), ``classes`` (the entity, command and event classes; by
    default all such classes in the module of the room and in the modules of its base rooms).

    ``input`` is the class of the commands that a player gives at every tick, such as held controls.
    From a player's first input on, ``on_command`` is called with exactly one input per tick: the
    one that the client meant for that tick.  If that input has not come, ``idle`` decides:
    ``"repeat"`` repeats the last input for up to ``idle_repeat_ticks`` and then calls ``on_idle``;
    ``"neutral"`` calls ``on_idle`` at once.

    For hit tests, ``rewinds`` names the located entity classes whose past ``seen_by`` can look
    at.  The past is kept for ``history_s``; no player sees further back than ``max_rewind_ms``.
    ``lag_compensation`` False makes ``seen_by`` show the present to all.

    ``hold_s`` is how long the server holds the seat of a player whose connection is lost, so that
    its client can resume (0: not at all).  Until then the player stays in ``players`` with
    ``connected`` False, and its inputs are not repeated: ``on_idle`` is called at once.

    ``journaled`` says whether all that comes into the room is written to a file, from which
    ``gameserver replay`` plays it again: always, never, or (None) if the server has a folder for
    journals.  The effects of ``on_auth`` and ``on_start`` are in no journal, so ``on_auth`` must
    not change anything that the other hooks read.

    A ``durable`` room outlives its process: after a crash or a stop, the next server with the same
    data folder recovers it before it takes connections, and its players come back to their seats.
    It is recovered from a snapshot, so ``on_load`` is called in place of ``on_start``.

    ``stored`` names the collections and leaderboards of which clients may read: a player its own
    objects, and places in leaderboards; only of those that are ``client_readable``.

    With ``requires_token``, a client needs a token that the server's secret signed; ``on_auth``
    receives the identity in it.  ``second_sign_in`` decides what happens when an identity that
    plays in the room signs in again.  ``"take over"``: its player continues over the newer
    connection (``on_drop``, unless it was dropped already, then ``on_resume``), and the older
    connection is closed with 4012.  ``"refuse"``: the newer connection is refused while the older
    one is connected.

    ``options`` is an attrs class of the options that a client may give when it joins, checked like
    the fields of a command.  ``Player.options`` is an instance of it, and so is ``made_with``: the
    options of the client for which the room was made, or all defaults (None if a field has no
    default).

    ``listing`` is an attrs class, too.  In a room, ``self.listing`` is an instance, which the game
    changes as it likes, and which ``/rooms`` shows.  ``filter_by`` names its fields that clients
    may filter rooms by; an option of the same name is such a filter.  A room with ``locked`` set
    takes no newcomers.  A room with ``private`` set is not listed, and only clients that name it
    join it.
    """

    #: Ticks per second.
    tick_rate: ClassVar[int] = 20
    #: The view by distance, as in ``Near(400)``; None shows everything to everyone.
    view: ClassVar[View | None] = None
    #: The number of seats.
    max_players: ClassVar[int] = 64
    #: Ticks from one delta to the next.
    publish_every: ClassVar[int] = 1
    #: The entity, command and event classes; None: all in the modules of the room and its bases.
    classes: ClassVar[Sequence[type] | None] = None

    #: The class of the commands that a player gives at every tick, such as held controls.
    input: ClassVar[type | None] = None
    #: If an input has not come, ``"repeat"`` repeats the last one; ``"neutral"`` calls ``on_idle``.
    idle: ClassVar[Literal["repeat", "neutral"]] = "repeat"
    #: For how many ticks the last input is repeated.
    idle_repeat_ticks: ClassVar[int] = 10

    #: The located entity classes whose past ``seen_by`` can look at.
    rewinds: ClassVar[Sequence[type]] = ()
    #: For how long the past is kept.
    history_s: ClassVar[float] = 1.0
    #: How far back a player sees at most.
    max_rewind_ms: ClassVar[int] = 500
    #: Whether ``seen_by`` looks back at all.
    lag_compensation: bool = True

    #: For how long the seat of a player without a connection is held.
    hold_s: ClassVar[float] = 30.0

    #: Whether the room is written to a journal; None: if the server has a folder for journals.
    journaled: ClassVar[bool | None] = None
    #: Whether the room is kept through a restart of the server.
    durable: ClassVar[bool] = False

    #: The collections and leaderboards of which clients may read what is ``client_readable``.
    stored: ClassVar[Sequence[type[Collection] | type[Leaderboard]]] = ()

    #: Whether a client needs a token that the server's secret signed.
    requires_token: ClassVar[bool] = False
    #: Which connection wins when an identity that plays in the room signs in again.
    second_sign_in: ClassVar[Literal["take over", "refuse"]] = "take over"

    #: An attrs class of the options that a client may give when it joins.
    options: ClassVar[type | None] = None
    #: The options of the client for which the room was made, or all defaults.
    made_with: Any

    #: An attrs class of the facts that ``/rooms`` shows; in a room an instance of it.
    listing: Any = None
    #: The fields of the listing that clients may filter rooms by.
    filter_by: ClassVar[Sequence[str]] = ()
    #: In a cluster: which room or node a player gets who asks for any room of this kind, among two
    #: of each that are drawn at random; by measured load if None.
    placement: ClassVar[Placement | None] = None
    #: Whether the room takes no newcomers.
    locked: bool = False
    #: Whether only clients that name the room join it; it is not listed then.
    private: bool = False

    def __init__(
        self,
        name: str = "room",
        *,
        seed: int = 0,
        made_with: Any = None,
        listed: Mapping[str, Any] | None = None,
    ) -> None:
        self._prepare(name, seed)
        if made_with is not None:
            self.made_with = made_with
        if listed:
            self.listing = attrs.evolve(self.listing, **listed)
        self.on_create()

    def _prepare(self, name: str, seed: int) -> None:
        """Set the engine's attributes; a room that is loaded gets no ``on_create`` after it."""
        #: The label of the room, as in ``arena/1``.
        self.name = name
        #: The seed of ``random``, so that a rehearsal can begin a second room like this one.
        self._seed = seed
        #: Random numbers that are saved with the room; a game uses no others.
        self.random = random.Random(seed)
        #: The entities.
        self.world = World(self.schema(), self.view)
        #: Seat number → player.
        self.players: dict[int, Player[EntityT]] = {}
        #: The tick being simulated, or the last one between ticks.  Dropped ticks leave gaps.
        self.tick_number = 0
        #: Game time as a share of real time; the overload ladder lowers it.
        self.pace = 1.0
        #: Ticks from one delta to the next; the overload ladder raises it.
        self.publish_interval = self.publish_every
        self.made_with = (
            None if self.options is None else named_fields(self.options, "options").default()
        )
        listing = type(self).listing
        self.listing = None if listing is None else named_fields(listing, "listing").default()
        self._outbox = Outbox()
        self._timers = Timers()
        self._calls = Calls()
        self._groups = Groups(self.players, self.world)
        self._past: Past | None = None
        self._storage: RoomStorage | None = None
        self._reserve: Reserve = _stand_ins

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
        """Load what the room needs from outside.  The first tick waits for this hook."""

    async def on_stop(self) -> None:
        """Save what must outlive the room.  Called once, after the last tick."""

    def save(self) -> Any:
        """Return what the room keeps besides its annotated attributes, for a snapshot.

        Attributes that are annotated in the class body are saved without this.  May hold numbers,
        texts, containers, enums, attrs classes and dataclasses, and refer to entities and players.
        """
        return None

    def load(self, saved: Any) -> None:
        """Take what ``save`` returned, and build what the room works out from its other state.

        Called in place of ``on_create`` and ``on_start`` on a room made from a snapshot, once its
        world, its players and its annotated attributes are there.
        """

    async def on_load(self) -> None:
        """Load from outside what a room made from a snapshot needs; its next tick waits for it."""

    async def on_auth(self, joining: Joining) -> str | None:
        """Return the identity of a client that wants to join, or raise ``JoinRefused``.

        ``joining`` has its name, its options, and its token or the identity that the server has
        verified.  The default lets everyone in, with the verified identity or none.
        """
        return joining.identity

    def on_join(self, player: Player[EntityT]) -> None:
        """``player`` has a seat and will receive the world after this tick."""

    def on_leave(self, player: Player[EntityT], reason: str) -> None:
        """``player`` is gone; entities that it owns are still there."""

    def on_drop(self, player: Player[EntityT]) -> None:
        """The connection of ``player`` is lost; its client may come back within ``hold_s``.

        Either ``on_resume`` or ``on_leave`` follows.  Override this to decide what becomes of the
        player's entity; the default leaves it where it is, without a command.
        """

    def on_resume(self, player: Player[EntityT]) -> None:
        """``player`` is back, in the same seat; its client is brought up to date after this tick.

        This may be a newer client of the same identity, which knows nothing yet
        (``second_sign_in``).
        """

    def on_command(self, player: Player[EntityT], command: Any) -> None:
        """``player`` asks for ``command``; its limits have been checked.

        Takes the commands that no method of the room handles (``handles``).
        """

    def on_idle(self, player: Player[EntityT]) -> Any:
        """Return the input of a player whose client has fallen silent.

        The default is the input class with all defaults: no control is held.
        """
        assert self.input is not None
        return self.input()

    def on_say(self, player: Player[EntityT], text: str) -> str | None:
        """Return the text to send to everyone, or None for no text.  The default returns ``text``.

        The returned text is cleaned as by ``say``.  To answer a group or one player in the name of
        the speaker, call ``say`` with ``to`` and ``as_player=player``, and return None.
        """
        return text

    def sees(self, player: Player[EntityT], entity: Any) -> bool:
        """Whether ``player`` may see ``entity``, which its view shows; for walls, stealth and such.

        Asked while the world is published, of what is near and only if it is overridden.  Owners
        and the group of an entity see it without being asked.  The answer must depend on nothing
        but the state of the room: this hook must change nothing, and not use ``random``.
        """
        return True

    def on_move_refused(self, player: Player[EntityT], room: str, reason: str) -> None:
        """``player`` cannot go to ``room``, and stays here.  By default nothing happens."""

    def tick(self) -> None:
        """Advance the world by ``dt``."""

    def on_overload(self, level: int) -> None:
        """Called when the overload ladder changes its level: from 0 (normal) to 4 (no joins).

        Runs after the tick that caused the change.  A game may reduce its own work, too.
        """

    # ------------------------------------------------------------ the tools of hooks

    @property
    def dt(self) -> float:
        """Seconds of game time in one tick; never varies."""
        return 1 / self.tick_rate

    def spawn(
        self,
        entity: E,
        *,
        owner: Player[Any] | None = None,
        group: Group | str | None = None,
        hidden: bool = False,
    ) -> E:
        """Add ``entity`` to the world, and return it.

        The members of ``group`` see it wherever it is.  If it is ``hidden``, nobody else sees it
        but its owner, who sees it wherever it is, too.
        """
        self.world.spawn(
            entity,
            owner=0 if owner is None else _seat_of(owner, "owner"),
            group=self._groups.number_of(group),
            hidden=hidden,
        )
        return entity

    def despawn(self, entity: Any) -> None:
        """Take ``entity`` out of the world."""
        if isinstance(entity, Player):
            raise LocalProtocolError("a player is no entity: write self.despawn(player.entity)")
        self.world.despawn(entity)

    def group(self, name: str) -> Group:
        """Return the group called ``name``: always the same while it has players or entities."""
        return self._groups.get(name)

    def set_group(self, entity: Any, group: Group | str | None) -> None:
        """Let ``entity`` belong to another group, or to none."""
        self.world.set_group(entity, self._groups.number_of(group))

    def set_hidden(self, entity: Any, *, hidden: bool = True) -> None:
        """Hide ``entity`` from all but its owner and its group, or show it again."""
        self.world.set_hidden(entity, hidden=hidden)

    def id_of(self, entity: Any) -> int:
        """Return the id under which clients know ``entity``; 0 if it is not in the world."""
        return self.world.id_of(entity)

    def near(self, x: float, y: float, radius: float, cls: type[E]) -> Iterator[E]:
        """Yield the entities of ``cls`` within ``radius`` of a point; see ``World.near``."""
        return self.world.near(x, y, radius, cls)

    def seen_by(self, player: Player[EntityT]) -> Seen:
        """Return the world as ``player``'s screen showed it when it gave its last command.

        For hit tests.  The shooter's own entity is where it is now, since clients predict it.  The
        server believes the command's claim as far as the measured latency supports it (see
        ``simulation/rewind.py``), and at most ``max_rewind_ms`` back from this tick.

        It holds no entity that is hidden from the player, none whose last published position is
        beyond the radius of ``Exact`` from the player's focus, and none that ``sees`` refuses now.
        Owners and groups are exempt as they are in the view.
        """
        if not self.rewinds:
            raise LocalProtocolError(f"{type(self).__name__}.rewinds names no classes")
        if self._past is None:
            return Present(self.world, self.tick_number)
        return self._past.seen_by(self, player, player._screen)

    @property
    def has_storage(self) -> bool:
        """Whether the server keeps anything; if not, ``storage`` raises.

        For games that play with and without.  Nothing that a tick changes may depend on it: a
        replay has a storage that keeps nothing, also of a room that had none.
        """
        return self._storage is not None

    @property
    def storage(self) -> RoomStorage:
        """The storage of the server: objects, leaderboards and matches.

        Async hooks read from it and write to it; ``tick`` and other hooks that cannot wait call
        ``storage.submit``.  Raises ``LocalProtocolError`` on a server without storage, and in
        ``on_create``.
        """
        if self._storage is None:
            raise LocalProtocolError(
                "this room has no storage: start the server with --storage sqlite:FILE, and use "
                "it in on_start or later"
            )
        return self._storage

    def after(self, seconds: float, method: Callable[..., object], *arguments: Any) -> Timer:
        """Call ``method`` with ``arguments`` once, ``seconds`` of game time from now.

        A timer counts ticks, so a room that is slowed down waits longer, and it is saved with the
        room.  It is called before ``tick``, at the next tick at the earliest.  ``method`` is a
        method of the room, of a player or of an entity; a lambda cannot be saved and is refused.
        """
        return self._add_timer("after", seconds, method, arguments)

    def every(self, seconds: float, method: Callable[..., object], *arguments: Any) -> Timer:
        """Call ``method`` with ``arguments`` again and again, first ``seconds`` from now.

        The rules of ``after`` apply.  Calls that were due in dropped ticks become one.
        """
        return self._add_timer("every", seconds, method, arguments)

    def cancel(self, timer: Timer) -> None:
        """Never call ``timer`` again; harmless if it is over already."""
        if not isinstance(timer, Timer):
            raise LocalProtocolError(
                f"cancel() takes the Timer that after() or every() returned, not {timer!r}"
            )
        self.world.seal.check()
        self._timers.cancel(timer)

    def background(
        self,
        function: Callable[..., Awaitable[Any]],
        *arguments: Any,
        then: Callable[..., object] | None = None,
        about: Any = None,
    ) -> None:
        """Run an async ``function`` beside the room, and call ``then`` with its result at a tick.

        For slow work, such as a request to another service.  ``then`` is a method; it is called
        with the result, and with ``about`` if that is given, before the commands of a tick, in the
        order in which results arrive.  An exception is a result, too: ``then`` is called with it.
        If the room was recovered by another process, the result is ``Interrupted``.

        At most 64 calls are in flight; a further one gets ``TooManyCalls`` as its result.  Calls
        end with the room.  Pass and return values, not entities: ``function`` runs while the room
        plays.
        """
        self.world.seal.check()
        extra = () if about is None else (about,)
        check_background(function, then, extra)
        self._calls.add(function, arguments, then, extra)

    def reserve_seats(
        self,
        count: int,
        *,
        then: Callable[..., object],
        room: str = "",
        valid_s: float = 30.0,
        about: Any = None,
    ) -> None:
        """Reserve seats for a party that is not here yet; call ``then`` with a ticket for each.

        The seats are in this room, or in ``room``, which is named as in ``Player.move_to``.  Each
        counts as taken until a client joins with its ticket, for at most ``valid_s``; locking the
        room meanwhile does not matter.  There are seats for all of the party or for none: if some
        are missing, ``then`` gets a ``JoinRefused``, whose text says why, in place of the list.

        This is a background call (``background``).  In a ``Rehearsal`` the tickets are stand-ins.
        """
        if type(count) is not int or count < 1:
            raise LocalProtocolError(f"reserve_seats takes how many seats, not {count!r}")
        right = "self.reserve_seats(3, then=self.invite)"
        given = (None,) if about is None else (None, about)
        check_method("then= of reserve_seats()", right, then, given)

        async def reserve_seats() -> list[str]:
            return self._reserve(room or self.name, count, valid_s)

        self.background(reserve_seats, then=then, about=about)

    def _add_timer(
        self, what: str, seconds: float, method: Callable[..., object], arguments: tuple[Any, ...]
    ) -> Timer:
        self.world.seal.check()
        ticks = ticks_of(what, seconds, self.tick_rate)
        check_call(what, method, arguments)
        period = ticks if what == "every" else None
        return self._timers.add(self.tick_number + ticks, period, method, arguments)

    def emit(
        self,
        event: Any,
        *,
        at: Point | Sequence[Point] | None = None,
        to: Player[Any] | Group | None = None,
        by: Any = None,
    ) -> None:
        """Send ``event`` to a player or group (``to``), all who see ``at``, or to all.

        With ``by``, the entity that the event is about, it is sent only to those who may see that
        entity (``hidden``, ``sees``), and to its group wherever they are.  It happens where the
        entity is, unless ``at`` says where.
        """
        self.world.seal.check()
        name = type(event).__name__
        spec = spec_of(type(event))
        if not isinstance(spec, EventSpec):
            raise LocalProtocolError(
                f"{name} is no event class: write @event above class {name}, or emit an event"
            )
        if type(event) not in self.world.schema.kinds:
            raise LocalProtocolError(
                f"{name} is no event class of this room: add it to {type(self).__name__}.classes"
            )
        points = None if at is None else _points(at)
        seat = group = None
        if isinstance(to, Group):
            group = self._groups.number_of(to)
        elif to is not None:
            seat = _seat_of(to, "to")
        record = None if by is None else self.world.record_of(by)
        if record is not None and points is None and record.spec.at:
            x_name, y_name = self.world.position_names(type(by))
            points = ((getattr(by, x_name), getattr(by, y_name)),)
        event = spec.as_it_is_now(event)
        self._outbox.emissions.append(Emission(event, points, seat, group, record))

    def move_players(
        self, players: Iterable[Player[Any]], room: str, *, options: Any = None
    ) -> None:
        """Move players to another room together, or not at all; see ``Player.move_to``."""
        seats = tuple(_seat_of(player, "players") for player in players)
        if seats:
            self._outbox.move(seats, room, options)

    def say(
        self,
        text: str,
        *,
        to: Player[Any] | Group | None = None,
        as_player: Player[Any] | None = None,
    ) -> None:
        """Send ``text`` to everyone, to one player or to a group.

        The clients show it as said by ``as_player``, or in the server's name.
        The text may quote a player, so it is cleaned: line breaks become spaces, and characters
        that no text may hold (protocol README, "Texts and names") are removed.  A text that is
        empty after that is not sent.
        """
        self.world.seal.check()
        seats: tuple[int, ...] | None = None
        if isinstance(to, Group):
            if not self._groups.has(to):
                raise LocalProtocolError(f"to= is a group of this room, not {to!r}")
            seats = tuple(player.seat for player in to)
        elif to is not None:
            seats = (_seat_of(to, "to"),)
        seat = 0 if as_player is None else _seat_of(as_player, "as_player")
        name = "" if as_player is None else as_player.name
        self._outbox.say(seat, name, text, seats)


def _stand_ins(room: str, count: int, valid_s: float) -> list[str]:
    """Return tickets for a room that no server has."""
    del valid_s
    return [f"ticket {number} for {room}" for number in range(1, count + 1)]


def unbuilt(room_class: type[R], name: str, seed: int) -> R:
    """Return a room with an empty world, whose ``on_create`` was not called.

    For the loader of snapshots.
    """
    room = room_class.__new__(room_class)
    room._prepare(name, seed)
    return room


class _Unrandom:
    """Replaces ``Room.random`` while ``sees`` is called."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal

    def __getattr__(self, _attribute: str) -> Any:
        self._seal.check("use self.random")


@contextlib.contextmanager
def sealed(room: Room) -> Iterator[None]:
    """Keep ``room`` from being changed through its own methods while ``sees`` is called."""
    random_numbers, seal = room.random, room.world.seal
    seal.holder = f"{type(room).__name__}.sees"
    room.random = _Unrandom(seal)  # type: ignore[assignment]
    try:
        yield
    finally:
        room.random = random_numbers
        seal.holder = ""


def leave_groups(room: Room, player: Player[Any]) -> None:
    """Take a player who leaves ``room`` out of its groups; only its ``Stepper`` calls this."""
    room._groups.leave(player)


def forget_empty_groups(room: Room) -> None:
    """Forget the groups that nobody and nothing is in; only its ``Stepper`` calls this."""
    room._groups.forget_empty()


def attach(room: Room, past: Past | None) -> tuple[Outbox, Timers, Calls]:
    """Make ``past`` answer ``Room.seen_by``; return the queues that hooks of ``room`` fill.

    Only the room's ``Stepper`` calls this.
    """
    room._past = past
    return room._outbox, room._timers, room._calls


def give_storage(room: Room, storage: RoomStorage) -> None:
    """Set the storage that ``Room.storage`` returns.  Only the maker of ``room`` calls this."""
    room._storage = storage


def give_seats(room: Room, reserve: Reserve) -> None:
    """Let ``room`` reserve seats of its server.  Only the maker of ``room`` calls this."""
    room._reserve = reserve


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
