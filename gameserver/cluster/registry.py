"""What the nodes of a host call in their supervisor: registering, the directory, past counters.

Owns what the supervisor holds for them: the sockets, the directory, the secret, and the counters of
nodes that have ended.  Never starts or ends a process; ``supervisor.py`` does.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import trio

from gameserver.cluster import unix_socket
from gameserver.cluster.calls import Answer, Call, Operation, answer_calls
from gameserver.cluster.descriptors import DescriptorChannel
from gameserver.cluster.directory.contract import Directory
from gameserver.cluster.directory_calls import directory_operations
from gameserver.cluster.host_sockets import HostSockets
from gameserver.cluster.node_process import NodeProcess
from gameserver.errors import GameServerError
from gameserver.ops.node_metrics import PastCounts, counts_from_plain, counts_to_plain

#: Longest message between a node and its supervisor: a renewal lists all rooms of a node.
MAX_BODY_BYTES: Final = 16 * 1024 * 1024


class NotWanted(GameServerError):
    """A process registers as a node that there should not be."""


class Registry:
    """The ``nodes`` of a host by number, and what they share.

    ``tell`` gets the lines that the first node that serves has for the terminal.
    """

    def __init__(
        self,
        directory: Directory,
        nodes: Mapping[int, NodeProcess],
        tell: Callable[[Sequence[str]], None],
    ) -> None:
        self.directory: Final = directory
        self.nodes: Final = nodes
        self.sockets: Final = HostSockets()
        #: Signs what one node gives a client for another node; made by the first supervisor.
        self.secret: str | None = None
        self._past = PastCounts()
        self._tell = tell
        self._told = False

    def ensure_secret(self) -> None:
        """Make a secret, unless nodes of an earlier supervisor have brought theirs."""
        self.secret = self.secret or secrets.token_urlsafe(32)

    async def forget_run(self, run: str) -> None:
        """Note that a process has ended: its rooms are free, and its counters are kept."""
        self._past.end(run)
        await self.directory.leave(run)

    async def serve(self, listener: socket.socket) -> None:
        """Serve the nodes that connect, until cancelled."""
        accepting = trio.socket.from_stdlib_socket(listener)
        async with trio.open_nursery() as nursery:
            while True:
                nursery.start_soon(self._serve_node, await unix_socket.accept(accepting))

    async def _serve_node(self, connection: socket.socket) -> None:
        channel = DescriptorChannel(connection, max_body_bytes=MAX_BODY_BYTES)
        peer = channel.peer()
        if not peer.trusted:
            channel.close()
            return
        operations: dict[str, Operation] = {
            "register": partial(self._register, peer.pid),
            "ready": self._note_ready,
            "counts": self._keep_counts,
            **directory_operations(self.directory),
        }
        await answer_calls(channel, operations)

    async def _register(self, pid: int, call: Call) -> Answer:
        """Take a node in; give it the sockets that it lacks, and keep those that are lacking here.

        A node of an earlier supervisor has sockets, a new one has none.
        """
        match call.arguments:
            case [int(index), str(run), list(roles), str() | None as secret]:
                pass
            case _:
                raise NotWanted("a node registers in a way that this version does not know")
        node = self.nodes.get(index)
        if node is None or node.over or (node.pid not in (None, pid)):
            raise NotWanted(f"there should be no further node n{index}")
        brought = HostSockets.take(roles, call.received)
        self.sockets.adopt(brought)
        self.secret = self.secret or secret
        node.pid, node.run = pid, run
        node.registered.set()
        if roles:  # it serves already
            node.ready.set()
            return Answer([self.secret, []])
        roles, descriptors = self.sockets.for_node(index).to_message()
        return Answer([self.secret, roles], descriptors)

    async def _note_ready(self, call: Call) -> None:
        index, lines = call.arguments
        self.nodes[index].ready.set()
        if not self._told:
            self._told = True
            self._tell(lines)

    async def _keep_counts(self, call: Call) -> list[Any]:
        """Note the counters of living nodes; return those of nodes that have ended."""
        counts, known = call.arguments
        self._past.recall(counts_from_plain(known))
        for node in self.nodes.values():
            if node.run is not None and node.name in counts:
                self._past.see(node.run, counts_from_plain(counts[node.name]))
        return counts_to_plain(self._past.total)
