"""The node of the host on which a client plays: found by name, or chosen by load.

Owns the decision for each hello, and the fences of the rooms that this node may run.  Never makes a
room; the lobby does, once this node has the claim.  Every node decides by the same rules, and the
node that a connection is passed to checks again: a room may have ended meanwhile.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

import attrs
import structlog
import trio

from gameserver.cluster.directory.contract import Directory
from gameserver.cluster.directory.errors import (
    DirectorySettling,
    DirectoryUnavailable,
    LeaseOver,
)
from gameserver.cluster.directory.listings import (
    Candidates,
    Claim,
    NodeListing,
    RoomCandidate,
)
from gameserver.cluster.placement import Choice, by_load, least_loaded
from gameserver.errors import JoinRefused
from gameserver.protocol.closing import CloseCode
from gameserver.room import Room
from gameserver.runtime.rooms.join_request import JoinRequest
from gameserver.runtime.rooms.lobby import Lobby
from gameserver.runtime.sessions.routing import Elsewhere, Here, Routed
from gameserver.simulation.matchable import plain_filters

log = structlog.get_logger(__name__)

#: Nodes that may pass a connection on before it is refused.
MAX_HOPS: Final = 6
#: Tries to place a client before it is told to come back.
MAX_TRIES: Final = 6
#: The longest pause before a client is tried again while the directory refuses claims.
LONGEST_SETTLING_S: Final = 5.0
#: How long a place is remembered, and how many are.  Overflow policy ``drop-oldest``.
HINT_LIFE_S: Final = 5.0
MAX_HINTS: Final = 10_000
#: The wait that a client is told while the directory is away.
AWAY_RETRY_S: Final = 2.0


@attrs.frozen
class _Hint:
    """A place, and until when it is worth trying, by Trio's clock."""

    place: Elsewhere
    until_s: float


