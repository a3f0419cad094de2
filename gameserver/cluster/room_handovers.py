"""The rooms of one node that go to other nodes of its host, and those that come from them.

Owns which node gets a room, and the claim on the way.  ``handover/siblings.py`` carries a handover
out.  Never starts one by itself: a drain asks for it, or an operator.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Collection
from typing import Final, Protocol

import attrs
import structlog
import trio

from gameserver.cluster.calls import Call, CallFailed, CallRefused
from gameserver.cluster.directory.contract import Directory, all_nodes
from gameserver.cluster.directory.errors import DirectoryError
from gameserver.cluster.directory.listings import NodeListing
from gameserver.cluster.handover.messages import HandoverFailed
from gameserver.cluster.handover.siblings import RoomGiving, Sibling, take_room
from gameserver.cluster.peers import Peers
from gameserver.errors import GameServerError
from gameserver.runtime.server import Server
from gameserver.runtime.sessions.routing import Elsewhere

log = structlog.get_logger(__name__)

OPERATION: Final = "take_room"
#: How long a drain retries while no node takes rooms: a new node may just be starting.
TAKERS_WITHIN_S: Final = 5.0
LOOK_EVERY_S: Final = 0.1


class Places(Protocol):
    """A node's knowledge of rooms and nodes: ``node_routing.py`` or ``cluster_routing.py``."""

    @property
    def directory(self) -> Directory:
        """The directory that lists this node."""

    @property
    def run(self) -> str:
        """The name of this node there."""

    def fence_of(self, label: str) -> int:
        """Return the fence of a room that this node owns; 0 if it owns none of that name."""

    def own(self, label: str, fence: int) -> None:
        """Note that this node owns a room."""

    def disown(self, place: Elsewhere) -> None:
        """Note where a room is now that was handed over."""

    def is_neighbour(self, node: NodeListing) -> bool:
        """Whether a node is one of this host."""

    def index_of(self, node: NodeListing) -> int:
        """Return the number of a node of this host."""

    def secure_port_of(self, node: NodeListing) -> int | None:
        """Return the port of a node of this host over TLS, if it ends TLS itself."""


@attrs.define
class _PassedClaim:
    """The claim of one room on its way to the node ``to``."""

    places: Places
    to: str
    #: Whether the claim may have been passed on.
    passed: bool = False

    async def pass_on(self, label: str) -> int:
        places = self.places
        self.passed = True
        try:
            claim = await places.directory.pass_on(
                places.run, label, places.fence_of(label), self.to
            )
        except DirectoryError as error:
            raise HandoverFailed(f"the claim cannot be passed on: {error}") from error
        if not claim.won:
            raise HandoverFailed("another node has a room of this name, too")
        return claim.fence

    async def take_back(self, label: str) -> None:
        places = self.places
        if not self.passed:
            return
        try:
            found = await places.directory.find(label)
            if found is not None and found.owner.node == self.to:
                back = await places.directory.pass_on(self.to, label, found.fence, places.run)
                places.own(label, back.fence)
        except DirectoryError as error:
            log.warning("a room plays on without its claim", room=label, why=str(error))


class RoomHandovers:
    """The handovers of the node that serves as ``server``."""

    def __init__(self, server: Server, places: Places, peers: Peers) -> None:
        self._server: Final = server
        self._places: Final = places
        self._peers: Final = peers

    # ------------------------------------------------------------ giving

    async def give_all(self, prefer: Collection[str] = ()) -> int:
        """Hand over all rooms that other nodes take, one after another; return how many.

        Nodes whose names are in ``prefer`` come first, then the others, by their load.
        """
        given: Counter[str] = Counter()
        rooms = 0
        look_until_s = trio.current_time() + TAKERS_WITHIN_S
        for opened in self._server.lobby.open_rooms:
            label, players = opened.task.label, opened.players
            if not opened.task.roster.seats_taken:
                continue  # it closes by itself
            while not (takers := await self._takers(prefer, given)):
                if trio.current_time() >= look_until_s or not opened.task.roster.seats_taken:
                    break
                await trio.sleep(LOOK_EVERY_S)
            for there in takers:
                try:
                    await self.give(label, there)
                except HandoverFailed as failure:
                    log.warning("a room stays", room=label, to=there.name, why=str(failure))
                else:
                    given[there.node] += players
                    rooms += 1
                    break
        return rooms

    async def _takers(self, prefer: Collection[str], given: Counter[str]) -> list[NodeListing]:
        """Return the other nodes of the host that take rooms, the best first."""
        places = self._places
        try:
            nodes = await all_nodes(places.directory)
        except DirectoryError as error:
            log.warning("other nodes are not known", why=str(error))
            return []
        others = [n for n in nodes if n.node != places.run and places.is_neighbour(n)]
        return sorted(
            (node for node in others if node.takes_rooms),
            key=lambda node: (
                f"n{places.index_of(node)}" not in prefer,
                node.load.overload_steps,
                node.load.players + given[node.node],
            ),
        )

    async def give(self, label: str, there: NodeListing) -> None:
        """Hand a room over to another node; ``HandoverFailed`` says why it plays on here."""
        index, secure_port = self._places.index_of(there), self._places.secure_port_of(there)
        ours, theirs = socket.socketpair()
        sibling = Sibling(ours)
        try:
            with theirs:
                await self._peers.call(index, OPERATION, label, descriptors=[theirs])
        except (CallFailed, CallRefused) as error:
            sibling.channel.close()
            raise HandoverFailed(str(error)) from error
        claim = _PassedClaim(self._places, there.node)
        given = await RoomGiving(self._server, sibling, label, claim, secure_port).run()
        self._places.disown(Elsewhere(label, index, secure_port))
        log.info("room handed over", room=label, to=there.name, frozen_ms=round(given.frozen_ms, 1))

    # ------------------------------------------------------------ taking

    async def take(self, call: Call) -> None:
        """Begin to take a room that another node gives; the operation of a channel."""
        (label,) = call.arguments
        lobby = self._server.lobby
        if lobby.is_running(label):
            raise GameServerError(f"there is a room {label} already")
        if lobby.has_all_rooms or self._server.draining or not lobby.makes_rooms:
            raise GameServerError("the node takes no further room")
        self._peers.nursery.start_soon(self._take, call.received.take_socket())

    async def _take(self, sock: socket.socket) -> None:
        taken = await take_room(self._server, sock)
        if taken is None:
            return
        with trio.CancelScope(shield=True):  # nobody else has the room any more
            for label, fence in taken.fences.items():
                self._places.own(label, fence)
            taken.arriving.restore()
            await taken.arriving.adopt(taken.sockets)
