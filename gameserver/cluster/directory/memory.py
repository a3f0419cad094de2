"""A directory within one process: for the nodes of one host, whose supervisor holds it.

Owns the data.  Implements ``contract.py``; nothing here waits, so each operation is atomic.
"""

from __future__ import annotations

import random
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs
import trio
from typing_extensions import override

from gameserver.cluster.directory.bag import Bag
from gameserver.cluster.directory.contract import (
    HOLD_S,
    LEASE_S,
    MAX_CANDIDATES,
    MAX_PAGE,
    Directory,
)
from gameserver.cluster.directory.errors import DirectorySettling, LeaseOver
from gameserver.cluster.directory.filters import index_name, index_names
from gameserver.cluster.directory.listings import (
    Candidates,
    Claim,
    NodeListing,
    NodePage,
    Renewal,
    RoomCandidate,
    RoomListing,
    RoomPage,
    ShownRoom,
)
from gameserver.cluster.directory.used_once import UsedOnce

#: Most lives whose newest resume token is remembered.  Overflow policy ``drop-oldest``.
MAX_REMEMBERED: Final = 100_000
#: Rooms with too few seats that are passed over in one draw.
MAX_PASSED_OVER: Final = 16


@attrs.define(eq=False)
class _Node:
    listing: NodeListing
    expires_s: float
    labels: set[str] = attrs.field(factory=set)


@attrs.define(eq=False)
class _Room:
    label: str
    node: str
    fence: int
    #: Set for a claimed room that no renewal has listed yet: when the claim ends.
    held_until_s: float | None
    listing: RoomListing | None = None
    free_seats: int = 0
    indexes: Sequence[str] = ()


