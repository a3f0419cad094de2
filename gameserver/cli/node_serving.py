"""Serving with several nodes from a terminal: the supervisor, and each of its nodes.

Owns the command line of a node, and the output of both.  Never starts a process; the supervisor
does.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Mapping, Sequence

import trio
from rich.console import Console

from gameserver.cli.flags import Flags
from gameserver.cli.serving import addresses, page_hint
from gameserver.cluster.node import Node
from gameserver.cluster.node_admin import run_node_admin
from gameserver.cluster.supervisor import FirstNodeFailed, Supervisor
from gameserver.config import Settings
from gameserver.errors import GameServerError
from gameserver.ops.logging import configure_logging
from gameserver.ops.output import LossReport, unfailing
from gameserver.room import Room
from gameserver.runtime.server import Server
from gameserver.runtime.serving import serve


def serve_node(kinds: Mapping[str, type[Room]], settings: Settings, node: Node) -> None:
    """Serve as one node of several, until a signal."""
    configure_logging(settings.log_level, settings.log_format)

    async def beside(server: Server) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(LossReport(unfailing(sys.stdout)).run)
            nursery.start_soon(node.run_listing)
            nursery.start_soon(run_node_admin, node, server)
            await node.tell_ready([*addresses(server), *page_hint(server)])

    async def run() -> None:
        error: GameServerError | None = None
        async with trio.open_nursery() as nursery:
            await node.join(nursery)
            try:
                await serve(kinds, settings, beside, node)
            except GameServerError as raised:
                error = raised  # raised again, where no nursery wraps it
            nursery.cancel_scope.cancel()
        if error is not None:
            raise error

    try:
        trio.run(run)
    finally:
        node.close()


def serve_nodes(
    rooms: Sequence[str], config: pathlib.Path | None, flags: Flags, settings: Settings
) -> None:
    """Supervise nodes that serve ``rooms``, until a signal."""
    configure_logging(settings.log_level, settings.log_format)
    command = [sys.executable, "-m", "gameserver", "node", *rooms, *flags.arguments()]
    if config is not None:
        command.append(f"--config={config}")
    console = Console()

    def tell(lines: Sequence[str]) -> None:
        for line in (*lines, f"{settings.nodes} nodes"):
            console.print(line, markup=False, highlight=False, soft_wrap=True)

    try:
        trio.run(Supervisor(command, settings, tell).run)
    except FirstNodeFailed as failure:
        sys.exit(failure.code)  # it has said why