class NodeRouting:
    """The decisions of one node.  ``run`` is its name in the directory, ``index`` its number.

    ``renew`` lists this node anew, for the case that its lease is over.
    """

    def __init__(
        self,
        directory: Directory,
        lobby: Lobby,
        run: str,
        renew: Callable[[], object],
    ) -> None:
        self.directory: Final = directory
        self.run: Final = run
        self._lobby = lobby
        self._renew = renew
        #: Where rooms were a moment ago; the node in question checks it.
        self._hints: OrderedDict[str, _Hint] = OrderedDict()
        #: The fences of the rooms that this node owns.
        self.fences: dict[str, int] = {}
        #: Whether this node makes no rooms any more, because it is about to stop.
        self._draining = False

    async def place(self, request: JoinRequest, routed: Routed, seats: int = 1) -> Here | Elsewhere:
        """Return where a client plays, or so many together; ``JoinRefused`` (4005) if nowhere."""
        if routed.hops > MAX_HOPS:
            raise come_back("the rooms change too fast right now")
        for _ in range(MAX_TRIES):
            try:
                place = await self._try(request, routed, seats)
            except DirectorySettling as settling:
                await trio.sleep(min(settling.retry_after_s, LONGEST_SETTLING_S))
                continue
            except LeaseOver:
                self._renew()
                await trio.sleep(0.1)
                continue
            except DirectoryUnavailable as error:
                return self._without_directory(request, routed, str(error))
            if place is not None:
                return place
        raise come_back("the rooms change too fast right now")

    async def _try(
        self, request: JoinRequest, routed: Routed, seats: int
    ) -> Here | Elsewhere | None:
        """Return a place, or None if the chosen one was taken by others just now."""
        if (label := _named(request, routed)) is not None:
            hint = self._hints.get(label) if routed.hops == 0 else None
            return await self._place_named(label, hint)
        return await self._place_any(request, routed.refused_by, seats)

    def is_here(self, label: str) -> bool:
        """Whether a room plays on this node, or may be made here."""
        return self._lobby.is_open(label) or label in self.fences

    def fence_of(self, label: str) -> int:
        """Return the fence of a room that this node owns; 0 if it owns none of that name."""
        return self.fences.get(label, 0)

    def own(self, label: str, fence: int) -> None:
        """Note that this node owns a room."""
        self.fences[label] = fence

    def disown(self, place: Elsewhere) -> None:
        """Note where a room is now that was handed over."""
        self.fences.pop(place.label, None)
        self._remember(place)

    def drain(self, *, drains: bool) -> None:
        """Make no rooms any more, because this node is about to stop; or make some again."""
        self._draining = drains

    @staticmethod
    def is_neighbour(_node: NodeListing) -> bool:
        """Whether a node is one of this host: all are."""
        return True

    @staticmethod
    def index_of(node: NodeListing) -> int:
        """Return the number of a node."""
        return int(node.name.removeprefix("n"))

    @staticmethod
    def secure_port_of(node: NodeListing) -> int | None:
        """Return the port of a node over TLS, if it ends TLS itself."""
        port = node.url.rpartition(":")[2]
        return int(port) if port.isdecimal() else None

    def _remember(self, place: Elsewhere) -> None:
        self._hints[place.label] = _Hint(place, trio.current_time() + HINT_LIFE_S)
        if len(self._hints) > MAX_HINTS:
            self._hints.popitem(last=False)

    async def _place_named(self, label: str, hint: _Hint | None) -> Here | Elsewhere | None:
        if self._lobby.is_open(label):
            return Here(label)
        if hint is not None and trio.current_time() < hint.until_s:
            return hint.place
        claim = await self.directory.find(label)
        if claim is None:
            kind = label.partition("/")[0]
            maker = least_loaded(self._without_leaving(await self.directory.candidates(kind, {})))
            run = self.run if maker is None else maker.node
            claim = await self.directory.claim(run, label)
        if self._draining and claim.owner.node == self.run:
            await self.directory.release(self.run, label, claim.fence)
            return None
        place = self._place_of(claim)
        if isinstance(place, Elsewhere):
            self._remember(place)
        return place

    def _place_of(self, claim: Claim) -> Here | Elsewhere:
        if claim.owner.node == self.run:
            self.fences[claim.label] = claim.fence
            return Here(claim.label)
        return self._elsewhere(claim.label, claim.owner)

    async def _place_any(
        self, request: JoinRequest, refused_by: Sequence[str], seats: int
    ) -> Here | Elsewhere | None:
        """Choose among rooms and nodes drawn at random; claim a new room if need be."""
        filters = plain_filters(request.wanted)
        found = await self.directory.candidates(request.kind, filters, seats)
        fitting = tuple(room for room in found.rooms if room.label not in refused_by)
        found = self._without_leaving(Candidates(rooms=fitting, nodes=found.nodes))
        room = self._lobby.room_class(request)
        choice = self._choose(room, found)
        if isinstance(choice, RoomCandidate):
            if not await self.directory.take_seats(choice.label, choice.fence, seats):
                return None
            if choice.owner.node == self.run:
                self.fences[choice.label] = choice.fence
                return Here(choice.label)
            return self._elsewhere(choice.label, choice.owner)
        if choice is None:
            raise self._lobby.overloaded()
        known = len(request.wanted) == len(room.filter_by)
        claim = await self.directory.claim_new(
            choice.node,
            request.kind,
            # Other filter values of the room are unknown until it is made.
            free_seats=max(0, room.max_players - seats) if known else 0,
            filters=filters,
        )
        return self._place_of(claim)

    def _without_leaving(self, found: Candidates) -> Candidates:
        """Leave out this node if it makes no rooms any more: its listing may not say so yet."""
        nodes = [n for n in found.nodes if not (self._draining and n.node == self.run)]
        return attrs.evolve(found, nodes=tuple(nodes))

    def _elsewhere(self, label: str, owner: NodeListing) -> Elsewhere:
        return Elsewhere(label, self.index_of(owner), self.secure_port_of(owner))

    @staticmethod
    def _choose(room: type[Room], found: Candidates) -> Choice:
        """Return the choice of the kind's own placement, or the choice by load if that raises."""
        if room.placement is not None:
            try:
                return room.placement(found)
            except Exception:
                log.exception("the placement of a room failed", room=room.__name__)
        return by_load(found)

    def _without_directory(self, request: JoinRequest, routed: Routed, why: str) -> Here:
        """Place a client while the supervisor is away: in the rooms of this node, or not at all.

        A new room could be the second one of its name.
        """
        label = _named(request, routed)
        if label is None:
            label = self._lobby.joinable_label(request)
        if label is not None and (self._lobby.is_open(label) or label in self.fences):
            return Here(label)
        log.warning("a client could not be placed", why=why)
        raise come_back("no other room can be reached right now")


def _named(request: JoinRequest, routed: Routed) -> str | None:
    if request.name is not None:
        return f"{request.kind}/{request.name}"
    return routed.label


def come_back(why: str) -> JoinRefused:
    """Return the refusal of a client that is to try again soon."""
    return JoinRefused(CloseCode.ROOM_FULL, why, retry_after_s=AWAY_RETRY_S)