class MemoryDirectory(Directory):
    """A directory in this process.

    ``settled`` is False if there may be nodes whose rooms it does not know yet, as after a crash of
    the process that held it before: it then refuses claims for one lease.
    """

    def __init__(
        self,
        *,
        settled: bool,
        lease_s: float = LEASE_S,
        clock: Callable[[], float] = trio.current_time,
        chance: random.Random | None = None,
    ) -> None:
        self.lease_s = lease_s
        self._clock = clock
        self._chance = chance or random.Random()
        self._settled_s = clock() + (0.0 if settled else lease_s)
        self._nodes: dict[str, _Node] = {}
        self._rooms: dict[str, _Room] = {}
        self._indexes: defaultdict[str, Bag] = defaultdict(Bag)
        self._makers: defaultdict[str, Bag] = defaultdict(Bag)
        # A directory that starts again issues higher fences than before.
        self._last_fence = time.time_ns() // 1000
        self._numbers: defaultdict[str, int] = defaultdict(int)
        self._used = UsedOnce()
        self._resumes: OrderedDict[str, int] = OrderedDict()

    # ------------------------------------------------------------ nodes

    @override
    async def renew(self, node: NodeListing, rooms: Sequence[RoomListing]) -> Renewal:
        now_s = self._forget_dead()
        known = self._nodes.get(node.node)
        if known is None:
            known = self._nodes[node.node] = _Node(node, 0.0)
        self._list_maker(known.listing, node)
        known.listing, known.expires_s = node, now_s + self.lease_s
        lost = [room.label for room in rooms if not self._list(node.node, room)]
        unlisted = known.labels - {room.label for room in rooms}
        for label in unlisted:
            held_until_s = self._rooms[label].held_until_s
            if held_until_s is None or held_until_s <= now_s:
                self._forget_room(label)
        return Renewal(lost=tuple(lost))

    def _list(self, node: str, listing: RoomListing) -> bool:
        """List a room of a node; False if it has a newer owner."""
        self._last_fence = max(self._last_fence, listing.fence)
        room = self._living(listing.label)
        if room is not None and room.node != node and room.fence >= listing.fence:
            return False
        if room is not None and room.node == node and room.fence > listing.fence:
            return False
        if room is None or room.node != node:
            room = self._own(node, listing.label, listing.fence, None)
        room.fence, room.listing, room.held_until_s = listing.fence, listing, None
        self._index(room, listing.free_seats, listing.kind, listing.filters)
        return True

    def _list_maker(self, before: NodeListing, now: NodeListing) -> None:
        for kind in before.kinds:
            self._makers[kind].discard(before.node)
        if now.takes_rooms:
            for kind in now.kinds:
                self._makers[kind].add(now.node)

    @override
    async def leave(self, node: str) -> None:
        if node in self._nodes:
            self._forget_node(node)

    @override
    async def node(self, node: str) -> NodeListing | None:
        self._forget_dead()
        found = self._nodes.get(node)
        return None if found is None else found.listing

    @override
    async def nodes(self, after: str = "", limit: int = MAX_PAGE) -> NodePage:
        self._forget_dead()
        names = sorted(name for name in self._nodes if name > after)
        page = names[:limit]
        return NodePage(
            nodes=tuple(self._nodes[name].listing for name in page),
            next=page[-1] if len(names) > len(page) > 0 else "",
        )

    # ------------------------------------------------------------ rooms by name

    @override
    async def claim(self, node: str, label: str, hold_s: float = HOLD_S) -> Claim:
        now_s = self._checked_claim(node)
        room = self._living(label)
        if room is None:
            self._last_fence += 1
            room = self._own(node, label, self._last_fence, now_s + hold_s)
        elif room.node == node and room.held_until_s is not None:
            room.held_until_s = now_s + hold_s
        return self._claim_of(room, won=room.node == node)

    @override
    async def pass_on(self, node: str, label: str, fence: int, to: str) -> Claim:
        now_s = self._checked_claim(to)
        former = self._living(label)
        if former is not None and (former.node, former.fence) == (node, fence) and node != to:
            self._last_fence += 1
            indexes, free_seats = former.indexes, former.free_seats
            room = self._own(to, label, self._last_fence, now_s + HOLD_S)
            room.indexes, room.free_seats = indexes, free_seats
            for index in indexes:
                self._indexes[index].add(label)
        return await self.claim(to, label)

    @override
    async def claim_new(
        self,
        node: str,
        kind: str,
        *,
        free_seats: int = 0,
        filters: Mapping[str, Any] | None = None,
        hold_s: float = HOLD_S,
    ) -> Claim:
        self._checked_claim(node)
        label = ""
        while not label or self._living(label) is not None:
            self._numbers[kind] += 1
            label = f"{kind}/{self._numbers[kind]}"
        claim = await self.claim(node, label, hold_s)
        self._index(self._rooms[label], free_seats, kind, filters or {})
        return claim

    def _checked_claim(self, node: str) -> float:
        now_s = self._forget_dead()
        if node not in self._nodes:
            raise LeaseOver(f"the node {node} has no lease")
        if now_s < self._settled_s:
            raise DirectorySettling(self._settled_s - now_s)
        return now_s

    @override
    async def release(self, node: str, label: str, fence: int) -> None:
        room = self._rooms.get(label)
        if room is not None and (room.node, room.fence) == (node, fence):
            self._forget_room(label)

    @override
    async def find(self, label: str) -> Claim | None:
        self._forget_dead()
        room = self._living(label)
        return None if room is None else self._claim_of(room, won=False)

    # ------------------------------------------------------------ rooms for a join

    @override
    async def candidates(
        self, kind: str, filters: Mapping[str, Any], seats: int = 1, count: int = 2
    ) -> Candidates:
        self._forget_dead()
        count = min(count, MAX_CANDIDATES)
        return Candidates(
            rooms=tuple(self._drawn_rooms(index_name(kind, filters), seats, count)),
            nodes=tuple(
                self._nodes[name].listing
                for name in self._drawn(self._makers, kind, count)
                if name in self._nodes
            ),
        )

    def _drawn_rooms(self, index: str, seats: int, count: int) -> Iterator[RoomCandidate]:
        for label in self._drawn(self._indexes, index, count + MAX_PASSED_OVER):
            room = self._rooms[label]
            if room.free_seats >= seats:
                owner = self._nodes[room.node].listing
                yield RoomCandidate(
                    label=label, fence=room.fence, free_seats=room.free_seats, owner=owner
                )
                count -= 1
            if count == 0:
                return

    def _drawn(self, bags: Mapping[str, Bag], name: str, most: int) -> Iterator[str]:
        bag = bags.get(name)
        if bag is not None:
            yield from bag.drawn(self._chance, most)

    @override
    async def take_seats(self, label: str, fence: int, seats: int = 1) -> bool:
        self._forget_dead()
        room = self._living(label)
        if room is None or room.fence != fence or room.free_seats < seats:
            return False
        room.free_seats -= seats
        if room.free_seats == 0:
            self._unindex(room)
        return True

    @override
    async def rooms(self, after: str = "", limit: int = MAX_PAGE) -> RoomPage:
        self._forget_dead()
        from_node, _, serial = after.partition(" ")
        after_serial = int(serial) if serial.isdecimal() else -1
        page: list[ShownRoom] = []
        cursor = ""
        for name in sorted(name for name in self._nodes if name >= from_node):
            for listing in self._shown_by(name, after_serial if name == from_node else -1):
                if len(page) == limit:
                    return RoomPage(rooms=tuple(page), next=cursor)
                assert listing.shown is not None
                page.append(
                    ShownRoom(
                        label=listing.label,
                        node=name,
                        players=listing.players,
                        shown=listing.shown,
                    )
                )
                cursor = f"{name} {listing.serial}"
        return RoomPage(rooms=tuple(page))

    def _shown_by(self, node: str, after_serial: int) -> list[RoomListing]:
        listings = [self._rooms[label].listing for label in self._nodes[node].labels]
        shown = [one for one in listings if one is not None and one.shown is not None]
        return sorted((o for o in shown if o.serial > after_serial), key=lambda one: one.serial)

    # ------------------------------------------------------------ used once

    @override
    async def use_once(self, name: str, by: str, valid_s: float) -> bool:
        return self._used.use(name, by, valid_s, self._clock())

    @override
    async def note_resumes(self, newest: Mapping[str, int]) -> None:
        for life, number in newest.items():
            self._resumes[life] = max(number, self._resumes.pop(life, 0))
            if len(self._resumes) > MAX_REMEMBERED:
                self._resumes.popitem(last=False)

    @override
    async def newest_resumes(self, lives: Sequence[str]) -> dict[str, int]:
        return {life: self._resumes[life] for life in lives if life in self._resumes}

    # ------------------------------------------------------------ inside

    def _forget_dead(self) -> float:
        """Forget the nodes whose leases are over, and return the time."""
        now_s = self._clock()
        for name in [name for name, node in self._nodes.items() if node.expires_s <= now_s]:
            self._forget_node(name)
        return now_s

    def _forget_node(self, name: str) -> None:
        node = self._nodes[name]
        for label in list(node.labels):
            self._forget_room(label)
        for kind in node.listing.kinds:
            self._makers[kind].discard(name)
        del self._nodes[name]

    def _living(self, label: str) -> _Room | None:
        """Return a room that has an owner; one whose claim has ended is forgotten."""
        room = self._rooms.get(label)
        if room is None:
            return None
        if room.held_until_s is not None and room.held_until_s <= self._clock():
            self._forget_room(label)
            return None
        return room

    def _own(self, node: str, label: str, fence: int, held_until_s: float | None) -> _Room:
        if label in self._rooms:
            self._forget_room(label)
        room = self._rooms[label] = _Room(label, node, fence, held_until_s)
        self._nodes[node].labels.add(label)
        return room

    def _forget_room(self, label: str) -> None:
        room = self._rooms.pop(label)
        self._unindex(room)
        self._nodes[room.node].labels.discard(label)

    def _index(self, room: _Room, free_seats: int, kind: str, filters: Mapping[str, Any]) -> None:
        """Let joins find a room, if it has free seats."""
        self._unindex(room)
        room.free_seats = free_seats
        if free_seats > 0:
            room.indexes = index_names(kind, filters)
            for index in room.indexes:
                self._indexes[index].add(room.label)

    def _unindex(self, room: _Room) -> None:
        for index in room.indexes:
            bag = self._indexes[index]
            bag.discard(room.label)
            if not bag:
                del self._indexes[index]
        room.indexes = ()

    def _claim_of(self, room: _Room, *, won: bool) -> Claim:
        owner = self._nodes[room.node].listing
        return Claim(label=room.label, fence=room.fence, owner=owner, won=won)
