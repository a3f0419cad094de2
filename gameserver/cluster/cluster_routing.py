"""The node on which a client plays, where the nodes of a host share a directory with other hosts.

Owns what concerns the host: a room of another node of this host gets the connection itself.  Which
room a client gets, and what becomes of a client whose room is on another host, is decided as for a
server that is alone on its host (``runtime/membership/router.py``).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import structlog
import trio

from gameserver.cluster.directory.errors import DirectoryError
from gameserver.cluster.directory.listings import NodeListing
from gameserver.cluster.node_routing import MAX_HOPS, come_back
from gameserver.config import Settings
from gameserver.protocol.messages import Hello
from gameserver.runtime.membership.member import Membership
from gameserver.runtime.rooms.join_request import JoinRequest
from gameserver.runtime.rooms.lobby import Lobby
from gameserver.runtime.rooms.routes import Elsewhere as OnAnotherNode
from gameserver.runtime.rooms.routes import Routes
from gameserver.runtime.sessions.routing import Elsewhere, Here, Routed

log = structlog.get_logger(__name__)

#: For how long a room that was handed over is known not to be here, and how many rooms.  Overflow
#: policy ``drop-oldest``: by then no client that came before is still joining.
GONE_FOR_S: Final = 60.0
MAX_GONE: Final = 10_000


class ClusterRouting:
    """The decisions of one node, which is ``membership``; ``router`` decides for all hosts."""

    def __init__(
        self, membership: Membership, router: Routes, lobby: Lobby, settings: Settings
    ) -> None:
        self.directory: Final = membership.directory
        self.run: Final = membership.node
        self._membership: Final = membership
        self._router: Final = router
        self._lobby: Final = lobby
        self._settings: Final = settings
        #: Rooms that were handed over to other nodes → until when that is remembered.
        self._gone: OrderedDict[str, float] = OrderedDict()

    async def place(self, request: JoinRequest, routed: Routed, hello: Hello) -> Here | Elsewhere:
        """Return where the client plays; ``Here`` also stands for a room of another host.

        ``JoinRefused`` (4005) if no node can take the client now.
        """
        if routed.hops > MAX_HOPS:
            raise come_back("the rooms change too fast right now")
        ticket = self._router.ticket(hello.ticket)
        if ticket is not None and routed.label is None:
            return await self._of_node(ticket.node, ticket.room)
        label = routed.label if request.name is None else f"{request.kind}/{request.name}"
        if label is None:
            return await self._any(request, routed)
        if self._lobby.is_open(label):
            return Here(label)
        try:
            found = await self.directory.find(label)
        except DirectoryError:
            return Here(label)  # which has its own answer to that
        return Here(label) if found is None else self._at(found.owner, label)

    async def _of_node(self, node: str, label: str) -> Here | Elsewhere:
        """Return the place of a room on the node that a ticket names."""
        try:
            owner = await self.directory.node(node)
        except DirectoryError:
            owner = None
        return Here(label) if owner is None else self._at(owner, label)

    async def _any(self, request: JoinRequest, routed: Routed) -> Here | Elsewhere:
        """Have a room chosen for a client that named none."""
        route = await self._router.place(request, avoided=routed.refused_by)
        if isinstance(route, OnAnotherNode):
            return self._at(route.owner, route.label)
        if route.name is not None:
            return Here(f"{route.kind}/{route.name}")
        # The directory is away, or nobody takes a room: this node is asked.
        return Here(self._lobby.joinable_label(request) or self._lobby.new_label(request.kind))

    def _at(self, owner: NodeListing, label: str) -> Here | Elsewhere:
        if self._membership.is_ours(owner) or not self.is_neighbour(owner):
            return Here(label)
        return Elsewhere(label, self.index_of(owner), self.secure_port_of(owner))

    # ------------------------------------------------------------ other nodes

    def is_neighbour(self, node: NodeListing) -> bool:
        """Whether a node is another one of this host, and one of ours."""
        same_host = node.host == self._membership.host and not self._membership.is_ours(node)
        return same_host and self._membership.is_trusted(node)

    @staticmethod
    def index_of(node: NodeListing) -> int:
        """Return the number of a node of this host."""
        return int(node.name.rpartition(" n")[2])

    def secure_port_of(self, node: NodeListing) -> int | None:
        """Return the port of a node of this host over TLS, if it ends TLS itself."""
        settings = self._settings
        if settings.certificate is None or not settings.tls_port:
            return None
        return settings.tls_port + 1 + self.index_of(node)

    # ------------------------------------------------------------ rooms of this node

    def is_here(self, label: str) -> bool:
        """Whether a room may play on this node; False for one that was handed over."""
        return self._gone.get(label, 0.0) < trio.current_time() or self._lobby.is_open(label)

    def fence_of(self, label: str) -> int:
        """Return the fence of a room that this node owns; 0 if it owns none of that name."""
        return self._membership.fence_of(label) or 0

    def own(self, label: str, fence: int) -> None:
        """Note that this node owns a room."""
        self._gone.pop(label, None)
        self._membership.own(label, fence)

    def disown(self, place: Elsewhere) -> None:
        """Note where a room is now that was handed over."""
        self._membership.disown(place.label)
        self._gone[place.label] = trio.current_time() + GONE_FOR_S
        if len(self._gone) > MAX_GONE:
            self._gone.popitem(last=False)

    def drain(self, *, drains: bool) -> None:
        """Make no rooms any more, or again; the server tells the membership."""
