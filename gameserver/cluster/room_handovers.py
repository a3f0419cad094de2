"""The rooms of one node that go to other nodes of its host, and those that come from them.

Owns which node gets a room, and the claim on the way.  ``handover/siblings.py`` carries a handover
out.  Never starts one by itself: a drain asks for it, or an operator.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Collection, MutableMapping
from typing import Final, Protocol

import attrs
import structlog
import trio

from gameserver.cluster.calls import Call, CallFailed, CallRefused
from gameserver.cluster.directory.contract import Directory
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


class Places(Protocol):
    """What one node knows of the places of rooms; ``node_routing.py`` has it."""

    #: The fences of the rooms that this node owns.
    fences: MutableMapping[str, int]

    def remember(self, place: Elsewhere) -> None:
        """Note where a room is now."""


@attrs.define
class _PassedClaim:
    """The claim of one room on its way from the node ``run`` to the node ``to``."""

    directory: Directory
    run: str
    to: str
    fences: MutableMapping[str, int]
    new_fence: int | None = None

    async def pass_on(self, label: str) -> int:
        fence = self.fences.get(label, 0)
        try:
            claim = await self.directory.pass_on(self.run, label, fence, self.to)
        except DirectoryError as error:
            self.new_fence = 0  # it may have been carried out
            raise HandoverFailed(f"the claim cannot be passed on: {error}") from error
        if not claim.won:
            raise HandoverFailed("another node has a room of this name, too")
        self.new_fence = claim.fence
        return claim.fence

    async def take_back(self, label: str) -> None:
        if self.new_fence is None:
            return
        try:
            found = await self.directory.find(label)
            if found is not None and found.owner.node == self.to:
                back = await self.directory.pass_on(self.to, label, found.fence, self.run)
                self.fences[label] = back.fence
        except DirectoryError as error:
            log.warning("a room plays on without its claim", room=label, why=str(error))


class RoomHandovers:
    """The handovers of the node ``run``, which serves as ``server``."""

    def __init__(
        self, server: Server, directory: Directory, run: str, places: Places, peers: Peers
    ) -> None:
        self._server: Final = server
        self._directory: Final = directory
        self._run: Final = run
        self._places: Final = places
        self._peers: Final = peers

    # ------------------------------------------------------------ giving

    async def give_all(self, prefer: Collection[str] = ()) -> int:
        """Hand over all rooms that other nodes take, one after another; return how many.

        Nodes whose names are in ``prefer`` come first, then the others, by their load.
        """
        given: Counter[str] = Counter()
        rooms = 0
        for opened in self._server.lobby.open_rooms:
            label, players = opened.task.label, opened.players
            if not opened.task.roster.seats_taken:
                continue  # it closes by itself
            for there in await self._takers(prefer, given):
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
        try:
            nodes = (await self._directory.nodes()).nodes
        except DirectoryError as error:
            log.warning("other nodes are not known", why=str(error))
            return []
        return sorted(
            (node for node in nodes if node.node != self._run and node.takes_rooms),
            key=lambda node: (
                node.name not in prefer,
                node.load.overload_steps,
                node.load.players + given[node.node],
            ),
        )

    async def give(self, label: str, there: NodeListing) -> None:
        """Hand a room over to another node; ``HandoverFailed`` says why it plays on here."""
        index = int(there.name.removeprefix("n"))
        port = there.url.rpartition(":")[2]
        secure_port = int(port) if port.isdecimal() else None
        ours, theirs = socket.socketpair()
        sibling = Sibling(ours)
        try:
            with theirs:
                await self._peers.call(index, OPERATION, label, descriptors=[theirs])
        except (CallFailed, CallRefused) as error:
            sibling.channel.close()
            raise HandoverFailed(str(error)) from error
        claim = _PassedClaim(self._directory, self._run, there.node, self._places.fences)
        given = await RoomGiving(self._server, sibling, label, claim, secure_port).run()
        self._places.fences.pop(label, None)
        self._places.remember(Elsewhere(label, index, secure_port))
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
            self._places.fences.update(taken.fences)
            taken.arriving.restore()
            await taken.arriving.adopt(taken.sockets)
