"""The rooms of one server: which there are, and which one a client gets.

Owns the room kinds, reserving seats, making rooms, and closing empty ones.  Never talks to clients
and never runs a tick; each room has its own ``RoomTask``, and a ``Roster`` of its players.

Finding a room (``open_rooms.py``), moves (``moves.py``), recovering durable rooms
(``durable_rooms.py``) and handing rooms over (``handing_over.py``) have files of their own.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import random
import re
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

import attrs
import structlog
import trio

from gameserver.cluster.placement import Placement, by_load
from gameserver.config import Settings
from gameserver.errors import JoinRefused, LocalProtocolError
from gameserver.ops.core_time import CoreShare
from gameserver.ops.metrics import LoopFigures, RoomTally, total
from gameserver.protocol.closing import CloseCode
from gameserver.room import Room, give_seats, give_storage
from gameserver.runtime.admission.hold_quota import HoldQuota
from gameserver.runtime.admission.join_throttle import JoinThrottle
from gameserver.runtime.admission.moderation import Moderation
from gameserver.runtime.admission.room_quota import RoomQuota
from gameserver.runtime.admission.sign_in import SignIn
from gameserver.runtime.net import poller
from gameserver.runtime.rooms.durable_rooms import DurableRooms
from gameserver.runtime.rooms.handed_over import HandedOver
from gameserver.runtime.rooms.handing_over import HandingOver
from gameserver.runtime.rooms.join_request import (
    JoinRequest,
    read_join_request,
    read_options,
    split_filters,
)
from gameserver.runtime.rooms.journals import Journals
from gameserver.runtime.rooms.moves import MOVE_VALID_S, Moves
from gameserver.runtime.rooms.open_room import OpenRoom
from gameserver.runtime.rooms.open_rooms import OpenRooms
from gameserver.runtime.rooms.party import MAX_PARTY, MAX_VALID_S, Guest, OtherNodes, Party, Seats
from gameserver.runtime.rooms.recovery import Recovered
from gameserver.runtime.rooms.reservations import Reservations, Reserved
from gameserver.runtime.rooms.resume_tokens import ResumeTokens
from gameserver.runtime.rooms.resumption import Resumption
from gameserver.runtime.rooms.room_list import ListedRoom
from gameserver.runtime.rooms.room_loop import RoomLoop
from gameserver.runtime.rooms.room_task import RoomTask
from gameserver.runtime.rooms.roster import Member
from gameserver.runtime.rooms.routes import Routes
from gameserver.runtime.rooms.slow_ticks import SlowTicks
from gameserver.simulation.room_check import check_room
from gameserver.simulation.slips import suspicions
from gameserver.storage.room_storage import RoomStorage
from gameserver.tokens import TokenRefused

log = structlog.get_logger(__name__)

#: How long a client is told to wait before it retries where every seat or room is taken.
RETRY_AFTER_S: Final = 5.0
#: How long at least it is told to wait where a room is overloaded: it recovers no sooner, or soon
#: relapses.
OVERLOAD_RETRY_S: Final = 5.0

_KIND: Final = re.compile(r"[a-z0-9_-]{1,32}")


@attrs.frozen
class Place:
    """A reserved seat number in a room, for a client that is joining.

    ``made``: the room was made for this client.
    """

    task: RoomTask
    number: int
    serial: int
    made: bool


class HostRooms(Protocol):
    """The rooms of all nodes of a host, as far as one of their lobbies must know them."""

    def may_make(self, label: str) -> bool:
        """Whether this node has the claim to a room, so that no other node makes it."""

    def new_name(self) -> str:
        """Return a name that no other node gives to a room."""

    def opened(self, label: str) -> None:
        """Note that a room is open."""

    def ended(self, label: str) -> None:
        """Note that a room has ended, and may be made elsewhere."""


class Lobby:
    """The rooms of one server.

    ``kinds`` are the room classes by kind; a client that asks for no kind gets the first one.
    Rooms, and the waits of empty ones, run in the nursery given to ``start``.
    """

    def __init__(self, kinds: Mapping[str, type[Room]], settings: Settings) -> None:
        _check_kinds(kinds)
        self._kinds = dict(kinds)
        self._nursery: trio.Nursery | None = None
        self._settings = settings
        self._open: Final = OpenRooms(kinds)
        self._serials = itertools.count(1)
        self._running = 0
        #: Why no room is made any more; None while rooms are made.
        self._makes_none: str | None = None
        self._all_stopped = trio.Event()
        #: Why nobody can join any more; None while the lobby is open.
        self._closing: str | None = None
        #: The rooms that run, or are in their ``on_stop``: label → set when stopped.
        self._stopping: dict[str, trio.Event] = {}
        self._loop = RoomLoop(
            ping_interval_s=settings.ping_interval_s,
            polled=settings.reading == "poller" and poller.AVAILABLE,
        )
        self._journals = Journals(settings)
        #: The rooms of other nodes; None for a server that is alone.
        self.host_rooms: HostRooms | None = None
        self.quota = RoomQuota(settings)
        #: Joins and rooms refused because a room was overloaded.
        self.overload_refusals = 0
        self.sign_in = SignIn(kinds, settings)
        #: The bans and mutes in force.
        self.moderation = Moderation()
        #: Makes the storage of a room; None where nothing is kept.
        self.storage_for_room: Callable[[], RoomStorage] | None = None
        #: Decides which players play on other nodes; None if there are no others.
        self.router: Routes | None = None
        #: The other nodes of this host; None if there are none.
        self.siblings: OtherNodes | None = None
        #: Returns the newest resume tokens that any node has seen, by life; None if there are none.
        self.newest_resumes: Callable[[Sequence[str]], Awaitable[Mapping[str, int]]] | None = None
        #: Where a client waits for its turn once it has said hello.
        self.join_throttle = JoinThrottle()
        self.resumption = Resumption[Member](ResumeTokens(lambda: self.sign_in.secrets))
        self.durable = DurableRooms(self, self._journals, self.resumption)
        self.reservations = Reservations()
        self.moves = Moves(self, self.reservations, self.resumption)
        self.handing_over = HandingOver(
            self, self.sign_in, self.reservations, self.resumption, self._loop.heartbeat
        )
        #: One address may have as many held seats as connections.
        self.hold_quota = HoldQuota(settings.max_connections_per_address)
        #: Kind → the counts of the rooms that have ended.
        self.past = {kind: RoomTally() for kind in kinds}

    def start(self, nursery: trio.Nursery) -> None:
        """Run rooms in ``nursery`` from now on; before that nobody can join."""
        self._nursery = nursery
        nursery.start_soon(self.join_throttle.run)
        nursery.start_soon(self._loop.run)
        nursery.start_soon(self._journals.run)
        self.reservations.start(nursery)
        self.moves.start(nursery)

    def end_names_with(self, suffix: str) -> None:
        """End the names that this server gives to rooms so that no other node gives the same."""
        self._open.name_suffix = suffix

    # ------------------------------------------------------------ finding

    @property
    def rooms(self) -> list[tuple[str, RoomTask]]:
        """The kinds and tasks of the rooms that can be joined, oldest first."""
        return [(opened.kind, opened.task) for opened in self._open.all]

    @property
    def open_rooms(self) -> list[OpenRoom]:
        """The rooms that can be joined, oldest first."""
        return self._open.all

    def is_open(self, label: str) -> bool:
        """Whether there is a room of this label that can be joined."""
        return label in self._open

    def find_room(self, label: str) -> OpenRoom | None:
        """Return the room of this label that can be joined; None if there is none."""
        return self._open.get(label)

    def is_running(self, label: str) -> bool:
        """Whether there is such a room, or one of this label is in its ``on_stop``."""
        return label in self._open or label in self._stopping

    @property
    def is_alone(self) -> bool:
        """Whether this host has no other nodes."""
        return self.host_rooms is None

    @property
    def has_all_rooms(self) -> bool:
        """Whether there are as many rooms as there may be."""
        return len(self._open) >= self._settings.max_rooms

    @property
    def labels(self) -> list[str]:
        """The labels of the rooms that can be joined."""
        return [opened.task.label for opened in self._open.all]

    def listed(self) -> Iterator[ListedRoom]:
        """Yield the rooms that can be joined, oldest first, as ``/rooms`` shows them."""
        yield from self._open.all

    def joinable_label(self, request: JoinRequest) -> str | None:
        """Return a room for a client that named none; None if a new one is needed."""
        opened = self._open.find_fitting(request.kind, request.wanted)
        return None if opened is None else opened.task.label

    @property
    def makes_rooms(self) -> bool:
        """Whether there is no overload that forbids new rooms."""
        overload = self._loop.overload
        return not (overload.no_new_rooms or overload.refusing)

    @property
    def slow_ticks(self) -> SlowTicks:
        """The last ticks that took longer than the time between two, of all rooms."""
        return self._loop.slow_ticks

    @property
    def core(self) -> CoreShare:
        """How much of the last second the server computed, and waited for a core."""
        return self._loop.core

    def loop_figures(self) -> LoopFigures:
        """Return what ticking all rooms has counted so far."""
        scheduler, overload = self._loop.scheduler, self._loop.overload
        return LoopFigures(
            rounds=scheduler.rounds,
            busy_s=scheduler.busy_s,
            late_ticks=scheduler.late_ticks,
            overload_steps=overload.steps,
            no_new_rooms=overload.no_new_rooms,
            rooms_demanded=overload.rooms_demanded,
            slow_ticks=self._loop.slow_ticks.count,
            computed=self._loop.core.computed,
            waited=self._loop.core.waited,
        )

    @property
    def kinds(self) -> list[str]:
        """The kinds of rooms, the default first."""
        return list(self._kinds)

    def request(
        self,
        room: str,
        options: Mapping[str, Any] | None = None,
        filter_: Mapping[str, Any] | None = None,
        ticket: str | None = None,
    ) -> JoinRequest:
        """Return the request in a hello; ``JoinRefused`` (4004, 4014) if it is wrong."""
        reserved = self.reservations.find(ticket)
        sent = None if self.router is None else self.router.ticket(ticket)
        # The server knows the options of a player who moves, or for whom they were reserved.
        whole = (reserved is None or not reserved.has_options) and (
            sent is None or sent.moved_from is None
        )
        return read_join_request(self._kinds, room, options, filter_, whole=whole)

    def schema_hash(self, kind: str) -> str:
        """Return what tells the schema of a kind of rooms from others."""
        return self._kinds[kind].schema().hash

    def most_players(self, kind: str) -> int:
        """Return how many players a room of this kind holds."""
        return self._kinds[kind].max_players

    def placement(self, kind: str) -> Placement:
        """Return the choice of a room or node for players who ask for any room of a kind."""
        return self._kinds[kind].placement or by_load

    @property
    def classes(self) -> list[type[Room]]:
        """The classes of rooms, the default first."""
        return list(self._kinds.values())

    def class_of(self, label: str) -> type[Room]:
        """Return the class of the room ``kind/name``, or of a kind; ``LookupError`` if unknown."""
        return self._kinds[label.partition("/")[0]]

    @property
    def classes_by_kind(self) -> Mapping[str, type[Room]]:
        """The kinds of rooms with their classes, the default first."""
        return self._kinds

    def room_class(self, request: JoinRequest) -> type[Room]:
        """Return the class of room that a client asks for."""
        return self._kinds[request.kind]

    @contextlib.contextmanager
    def reserve(
        self,
        request: JoinRequest,
        maker: str | None = None,
        identity: str | None = None,
        passed_over: Collection[int] | None = (),
    ) -> Iterator[Place]:
        """Reserve a seat number in the room asked for, until the client has joined or given up.

        The room is made if need be, and is then counted for ``maker`` (see ``RoomQuota``) until it
        ends.  A verified ``identity`` gets the seat that it has already, even in a full or locked
        room.  ``passed_over`` are the serial numbers of rooms that have refused this client; None:
        it gets a new room.  ``JoinRefused``: 4005, 4007 for a locked room, 1001 while the server
        stops, 1011 if the room's ``on_create`` raised.
        """
        if self._closing is not None:
            raise JoinRefused(CloseCode.GOING_AWAY, self._closing)
        opened = self._open.find_identity(request, identity) or self._find(request, passed_over)
        made = opened is None
        if opened is None:
            opened = self._make(request, maker)
        roster = opened.task.roster
        number = roster.reserve(identity)
        opened.occupied()
        refused = False
        try:
            yield Place(opened.task, number, opened.serial, made)
        except JoinRefused:
            refused = True
            raise
        finally:
            roster.release(number)
            if refused:
                self._close_if_never_used(opened)

    def find_resumable(
        self, token: str | None, request: JoinRequest
    ) -> tuple[RoomTask, Member] | None:
        """Return the player that a resume token stands for in the room asked for, if it is good.

        ``JoinRefused``: 4012 or 4013 (see ``Resumption.find``), 1001 while the server stops.
        """
        if self._closing is not None:
            raise JoinRefused(CloseCode.GOING_AWAY, self._closing)
        member = self.resumption.find(token, request.kind, request.name)
        return None if member is None else (self._open[member.label].task, member)

    def find_playing(
        self, request: JoinRequest, identity: str | None
    ) -> tuple[RoomTask, Member] | None:
        """Return the player as whom ``identity`` plays already in the room asked for.

        ``JoinRefused`` (4007) where that room lets nobody sign in twice.
        """
        opened = self._open.find_identity(request, identity)
        member = None if opened is None else opened.task.roster.playing(identity)
        return None if opened is None or member is None else (opened.task, member)

    @property
    def _tasks(self) -> trio.Nursery:
        assert self._nursery is not None, "start comes first"
        return self._nursery

    def _find(self, request: JoinRequest, passed_over: Collection[int] | None) -> OpenRoom | None:
        """Return the open room for this client; None if it gets a new one."""
        if request.name is not None:
            return self._find_named(f"{request.kind}/{request.name}")
        if passed_over is None:
            return None
        return self._open.find_fitting(request.kind, request.wanted, passed_over)

    def _find_named(self, label: str) -> OpenRoom | None:
        found = self._open.get(label)
        if found is None:
            return None
        if found.is_overloaded:
            raise self._overload(f"{label} is overloaded")
        if found.locked:
            raise JoinRefused(CloseCode.REFUSED, f"{label} is locked")
        if found.task.roster.full:
            raise JoinRefused(CloseCode.ROOM_FULL, f"{label} is full", retry_after_s=RETRY_AFTER_S)
        return found

    def overloaded(self) -> JoinRefused:
        """Return the refusal of a client for which no new room is made."""
        return self._overload("the server is overloaded")

    def _overload(self, why: str) -> JoinRefused:
        self.overload_refusals += 1
        retry_after_s = OVERLOAD_RETRY_S * random.uniform(1, 2)  # not all at once
        return JoinRefused(CloseCode.ROOM_FULL, why, retry_after_s=retry_after_s)

    def new_label(self, kind: str) -> str:
        """Return the label of a room that there is not yet."""
        return f"{kind}/{self._free_name(kind)}"

    def _free_name(self, kind: str) -> str:
        if self.host_rooms is not None:
            return self.host_rooms.new_name()
        return self._open.free_name(kind)

    # ------------------------------------------------------------ reserved seats

    def reserve_seats(
        self, request: JoinRequest, count: int, valid_s: float = MOVE_VALID_S
    ) -> list[str]:
        """Reserve seats in one room, and return a ticket for each.

        The room is the one asked for, or one that fits and has ``count`` free seats; it is made if
        need be.  ``JoinRefused`` as for a client that joins; ``LocalProtocolError`` for an invalid
        count or time.
        """
        if not 1 <= count <= MAX_PARTY:
            raise LocalProtocolError(f"1 to {MAX_PARTY} seats can be reserved, not {count!r}")
        if not 0 < valid_s <= MAX_VALID_S:
            raise LocalProtocolError(f"seats are reserved for up to {MAX_VALID_S:g} s")
        return self.reserve_for(request, [Guest()] * count, valid_s)[1]

    def reserve_party(self, party: Party) -> Seats:
        """Reserve seats in a room of this server; ``JoinRefused`` as for a client that joins.

        That holds for options of a guest, too.
        """
        request = self.request(party.room, party.options, party.filters)
        label, tickets = self.reserve_for(request, party.guests, party.valid_s, party.moved_from)
        return Seats(label, tuple(tickets))

    def reserve_for(
        self,
        request: JoinRequest,
        guests: Sequence[Guest],
        valid_s: float,
        moved_from: str | None = None,
    ) -> tuple[str, list[str]]:
        """Reserve seats in one room; return its label, and the ticket of each guest."""
        room = self._kinds[request.kind]
        all_options = [
            None if guest.options is None else read_options(room, guest.options) for guest in guests
        ]
        opened = self.room_for(request, len(guests))
        tickets = [
            self.reservations.reserve(
                opened.task,
                valid_s,
                identity=guest.identity,
                options=options,
                moved_from=moved_from,
            )
            for guest, options in zip(guests, all_options, strict=True)
        ]
        opened.occupied()
        return opened.task.label, tickets

    def reserve_in(
        self,
        room: str,
        count: int,
        valid_s: float,
        options: Mapping[str, Any] | None = None,
    ) -> list[str]:
        """Reserve seats in a room as a client would name it; ``arena?mode=RANKED`` has filters."""
        name, filters = split_filters(room)
        request = self.request(name, options, filters)
        return self.reserve_seats(request, count, valid_s)

    @contextlib.contextmanager
    def claimed(self, ticket: str, request: JoinRequest) -> Iterator[Reserved]:
        """Hold the reserved seat of a ticket, until its client has joined or given up.

        The ticket is then used up.  ``JoinRefused``: 4007 if it is not valid, 4011 if its room has
        ended, 1001 while the server stops.
        """
        if self._closing is not None:
            raise JoinRefused(CloseCode.GOING_AWAY, self._closing)
        try:
            reserved = self.reservations.claim(ticket, request.kind, request.name)
        except TokenRefused as refusal:
            raise self.sign_in.counted(refusal) from None
        try:
            if reserved.task.ended is not None:
                raise JoinRefused(CloseCode.ROOM_CLOSED, reserved.task.ended)
            yield reserved
        finally:
            self.reservations.claim_over(reserved)
            reserved.task.roster.release(reserved.number)

    def room_for(
        self, request: JoinRequest, count: int, passed_over: Collection[int] = ()
    ) -> OpenRoom:
        """Return a room with enough free seats, made if need be; or raise ``JoinRefused``."""
        if self._closing is not None:
            raise JoinRefused(CloseCode.GOING_AWAY, self._closing)
        self.reservations.check_limit(count)
        small = set(passed_over)
        while (opened := self._find(request, small)) is not None:
            if opened.free_seats >= count:
                return opened
            if request.name is not None:
                raise JoinRefused(
                    CloseCode.ROOM_FULL, f"{opened.task.label} has too few free seats"
                )
            small.add(opened.serial)
        if count > self._kinds[request.kind].max_players:
            raise JoinRefused(CloseCode.ROOM_FULL, f"{request.kind} has fewer than {count} seats")
        return self._make(request, None)

    # ------------------------------------------------------------ making and closing

    def stop_making_rooms(self, why: str | None) -> None:
        """Refuse clients that need a new room, with 1001 and ``why``; None ends the refusal."""
        self._makes_none = why

    def _make(self, request: JoinRequest, maker: str | None) -> OpenRoom:
        if self._makes_none is not None:
            raise JoinRefused(CloseCode.GOING_AWAY, self._makes_none, retry_after_s=RETRY_AFTER_S)
        if len(self._open) >= self._settings.max_rooms:
            raise JoinRefused(
                CloseCode.ROOM_FULL, "all rooms are taken", retry_after_s=RETRY_AFTER_S
            )
        if not self.makes_rooms:
            # All rooms share one core, so another room would add to the load.
            raise self.overloaded()
        self.quota.take(maker, trio.current_time())
        kind = request.kind
        name = self._free_name(kind) if request.name is None else request.name
        label = f"{kind}/{name}"
        if self.host_rooms is not None and not self.host_rooms.may_make(label):
            self.quota.give_back(maker)
            raise JoinRefused(
                CloseCode.ROOM_FULL,
                f"{label} may be on another node",
                retry_after_s=RETRY_AFTER_S,
            )
        if self.durable.kept is not None and self.durable.kept.is_recovering(label):
            self.quota.give_back(maker)
            raise JoinRefused(
                CloseCode.ROOM_FULL, f"{label} is being recovered", retry_after_s=RETRY_AFTER_S
            )
        try:
            room = self._kinds[kind](
                label, seed=self._seed(label), made_with=request.options, listed=request.wanted
            )
            task = self._task_of(room, label)
        except Exception:  # raised by the game
            self.quota.give_back(maker)
            log.exception("a room could not be made", room=label)
            raise JoinRefused(CloseCode.INTERNAL_ERROR, "the room could not be made") from None
        return self._open_room(kind, name, task, maker)

    def _task_of(
        self,
        room: Room,
        label: str,
        recovered: Recovered | HandedOver | None = None,
        storage: RoomStorage | None = None,
    ) -> RoomTask:
        """Return the task of a room that was made or ``recovered``, and give it its storage."""
        if storage is None and self.storage_for_room is not None:
            storage = self.storage_for_room()
        if storage is not None:
            storage.fence = None if recovered is None else recovered.fence
            give_storage(room, storage)
        give_seats(room, self.reserve_in)
        return RoomTask(
            room,
            label,
            self._loop,
            self.resumption,
            self.hold_quota,
            self._journals,
            recovered,
            kept=self.durable.kept if room.durable else None,
            storage=storage,
        )

    def _open_room(self, kind: str, name: str, task: RoomTask, maker: str | None) -> OpenRoom:
        opened = self._add_room(kind, name, task, maker)
        self._start_room(opened)
        return opened

    def _add_room(self, kind: str, name: str, task: RoomTask, maker: str | None) -> OpenRoom:
        opened = OpenRoom(next(self._serials), kind, name, task, maker)
        task.roster.identities = self._open.identities
        task.roster.on_released = functools.partial(self._seat_released, opened)
        # No longer found once it has failed, even while its ``on_stop`` is still running.
        task.roster.on_closed = functools.partial(self._open.forget, opened)
        task.on_move = functools.partial(self.moves.begin, opened)
        self._open.add(opened)
        return opened

    def _start_room(self, opened: OpenRoom) -> None:
        self._running += 1
        if self.host_rooms is not None:
            self.host_rooms.opened(opened.task.label)
        self._tasks.start_soon(self._run, opened)

    # ------------------------------------------------------------ from process to process

    async def until_settled(self) -> None:
        """Wait until every room has started, and none is in its ``on_stop`` or is recovered."""
        for opened in self._open.all:
            await opened.task.ready.wait()
        for label, stopped in list(self._stopping.items()):
            if label not in self._open:
                await stopped.wait()
        if self.durable.kept is not None:
            await self.durable.kept.until_recovered()

    async def until_thawed(self) -> None:
        """Wait while rooms are on their way to another process."""
        await self.handing_over.until_thawed()

    @property
    def is_settled(self) -> bool:
        """Whether every room has started, and none is in its ``on_stop`` or is recovered."""
        kept = self.durable.kept
        return (
            all(opened.task.ready.is_set() for opened in self._open.all)
            and all(label in self._open for label in self._stopping)
            and (kept is None or not kept.recovering)
        )

    def adopt(self, one: HandedOver, began_s: float) -> None:
        """Open a room that another process has handed over; ``start_adopted`` has it tick."""
        kind, _, name = one.label.partition("/")
        task = self._task_of(one.stepper.room, one.label, one)
        opened = self._add_room(kind, name, task, one.shell.maker)
        self.quota.go_on(one.shell.maker)
        task.roster.go_on(one.shell.members, began_s)
        self._open.note(opened)

    def start_adopted(self, labels: Sequence[str]) -> None:
        """Have the rooms tick that came by ``go_on``."""
        for opened in [self._open[label] for label in labels]:
            self._start_room(opened)
            if not opened.task.roster.seats_taken:
                self._seat_released(opened)

    def find_member(self, label: str, seat: int) -> tuple[RoomTask, Member] | None:
        """Return the player in a seat."""
        opened = self._open.get(label)
        member = None if opened is None else opened.task.roster.find_seat(seat)
        return None if opened is None or member is None else (opened.task, member)

    async def open_recovered(self, recovered: Recovered, storage: RoomStorage | None) -> None:
        """Open a recovered room, and wait until it ticks."""
        kind, _, name = recovered.label.partition("/")
        if self.newest_resumes is not None:
            seated = recovered.stepper.seated.values()
            lives = [f"{recovered.incarnation}.{one.life.serial}" for one in seated]
            self.resumption.expect(await self.newest_resumes(lives))
        task = self._task_of(recovered.stepper.room, recovered.label, recovered, storage)
        opened = self._open_room(kind, name, task, None)
        await task.ready.wait()
        if not task.roster.seats_taken:
            self._seat_released(opened)

    async def replace(self, kinds: Mapping[str, type[Room]]) -> dict[str, str]:
        """Have all rooms go on with other versions of their classes, with their players.

        ``kinds`` has the same kinds as before.  A room that cannot go on ends, and its players
        begin another one; returns why, by label.
        """
        _check_kinds(kinds)
        self._kinds = dict(kinds)
        self._open.filter_as(kinds)
        ended = {}
        for opened in self._open.all:
            try:
                await self._replace_room(opened)
            except Exception as error:  # noqa: BLE001 - the game's, such as a migration that raised
                why = " ".join((str(error) or type(error).__name__).split())
                ended[opened.task.label] = why
                opened.task.roster.fail(f"the game begins again: {why}")
                opened.task.stop()
        return ended

    async def _replace_room(self, opened: OpenRoom) -> None:
        former = opened.task
        if not former.has_begun:
            raise LocalProtocolError("on_start has not ended yet")
        former.stop_ticking()  # on_load may take a while, and no tick is played twice
        loaded, recovered = former.renewed(self._kinds[opened.kind])
        task = self._task_of(loaded.room, former.label, recovered)
        await loaded.room.on_load()
        maker, opened.maker = opened.maker, None
        opened.occupied()
        newer = self._open_room(opened.kind, opened.name, task, maker)
        loaded.continue_publishing(task.publisher)
        task.roster.adopt(former.roster)
        former.leave_off()
        if not task.roster.seats_taken:
            self._seat_released(newer)

    def task_of(self, member: Member) -> RoomTask:
        """Return the task of the room that a player is in."""
        return self._open[member.label].task

    def _seed(self, label: str) -> int:
        if self._settings.seed is None:
            return secrets.randbits(32)
        return random.Random(f"{self._settings.seed} {label}").getrandbits(32)

    async def _run(self, opened: OpenRoom) -> None:
        label = opened.task.label
        while label in self._stopping:
            # This room's on_start may load what the last room of that name saves in on_stop.
            await self._stopping[label].wait()
        stopped = self._stopping[label] = trio.Event()
        log.info("room opened", room=label)
        try:
            await opened.task.run()
        finally:
            self._open.forget(opened)
            # They refer to the room: a cycle that only the garbage collector could free.
            opened.task.roster.on_released = opened.task.roster.on_closed = _nothing
            opened.task.on_move = _nothing
            del self._stopping[label]
            stopped.set()
            self.quota.give_back(opened.maker)
            self.past[opened.kind] = total(self.past[opened.kind], [opened.task.tally()])
            self._running -= 1
            if self._running == 0:
                self._all_stopped.set()
            if self.host_rooms is not None and label not in self._open:
                self.host_rooms.ended(label)
            log.info("room ended", room=label, reason=opened.task.ended)

    def _seat_released(self, opened: OpenRoom) -> None:
        self._open.note(opened)
        if not opened.task.roster.seats_taken and opened.empty is None:
            opened.empty = trio.CancelScope()
            self._tasks.start_soon(self._wait_and_close, opened, opened.empty)

    def _close_if_never_used(self, opened: OpenRoom) -> None:
        """Close a room that refused its first player, without the wait of an empty room.

        Otherwise a client without the right password could fill the server with such rooms.
        """
        roster = opened.task.roster
        if not roster.seats_taken and not roster.joins:
            self._open.forget(opened)
            opened.task.stop()

    async def _wait_and_close(self, opened: OpenRoom, wait: trio.CancelScope) -> None:
        with wait:
            await trio.sleep(self._settings.empty_room_s)
            self._open.forget(opened)
            opened.task.stop()

    # ------------------------------------------------------------ the end

    def stop_joining(self, why: str) -> None:
        """Refuse every client from now on, with 1001 and ``why``, and hold no more seats."""
        self._closing = why
        self.hold_quota.close()

    async def close_all(self) -> None:
        """Stop every room, and wait until each has run its ``on_stop``.

        Call this after the last session has ended.
        """
        for opened in self._open.all:
            opened.task.stop()
        if self._running:
            self._all_stopped = trio.Event()
            await self._all_stopped.wait()


def _nothing(*_: object) -> None:
    """Do nothing: the room has ended."""


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
