"""Routes: a player plays in a room of this node, or is sent to another node.

Owns the values, and what a session asks.  ``membership/router.py`` decides.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

import attrs

from gameserver.cluster.directory.listings import NodeListing
from gameserver.protocol.messages import Moved
from gameserver.runtime.membership.tickets import MoveTicket
from gameserver.runtime.rooms.join_request import JoinRequest


@attrs.frozen
class Bearer:
    """A player's identity, if this node has verified it, and the sign-in token used for that."""

    identity: str | None = None
    used_token: str | None = None


@attrs.frozen
class Elsewhere:
    """The player plays in a room of another node, and is sent there."""

    label: str
    owner: NodeListing
    ticket: str

    def moved(self) -> Moved:
        """Return the ``moved`` message: the client repeats its hello at the other node."""
        return Moved(self.owner.url, self.label, self.ticket, again=1)


NOBODY: Final = Bearer()
#: A request that this node answers, perhaps for a room that was chosen; or another node.
Route: TypeAlias = JoinRequest | Elsewhere


class Routes(Protocol):
    """The routes of one node's clients; ``membership/router.py`` has the real ones."""

    def ticket(self, text: str | None) -> MoveTicket | None:
        """Return the content of a ticket of this cluster, for any node and time, or None."""

    def use_ticket(self, text: str | None) -> MoveTicket | None:
        """Use up a ticket for this node; None if it is not valid, or was used before."""

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

    def freeze(self, now_s: float) -> list[Any]:
        """Return all that this node knows, as plain values, for the process that goes on as it."""

    def go_on(self, frozen: Sequence[Any], began_s: float) -> None:
        """Take in what another process knew, which froze at ``began_s``."""

    async def find_seat(self, resume: str | None) -> Moved | None:
        """Return the way to the player of a resume token, if another node has it; else None."""

    async def place(
        self,
        request: JoinRequest,
        *,
        ticket: MoveTicket | None = None,
        bearer: Bearer = NOBODY,
        avoided: Collection[str] = (),
        seats: int = 1,
    ) -> Route:
        """Return the place of a client that asks for a room, or of several players together."""
