"""Several nodes of one host in this process: real sockets, a real directory, no supervisor process.

Each node listens on a port of its own, so that a test decides which node gets a connection.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import trio

from gameserver import Room, Server, Settings
from gameserver.cluster import unix_socket
from gameserver.cluster.directory.contract import Directory
from gameserver.cluster.directory.memory import MemoryDirectory
from gameserver.cluster.host_folder import HostFolder
from gameserver.cluster.host_sockets import Descriptor
from gameserver.cluster.node import Node
from gameserver.cluster.node_process import NodeProcess
from gameserver.cluster.registry import Registry
from gameserver.cluster.shared_counts import make_memory
from gameserver.runtime.net.listening import listen
from gameserver.runtime.serving import open_in
from tests.support.small_game import Field

FIELD: Mapping[str, type[Room]] = {"field": Field}


@attrs.frozen
class RunningNode:
    """A node, its server, and the scope that ends both."""

    node: Node
    server: Server
    scope: trio.CancelScope


@attrs.frozen
class RunningHost:
    """A host with all that a test wants to look at."""

    registry: Registry
    folder: HostFolder
    nodes: list[RunningNode]

    @property
    def servers(self) -> list[Server]:
        return [each.server for each in self.nodes]

    async def give(self, index: int, label: str) -> None:
        """Have a node own a room, which it makes when somebody joins, once nobody else does."""
        with trio.fail_after(60):
            run = self.nodes[index].node.run_name
            while not (await self.registry.directory.claim(run, label)).won:
                await trio.lowlevel.checkpoint()

    def rooms(self, index: int) -> dict[str, Any]:
        """Return the rooms of a node by their names."""
        return {t.label: t.room for _, t in self.nodes[index].server.lobby.rooms}


@contextlib.asynccontextmanager
async def node_host(
    folder: Path,
    count: int = 2,
    kinds: Mapping[str, type[Room]] = FIELD,
    directory: Directory | None = None,
    **settings: Any,
) -> AsyncIterator[RunningHost]:
    """Run nodes whose sockets are in ``folder``; ``directory`` is shared with other hosts."""
    host_folder = HostFolder(folder)
    processes = {index: NodeProcess(index) for index in range(count)}
    registry = Registry(MemoryDirectory(settled=True), processes, lambda _lines: None)
    registry.ensure_secret()
    registry.sockets.counts = Descriptor(make_memory())
    # A busy machine may need longer for a hello than a server usually waits.
    usual = {"port": 0, "grace_s": 1.0, "hello_deadline_s": 60.0, "nodes": count}
    chosen = Settings(**{**usual, **settings})
    running: list[RunningNode] = []
    with unix_socket.bind(host_folder.supervisor) as listener:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(registry.serve, listener)
            for index in range(count):
                node = Node(host_folder, index)
                running.append(
                    await nursery.start(partial(_run_node, node, kinds, chosen, directory))
                )
            host = RunningHost(registry, host_folder, running)
            if directory is None:
                for each in running:
                    await until_listed(host, each)
            yield host
            nursery.cancel_scope.cancel()
    registry.sockets.close()


async def until_listed(host: RunningHost, running: RunningNode) -> None:
    """Wait until the directory takes new rooms to this node."""
    with trio.fail_after(60):
        while True:
            found = await host.registry.directory.node(running.node.run_name)
            if found is not None and found.takes_rooms:
                return
            running.node.wake_renewal()
            await trio.lowlevel.checkpoint()


async def _run_node(
    node: Node,
    kinds: Mapping[str, type[Room]],
    settings: Settings,
    directory: Directory | None,
    *,
    task_status: trio.TaskStatus[RunningNode],
) -> None:
    with contextlib.closing(node):
        await _run_joined(node, kinds, settings, directory, task_status)


async def _run_joined(
    node: Node,
    kinds: Mapping[str, type[Room]],
    settings: Settings,
    directory: Directory | None,
    task_status: trio.TaskStatus[RunningNode],
) -> None:
    async with trio.open_nursery() as nursery:
        await node.join(nursery)
        port = 0 if node.index else settings.port  # that of the first node may be public
        node.sockets.plain = await listen("127.0.0.1", port, "port")
        if settings.certificate is not None:
            node.sockets.tls = await listen("127.0.0.1", 0, "tls_port")
            node.sockets.own_tls[node.index] = await listen("127.0.0.1", 0, "tls_port")
        with trio.CancelScope() as scope:
            async with (
                open_in(kinds, settings, node, directory=directory) as server,
                trio.open_nursery() as beside,
            ):
                beside.start_soon(node.run_listing)
                task_status.started(RunningNode(node, server, scope))
                await trio.sleep_forever()
        nursery.cancel_scope.cancel()
