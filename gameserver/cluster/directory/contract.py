"""The contract of a directory: which node has which room.

Owns the operations, their promises, and their limits.  ``memory.py`` implements them within one
process, ``redis.py`` on Redis or Valkey.  One suite of tests holds for both.

The promises:

- **Leases.**  A node that has not renewed for ``lease_s`` is gone: nothing lists it or its rooms.
- **Everything is written anew with each renewal.**  A directory that has lost its data is whole
  again once every node has renewed.
- **One owner.**  A room has at most one owner with a lease, and each owner has a higher fence than
  the one before, so two owners never have the same.  Fences are below 2 ** 53.
- **No claim right after a loss.**  A directory that has lost data, or may have, refuses claims for
  one lease (``DirectorySettling``), until every living node has listed its rooms again.
- **Operations can be repeated.**  A node whose call has failed (``DirectoryUnavailable``) may call
  again with the same arguments, and gets the result of the first call.

A directory is never asked within a tick.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gameserver.cluster.directory.listings import (
    Candidates,
    Claim,
    NodeListing,
    NodePage,
    Renewal,
    RoomListing,
    RoomPage,
)

#: How long a node is listed after its last renewal, and how often it renews.
LEASE_S: Final = 3.0
RENEW_EVERY_S: Final = 1.0
#: How long a claimed room stays its owner's until a renewal lists it: the life of a ticket.
HOLD_S: Final = 30.0
#: How long the number of a resume token is remembered after its last use.
RESUME_MEMORY_S: Final = 86_400.0
#: Most rooms or nodes in one page, most candidates of one join, and most lives in one call.
MAX_PAGE: Final = 100
MAX_CANDIDATES: Final = 16
MAX_LIVES: Final = 1000


class Directory(abc.ABC):
    """The nodes and their rooms.  ``lease_s`` is how long a renewal is valid."""

    lease_s: float = LEASE_S

    # ------------------------------------------------------------ nodes

    @abc.abstractmethod
    async def renew(self, node: NodeListing, rooms: Sequence[RoomListing]) -> Renewal:
        """List a node and all its rooms, for one lease; the first call makes the node known.

        Rooms of the node that are not among ``rooms`` are no longer listed, except those claimed
        less than ``HOLD_S`` ago.
        """

    @abc.abstractmethod
    async def leave(self, node: str) -> None:
        """Forget a node and all its rooms at once; idempotent."""

    @abc.abstractmethod
    async def node(self, node: str) -> NodeListing | None:
        """Return a node that has a lease, or None."""

    @abc.abstractmethod
    async def nodes(self, after: str = "", limit: int = MAX_PAGE) -> NodePage:
        """Return nodes by their names, from the one after the cursor ``after``."""

    # ------------------------------------------------------------ rooms by name

    @abc.abstractmethod
    async def claim(self, node: str, label: str, hold_s: float = HOLD_S) -> Claim:
        """Make ``node`` the owner of a room, unless another node with a lease owns it.

        Returns the owner, whichever it is.  A node that owns the room already keeps its fence.
        The claim ends unless a renewal lists the room within ``hold_s``.  A server may claim a
        room for another node, where a player is then sent to make it.

        For a durable room, claim it here first, and then its fence in storage: this directory
        decides who runs the room, and storage refuses the writes of former owners.

        ``DirectorySettling`` while claims are refused, ``LeaseOver`` if ``node`` has no lease.
        """

    @abc.abstractmethod
    async def claim_new(
        self,
        node: str,
        kind: str,
        *,
        free_seats: int = 0,
        filters: Mapping[str, Any] | None = None,
        hold_s: float = HOLD_S,
    ) -> Claim:
        """Make ``node`` the owner of a room of this kind with a free name, which is a number.

        Other joins find it at once, with these free seats and values of filters.
        """

    @abc.abstractmethod
    async def pass_on(self, node: str, label: str, fence: int, to: str) -> Claim:
        """Make ``to`` the owner of a room that ``node`` owns with this fence; its fence is higher.

        Returns the owner, whichever it is.  Where the room has no owner, or ``to`` owns it already,
        this is a claim by ``to``.  Joins find the room meanwhile.

        ``DirectorySettling`` while claims are refused, ``LeaseOver`` if ``to`` has no lease.
        """

    @abc.abstractmethod
    async def release(self, node: str, label: str, fence: int) -> None:
        """End the ownership of a room, if ``node`` owns it with this fence; idempotent."""

    @abc.abstractmethod
    async def find(self, label: str) -> Claim | None:
        """Return the owner of a room, or None if it has none.  Its ``won`` is False."""

    # ------------------------------------------------------------ rooms for a join

    @abc.abstractmethod
    async def candidates(
        self, kind: str, filters: Mapping[str, Any], seats: int = 1, count: int = 2
    ) -> Candidates:
        """Return up to ``count`` rooms that fit, and as many nodes that could make one, at random.

        A room fits if it has at least these free seats, and all the values of ``filters``.
        """

    @abc.abstractmethod
    async def take_seats(self, label: str, fence: int, seats: int = 1) -> bool:
        """Count seats of a room as taken, until its owner lists it again.

        False if fewer seats are free, or the room has another owner by now.  Without this call, a
        thousand joins at the same moment would be sent to the same last seat.
        """

    @abc.abstractmethod
    async def rooms(self, after: str = "", limit: int = MAX_PAGE) -> RoomPage:
        """Return rooms that lists may show, from the one after the cursor ``after``.

        A room that stays open is on exactly one page, whichever others open or close meanwhile.
        """

    # ------------------------------------------------------------ used once

    @abc.abstractmethod
    async def use_once(self, name: str, by: str, valid_s: float) -> bool:
        """Use up something that may be used once, such as a ticket; False if it had been already.

        ``by`` names the use, so that a repeated call of the same use is True again.  A directory
        that was wiped has forgotten what was used.
        """

    @abc.abstractmethod
    async def note_resumes(self, newest: Mapping[str, int]) -> None:
        """Remember the newest number of resume tokens, by the life of their players.

        A lower number than the remembered one changes nothing.
        """

    @abc.abstractmethod
    async def newest_resumes(self, lives: Sequence[str]) -> dict[str, int]:
        """Return the remembered numbers; a life of which none is known is left out."""


async def all_nodes(directory: Directory, at_most: float = math.inf) -> list[NodeListing]:
    """Return the nodes of all pages, but read no further page once there are ``at_most``."""
    nodes: list[NodeListing] = []
    cursor = ""
    while True:
        page = await directory.nodes(cursor)
        nodes += page.nodes
        cursor = page.next
        if not cursor or len(nodes) >= at_most:
            return nodes
