"""The operations that nodes call in their supervisor: registering, the directory, past counters.

Owns what the supervisor holds for its nodes: the sockets, the directory, the secret, and the
counters of nodes that have ended.  Never starts or ends a process; ``supervisor.py`` does.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import structlog
import trio

from gameserver.cluster import unix_socket
from gameserver.cluster.calls import MAX_MESSAGE_BYTES, Answer, Call, Operation, answer_calls
from gameserver.cluster.descriptors import DescriptorChannel
from gameserver.cluster.directory.contract import Directory
from gameserver.cluster.directory.errors import DirectoryUnavailable
from gameserver.cluster.directory_calls import DEADLINE_S, PREFIX, directory_operations
from gameserver.cluster.host_sockets import HostSockets
from gameserver.cluster.node_process import NodeProcess
from gameserver.errors import GameServerError
from gameserver.ops.node_metrics import PastCounts, counts_from_plain, counts_to_plain

log = structlog.get_logger(__name__)

#: How long a call waits until the directory knows all rooms: its node gives up a little later.
COMPLETE_WITHIN_S: Final = DEADLINE_S / 2
RENEW: Final = f"{PREFIX}renew"
#: How long all others wait for a node of an earlier supervisor to list its rooms.
LISTED_WITHIN_S: Final = 30.0


class NotWanted(GameServerError):
    """A process registers as a node that the supervisor does not expect."""


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
        #: Nodes whose rooms the directory does not know yet.
        self._unlisted: set[int] = set()
        #: Set while the directory knows the rooms of all nodes.
        self._complete = trio.Event()
        self._complete.set()
        self._past = PastCounts()
        self._tell = tell
        self._told = False

    def await_renewals(self, orphans: Sequence[int]) -> None:
        """Let nobody claim or find a room until these nodes have listed theirs once."""
        self._unlisted.update(orphans)
        if self._unlisted:
            self._complete = trio.Event()

    def ensure_secret(self) -> None:
        """Make a secret, unless nodes of an earlier supervisor have brought theirs."""
        self.secret = self.secret or secrets.token_urlsafe(32)

    async def forget_run(self, run: str) -> None:
        """Note that a process has ended: its rooms are free, and its counters are kept."""
        self._note_listed(run)
        self._past.end(run)
        await self.directory.leave(run)

    async def serve(self, listener: socket.socket) -> None:
        """Serve the nodes that connect, until cancelled."""
        accepting = trio.socket.from_stdlib_socket(listener)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.wait_no_longer)
            while True:
                nursery.start_soon(self._serve_node, await unix_socket.accept(accepting))

    async def _serve_node(self, connection: socket.socket) -> None:
        channel = DescriptorChannel(connection, max_body_bytes=MAX_MESSAGE_BYTES)
        peer = channel.peer()
        if not peer.trusted:
            channel.close()
            return
        operations: dict[str, Operation] = {
            "register": partial(self._register, peer.pid),
            "ready": self._note_ready,
            "counts": self._keep_counts,
            **{
                name: self._guarded(name, operation)
                for name, operation in directory_operations(self.directory).items()
            },
        }
        await answer_calls(channel, operations)

    def _guarded(self, name: str, operation: Operation) -> Operation:
        """Return a directory operation that waits while the directory is not complete.

        The wait has a deadline because waiting calls take places of the channel, and the renewal
        that completes the directory needs one.
        """

        async def carry_out(call: Call) -> Any:
            if name == RENEW:
                result = await operation(call)
                self._note_listed(call.arguments[0]["node"])
                return result
            with trio.move_on_after(COMPLETE_WITHIN_S):
                await self._complete.wait()
            if not self._complete.is_set():
                raise DirectoryUnavailable("nodes of an earlier supervisor have not listed rooms")
            return await operation(call)

        return carry_out

    async def wait_no_longer(self) -> None:
        """Go on without the rooms of nodes that have not listed theirs for long: they are stuck."""
        await trio.sleep(LISTED_WITHIN_S)
        if self._unlisted:
            log.error(
                "nodes have not listed their rooms, which may be made a second time",
                nodes=sorted(self._unlisted),
            )
            self._unlisted.clear()
            self._complete.set()

    def _note_listed(self, run: str) -> None:
        self._unlisted -= {n.index for n in self.nodes.values() if n.run == run}
        if not self._unlisted:
            self._complete.set()

    async def _register(self, pid: int, call: Call) -> Answer:
        """Take a node in; give it the sockets that it lacks, and keep those that are lacking here.

        A node of an earlier supervisor has sockets, a new one has none.
        """
        match call.arguments:
            case [int(index), str(run), list(roles), str() | None as secret, bool(serves)]:
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
        if serves:
            node.ready.set()
        if roles:
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
