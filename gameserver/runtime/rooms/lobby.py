"""Which rooms there are, and who gets which seat in them.

Owns the room kinds, finding and making rooms, seat numbers, which seats are held for those who
were dropped, and closing what is empty.  Never talks to clients and never runs a tick: each room
has its own ``RoomTask``.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import re
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

import attrs
import structlog
import trio

from gameserver.config import Settings
from gameserver.errors import JoinRefused, LocalProtocolError
from gameserver.ops.metrics import RoomTally, total
from gameserver.protocol.closing import MAX_REASON_BYTES, CloseCode
from gameserver.protocol.names import parse_room_request
from gameserver.room import Room
from gameserver.runtime.admission.join_throttle import JoinThrottle
from gameserver.runtime.admission.room_quota import RoomQuota
from gameserver.runtime.admission.sign_in import SignIn
from gameserver.runtime.net import poller
from gameserver.runtime.rooms.resumption import Resumption, Ticket
from gameserver.runtime.rooms.room_task import RoomTask
from gameserver.runtime.rooms.seats import Seats
from gameserver.simulation.room_check import check_room, suspicions

log = structlog.get_logger(__name__)

#: What a client is told to wait before it tries again where everything is taken.
RETRY_AFTER_S: Final = 5.0
#: … and, at the least, where a room is overloaded: no step down comes sooner.
OVERLOAD_RETRY_S: Final = 5.0

#: Of the kinds that there are, so many are named to who asks for another.
MAX_KINDS_TOLD: Final = 5
_KIND: Final = re.compile(r"[a-z0-9_-]{1,32}")


@attrs.frozen
class Place:
    """A seat that is taken: by one who is joining, or plays."""

    task: RoomTask
    number: int


@attrs.define(eq=False)
class _Open:
    """A room that can be joined."""

    kind: str
    name: str
    task: RoomTask
    #: Whom the room is counted for; None for nobody.
    maker: str | None
    seats: Seats = attrs.field(factory=Seats)
    #: Set while the room is empty: the wait until it closes.
    empty: trio.CancelScope | None = None

    def has_free_seat(self) -> bool:
        return len(self.seats) < self.task.room.max_players

    @property
    def is_overloaded(self) -> bool:
        """Whether it is so overloaded that nobody else may come in."""
        return self.task.ladder.step.refuses_joins

    def take_seat(self, identity: str | None) -> int:
        """Take the seat where ``identity`` plays already, else the smallest that is free."""
        older = self.task.plays(identity)
        if older is None:
            return self.seats.take_smallest()
        self.seats.share(older.seat)
        return older.seat


class Lobby:
    """The rooms of one server.

    ``kinds`` are the room classes by kind; the first is what a client gets that asks for nothing.
    Rooms, and the waits of empty ones, run in the nursery given to ``start``.
    """

    def __init__(self, kinds: Mapping[str, type[Room]], settings: Settings) -> None:
        _check_kinds(kinds)
        self._kinds = dict(kinds)
        self._nursery: trio.Nursery | None = None
        self._settings = settings
        self._open: dict[str, _Open] = {}
        self._running = 0
        self._all_stopped = trio.Event()
        #: Why nobody may join any more; None while they may.
        self._closing: str | None = None
        #: Label → set when the room of that name that is stopping has stopped.
        self._stopping: dict[str, trio.Event] = {}
        self.quota = RoomQuota(settings)
        #: Joins and rooms refused because a room was overloaded.
        self.overload_refusals = 0
        self.sign_in = SignIn(kinds, settings)
        #: Where those wait who have said hello.
        self.join_throttle = JoinThrottle()
        self.resumption = Resumption()
        #: For whom how many seats are held; ``None`` for those that nobody is counted for.
        self._held: Counter[str | None] = Counter()
        #: Seats that were not held because one address had as many already.
        self.holds_refused = 0
        #: By kind: what the rooms counted that are no more.
        self.past = {kind: RoomTally() for kind in kinds}

    def start(self, nursery: trio.Nursery) -> None:
        """Run rooms in ``nursery`` from now on; before that nobody can join."""
        self._nursery = nursery
        nursery.start_soon(self.join_throttle.run)

    # ------------------------------------------------------------ finding

    @property
    def rooms(self) -> list[tuple[str, RoomTask]]:
        """The kinds and tasks of the rooms that can be joined, oldest first."""
        return [(opened.kind, opened.task) for opened in self._open.values()]

    @property
    def kinds(self) -> list[str]:
        """The kinds of rooms, the default first."""
        return list(self._kinds)

    def room_class(self, request: str) -> type[Room]:
        """Return the class of room that ``request`` asks for; ``JoinRefused`` (4004) if none."""
        return self._kinds[self._parse(request)[0]]

    def _parse(self, request: str) -> tuple[str, str | None]:
        kind, name = parse_room_request(request)
        kind = kind or next(iter(self._kinds))
        if kind not in self._kinds:
            raise JoinRefused(CloseCode.NO_SUCH_ROOM, _no_such_room(kind, self.kinds))
        return kind, name

    @contextlib.contextmanager
    def reserve(
        self, request: str, maker: str | None = None, identity: str | None = None
    ) -> Iterator[Place]:
        """Hold a seat, from before the joining to after the leaving, in the room asked for.

        The room is made if need be, and is then counted for ``maker`` (see ``RoomQuota``) until it
        ends.  A verified ``identity`` gets the seat that it has already, even in a full room.
        ``JoinRefused``: 4004, 4005, 1001 while the server stops, 1011 if the room's ``on_create``
        raised.
        """
        if self._closing is not None:
            raise JoinRefused(CloseCode.GOING_AWAY, self._closing)
        self._forget_ended()
        kind, name = self._parse(request)
        opened = self._where(kind, name, identity) or self._find_or_make(kind, name, maker)
        number = opened.take_seat(identity)
        if opened.empty is not None:
            opened.empty.cancel()
            opened.empty = None
        try:
            yield Place(opened.task, number)
        finally:
            self._release(opened, number)

    def _release(self, opened: _Open, number: int) -> None:
        opened.seats.release(number)
        if not opened.seats:
            opened.empty = trio.CancelScope()
            self._tasks.start_soon(self._close_when_empty_for_long, opened, opened.empty)

    # ------------------------------------------------------------ coming back

    def held_by(self, address: str) -> int:
        """Return how many seats are held for players of ``address``."""
        return self._held[address]

    @property
    def held(self) -> int:
        """How many seats are held for those who were dropped."""
        return self._held.total()

    def find_ticket(self, token: str | None, request: str) -> Ticket | None:
        """Return the ticket that a resume token stands for in the room asked for, if it is good.

        ``JoinRefused``: 4013 (see ``Resumption.find``), 1001 while the server stops.
        """
        if self._closing is not None:
            raise JoinRefused(CloseCode.GOING_AWAY, self._closing)
        kind, name = self._parse(request)
        return self.resumption.find(token, kind, name)

    def find_playing(self, request: str, identity: str | None) -> Ticket | None:
        """Return the ticket of the seat that ``identity`` has already in the room asked for.

        ``JoinRefused`` (4007) where that room lets nobody sign in twice.
        """
        self._forget_ended()
        opened = self._where(*self._parse(request), identity)
        older = None if opened is None else opened.task.playing_already(identity)
        return None if older is None else self.resumption.of(older)

    @contextlib.contextmanager
    def reserve_again(self, ticket: Ticket) -> Iterator[None]:
        """Count a seat as taken that is gone on in by another connection, until it ends."""
        opened = self._open[ticket.task.label]
        opened.seats.share(ticket.player.seat)
        try:
            yield
        finally:
            self._release(opened, ticket.player.seat)

    def unseat(self, ticket: Ticket, reason: str, *, may_return: bool, address: str | None) -> None:
        """Let a player whose connection ended be dropped, or leave.

        ``may_return``: the seat is held, where the room and the server do that at all, for a client
        that has its welcome: whoever joins and is gone before it could know of its seat would else
        fill a room with seats that cost nothing.  One ``address`` has at most as many held seats as
        it may have connections.
        """
        task, player = ticket.task, ticket.player
        if may_return and self._can_hold(ticket, address):
            task.drop(ticket.seated)
            self._hold(ticket, address)
        else:
            task.leave(player, reason)
            self.resumption.void(ticket)

    def _can_hold(self, ticket: Ticket, address: str | None) -> bool:
        room = ticket.task.room
        if self._closing is not None or room.hold_s <= 0:
            return False
        if not (ticket.stands and ticket.welcomed):
            return False
        if address is None or self._held[address] < self._settings.max_connections_per_address:
            return True
        self.holds_refused += 1
        return False

    def _hold(self, ticket: Ticket, address: str | None) -> None:
        task, number = ticket.task, ticket.player.seat
        opened = self._open[task.label]
        opened.seats.share(number)
        self._held[address] += 1

        def over() -> None:
            self._held[address] -= 1
            if not self._held[address]:
                del self._held[address]
            self._release(opened, number)
            if not ticket.stands:
                self.resumption.void(ticket)

        task.hold(ticket.player, over)

    @property
    def _tasks(self) -> trio.Nursery:
        assert self._nursery is not None, "start comes first"
        return self._nursery

    def _where(self, kind: str, name: str | None, identity: str | None) -> _Open | None:
        """Return the room among those asked for where ``identity`` plays already."""
        if identity is None:
            return None
        rooms = [o for o in self._open.values() if o.kind == kind and name in (None, o.name)]
        return next((opened for opened in rooms if opened.task.plays(identity)), None)

    def _find_or_make(self, kind: str, name: str | None, maker: str | None) -> _Open:
        if name is None:
            for opened in self._open.values():
                if opened.kind == kind and opened.has_free_seat() and not opened.is_overloaded:
                    return opened
            return self._make(kind, self._free_name(kind), maker)
        found = self._open.get(f"{kind}/{name}")
        if found is None:
            return self._make(kind, name, maker)
        if found.is_overloaded:
            raise self._overload(f"{kind}/{name} is overloaded")
        if not found.has_free_seat():
            raise JoinRefused(
                CloseCode.ROOM_FULL, f"{kind}/{name} is full", retry_after_s=RETRY_AFTER_S
            )
        return found

    def _overload(self, why: str) -> JoinRefused:
        self.overload_refusals += 1
        retry_after_s = OVERLOAD_RETRY_S * random.uniform(1, 2)  # not all at once
        return JoinRefused(CloseCode.ROOM_FULL, why, retry_after_s=retry_after_s)

    def _free_name(self, kind: str) -> str:
        names = map(str, itertools.count(1))
        return next(name for name in names if f"{kind}/{name}" not in self._open)

    # ------------------------------------------------------------ making and closing

    def _make(self, kind: str, name: str, maker: str | None) -> _Open:
        if len(self._open) >= self._settings.max_rooms:
            raise JoinRefused(
                CloseCode.ROOM_FULL, "all rooms are taken", retry_after_s=RETRY_AFTER_S
            )
        if any(opened.is_overloaded for opened in self._open.values()):
            # All rooms share one core: another would be another load on it.
            raise self._overload("the server is overloaded")
        self.quota.take(maker, trio.current_time())
        label = f"{kind}/{name}"
        try:
            task = RoomTask(
                self._kinds[kind](label, seed=self._seed(label)),
                label,
                ping_interval_s=self._settings.ping_interval_s,
                polled=self._settings.reading == "poller" and poller.AVAILABLE,
            )
        except Exception:  # the game's, or no file is left for its poller
            self.quota.give_back(maker)
            log.exception("a room could not be made", room=label)
            raise JoinRefused(CloseCode.INTERNAL_ERROR, "the room could not be made") from None
        opened = _Open(kind, name, task, maker)
        self._open[label] = opened
        self._running += 1
        self._tasks.start_soon(self._run, opened)
        return opened

    def _seed(self, label: str) -> int:
        if self._settings.seed is None:
            return secrets.randbits(32)
        return random.Random(f"{self._settings.seed} {label}").getrandbits(32)

    async def _run(self, opened: _Open) -> None:
        label = opened.task.label
        while label in self._stopping:
            # What the room of that name saves in on_stop, this one may load in on_start.
            await self._stopping[label].wait()
        stopped = self._stopping[label] = trio.Event()
        log.info("room opened", room=label)
        try:
            await opened.task.run()
        finally:
            self._forget(opened)
            del self._stopping[label]
            stopped.set()
            self.quota.give_back(opened.maker)
            self.past[opened.kind] = total(self.past[opened.kind], [opened.task.tally()])
            self._running -= 1
            if self._running == 0:
                self._all_stopped.set()
            log.info("room ended", room=label, reason=opened.task.ended)

    def _forget(self, opened: _Open) -> None:
        """Let nobody in any more, so that a room of that name may be made anew."""
        if self._open.get(opened.task.label) is opened:
            del self._open[opened.task.label]

    def _forget_ended(self) -> None:
        """Forget the rooms that failed, though some may still be in their ``on_stop``."""
        for opened in list(self._open.values()):
            if opened.task.ended is not None:
                self._forget(opened)

    async def _close_when_empty_for_long(self, opened: _Open, wait: trio.CancelScope) -> None:
        with wait:
            await trio.sleep(self._settings.empty_room_s)
            self._forget(opened)
            opened.task.stop()

    # ------------------------------------------------------------ the end

    def stop_joining(self, why: str) -> None:
        """Refuse everyone from now on, with 1001 and ``why``."""
        self._closing = why

    async def close_all(self) -> None:
        """Stop every room and wait for their ``on_stop``; for after the last session."""
        for opened in list(self._open.values()):
            opened.task.stop()
        if self._running:
            self._all_stopped = trio.Event()
            await self._all_stopped.wait()


def _no_such_room(kind: str, kinds: list[str]) -> str:
    """Say which rooms there are instead, as far as that fits a close frame."""
    for count in range(min(len(kinds), MAX_KINDS_TOLD), 0, -1):
        told = ", ".join(kinds[:count]) + (", …" if count < len(kinds) else "")
        text = f"no such room: {kind}; rooms here: {told}"
        if len(text.encode()) <= MAX_REASON_BYTES:
            break
    return text


def _check_kinds(kinds: Mapping[str, type[Room]]) -> None:
    if not kinds:
        raise LocalProtocolError("a server needs at least one kind of room")
    for kind, room in kinds.items():
        if not _KIND.fullmatch(kind):
            raise LocalProtocolError(f"{kind!r} is no room kind: 1 to 32 characters of a-z 0-9 - _")
        if not (isinstance(room, type) and issubclass(room, Room)):
            raise LocalProtocolError(f"{room!r} is not a Room class")
        check_room(room)  # here, not when the first player comes
        for suspicion in suspicions(room):
            log.warning("a room may be misdeclared", kind=kind, hint=suspicion)
