"""Where a player plays: in a room of this node, or on another node, to which it is sent.

Owns that decision, and the claims that it needs.  Never makes a room and never talks to a client.

A room that is open here is joined without asking the directory.  A room asked for by name is
claimed before it is made, so there is one of that name; while the directory is away it is not made.
A player who asks for any room gets one that measured load chooses, or a room of this node while the
directory is away.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, Final

import attrs
import structlog
import trio

from gameserver.cluster.directory.errors import (
    DirectoryError,
    DirectorySettling,
    LeaseOver,
)
from gameserver.cluster.directory.listings import Candidates, Claim, NodeListing, RoomCandidate
from gameserver.cluster.placement import least_loaded
from gameserver.errors import JoinRefused
from gameserver.identity import UsedTokens
from gameserver.protocol.closing import CloseCode
from gameserver.protocol.messages import MAX_TOKEN_BYTES, Moved
from gameserver.runtime.membership.member import Membership
from gameserver.runtime.membership.tickets import VALID_S, MoveTicket, MoveTickets
from gameserver.runtime.rooms.join_request import JoinRequest
from gameserver.runtime.rooms.lobby import Lobby
from gameserver.runtime.rooms.routes import NOBODY, Bearer, Elsewhere, Route
from gameserver.simulation.matchable import plain_filters

log = structlog.get_logger(__name__)

#: How long a client waits before it asks again for a room that cannot be claimed at present.
RETRY_AFTER_S: Final = 2.0
#: Tries to claim a room whose chosen node has just gone, or to take the last seats of a room.
TRIES: Final = 3
#: Rooms and nodes that one choice is among.
CHOICES: Final = 2
#: Moves that are remembered, for clients whose connection was lost before they heard of theirs.
MAX_REMEMBERED: Final = 1024
AWAY: Final = "the directory of rooms is away"


class Router:
    """The routes of one node's clients."""

    def __init__(self, membership: Membership, lobby: Lobby, tickets: MoveTickets) -> None:
        self._membership = membership
        self._directory = membership.directory
        self._lobby = lobby
        self._tickets = tickets
        #: The tickets that were used here.
        self._used = UsedTokens()
        #: Life → the way of a player whom the game has moved, and until when it counts.
        self._moves: OrderedDict[str, tuple[Moved, float]] = OrderedDict()
        #: Kind and filters → the turn of the join that chooses a room of them at present.
        self._choosing: dict[str, trio.Lock] = {}

    # ------------------------------------------------------------ tickets

    def ticket(self, text: str | None) -> MoveTicket | None:
        """Return the content of a ticket of this cluster, for whichever node and time, or None."""
        return self._tickets.content(text)

    def use_ticket(self, text: str | None) -> MoveTicket | None:
        """Use up a ticket for this node; None if it is not valid, or was used before.

        A ticket is for one run of one node, so nobody else has to know that it was used.
        """
        ticket = self._tickets.read(text)
        if ticket is None or ticket.node != self._membership.node:
            return None
        now_s = trio.current_time()
        if self._used.is_full(now_s) or not self._used.use(ticket.id, now_s + 2 * VALID_S):
            return None
        return ticket

    def admission(
        self,
        there: Elsewhere,
        *,
        life: str,
        identity: str | None,
        moved_from: str,
        options: Mapping[str, Any] | None,
    ) -> Moved:
        """Return what a player is told whom the game moves to another node.

        ``JoinRefused`` if its options are too large.
        """
        ticket = self._tickets.issue(
            there.owner.node,
            there.label,
            life=life,
            identity=identity,
            moved_from=moved_from,
            options=options or {},
        )
        if len(ticket) > MAX_TOKEN_BYTES:
            raise JoinRefused(CloseCode.OPTIONS, "the options are too large for another host")
        moved = Moved(there.owner.url, there.label, ticket)
        self._moves[life] = moved, trio.current_time() + VALID_S
        if len(self._moves) > MAX_REMEMBERED:
            self._moves.popitem(last=False)
        return moved

    # ------------------------------------------------------------ from process to process

    def freeze(self, now_s: float) -> list[Any]:
        """Return all that this node knows, as plain values, for the process that goes on as it."""
        moves = [
            [life, attrs.astuple(moved), until_s - now_s]
            for life, (moved, until_s) in self._moves.items()
        ]
        return [self._membership.freeze(now_s), self._used.freeze(now_s), moves]

    def go_on(self, frozen: Sequence[Any], began_s: float) -> None:
        """Take in what another process knew, which froze at ``began_s``."""
        membership, used, moves = frozen
        self._membership.go_on(membership, began_s)
        self._used.go_on(used, began_s)
        for life, moved, until_s in moves:
            self._moves[life] = Moved(*moved), began_s + until_s

    # ------------------------------------------------------------ players who come back

    async def find_seat(self, resume: str | None) -> Moved | None:
        """Return where the player of a resume token is by now, if that is another node."""
        token = self._lobby.resumption.read(resume)
        if token is None:
            return None
        moved, expires_s = self._moves.get(token.life, (None, 0.0))
        if moved is not None and trio.current_time() < expires_s:
            return moved
        if self._lobby.is_open(token.label):
            return None
        try:
            found = await self._directory.find(token.label)
        except DirectoryError:
            return None
        there = None if found is None else self._elsewhere(found, life=token.life)
        return None if there is None else there.moved()

    # ------------------------------------------------------------ players who join

    async def place(
        self,
        request: JoinRequest,
        *,
        ticket: MoveTicket | None = None,
        bearer: Bearer = NOBODY,
        avoided: Collection[str] = (),
        seats: int = 1,
    ) -> Route:
        """Return where a client plays that asks for a room, or so many players together.

        ``ticket``: another node has chosen this one.  ``avoided`` are labels of rooms that have
        refused the client.  ``JoinRefused`` if a room asked for by name cannot be claimed.
        """
        if request.name is not None:
            return await self._place_named(request, bearer, here=ticket is not None)
        if ticket is not None and ticket.room.partition("/")[0] == request.kind:
            named = attrs.evolve(request, name=ticket.room.partition("/")[2])
            return await self._place_named(named, bearer, here=True)
        try:
            async with self._turn_to_choose(f"{request.kind} {request.wanted}"):
                if self._membership.is_away:
                    return request
                return await self._choose(request, bearer, avoided, seats)
        except DirectoryError as error:
            log.debug("a room of this node is chosen", why=str(error))
            return request

    @contextlib.asynccontextmanager
    async def _turn_to_choose(self, what: str) -> AsyncIterator[None]:
        """Let one join at a time choose: a thousand at once would find no room and make a thousand.

        Clients choose the filters, so nothing is kept of those that nobody waits for.
        """
        turn = self._choosing.setdefault(what, trio.Lock())
        try:
            async with turn:
                yield
        finally:
            if not turn.locked() and self._choosing.get(what) is turn:
                del self._choosing[what]

    async def _place_named(self, request: JoinRequest, bearer: Bearer, *, here: bool) -> Route:
        label = f"{request.kind}/{request.name}"
        if self._lobby.is_open(label) and label not in self._membership.lost:
            return request
        try:
            claim = await self._claim(label, request.kind, here=here)
        except DirectoryError as error:
            if self._lobby.is_open(label):
                return request
            log.warning("a room cannot be claimed", room=label, why=str(error))
            raise JoinRefused(CloseCode.ROOM_FULL, AWAY, retry_after_s=RETRY_AFTER_S) from error
        return self._route(claim, request, bearer)

    async def _claim(self, label: str, kind: str, *, here: bool) -> Claim:
        """Return the owner of a room; if it has none, one is chosen, or it is this node."""
        us = self._membership.node
        found = None if here else await self._directory.find(label)
        if found is not None and self._leaves(found.owner):
            # It was claimed for this node, which makes no rooms any more.
            await self._directory.release(us, label, found.fence)
            found = None
        if found is not None:
            return found
        node = us
        if not here:
            drawn = await self._directory.candidates(kind, {}, count=CHOICES)
            chosen = least_loaded(self._trusted(drawn))
            node = us if chosen is None else chosen.node
        for _ in range(TRIES):
            try:
                return await self._directory.claim(node, label)
            except DirectorySettling as settling:
                await trio.sleep(settling.retry_after_s)
            except LeaseOver:
                if node == us:
                    await self._membership.renew()
                node = us
        return await self._directory.claim(node, label)

    async def _choose(
        self, request: JoinRequest, bearer: Bearer, avoided: Collection[str], seats: int
    ) -> Route:
        filters = plain_filters(request.wanted)
        for _ in range(TRIES):
            drawn = await self._directory.candidates(
                request.kind, filters, seats, CHOICES + len(avoided)
            )
            choice = self._lobby.placement(request.kind)(self._trusted(drawn, avoided))
            match choice:
                case RoomCandidate():
                    if await self._directory.take_seats(choice.label, choice.fence, seats):
                        claim = Claim(
                            label=choice.label,
                            fence=choice.fence,
                            owner=choice.owner,
                            won=self._membership.is_ours(choice.owner),
                        )
                        return self._route(claim, request, bearer)
                case NodeListing():
                    others = max(0, self._lobby.most_players(request.kind) - seats)
                    try:
                        claim = await self._directory.claim_new(
                            choice.node, request.kind, free_seats=others, filters=filters
                        )
                    except LeaseOver:
                        continue
                    return self._route(claim, request, bearer)
                case None:
                    return request
        return request

    def _trusted(self, drawn: Candidates, avoided: Collection[str] = ()) -> Candidates:
        trusts = self._membership.is_trusted
        return Candidates(
            rooms=tuple(r for r in drawn.rooms if r.label not in avoided and trusts(r.owner)),
            nodes=tuple(node for node in drawn.nodes if trusts(node) and not self._leaves(node)),
        )

    def _leaves(self, node: NodeListing) -> bool:
        """Whether a node is this one, which makes no rooms any more."""
        return self._membership.draining and self._membership.is_ours(node)

    def _route(self, claim: Claim, request: JoinRequest, bearer: Bearer) -> Route:
        if not self._membership.is_ours(claim.owner):
            elsewhere = self._elsewhere(claim, bearer=bearer)
            if elsewhere is None:
                raise JoinRefused(
                    CloseCode.ROOM_FULL,
                    "the node that has this room is not one of ours",
                    retry_after_s=RETRY_AFTER_S,
                )
            return elsewhere
        self._membership.own(claim.label, claim.fence)
        return attrs.evolve(request, name=claim.label.partition("/")[2])

    def _elsewhere(
        self, claim: Claim, *, life: str | None = None, bearer: Bearer = NOBODY
    ) -> Elsewhere | None:
        """Return where a room is; None if it is here, or on a node that cannot be trusted."""
        owner = claim.owner
        if self._membership.is_ours(owner) or not self._membership.is_trusted(owner):
            return None
        ticket = self._tickets.issue(
            owner.node,
            claim.label,
            life=life,
            identity=bearer.identity,
            used_token=bearer.used_token,
        )
        return Elsewhere(claim.label, owner, ticket)
