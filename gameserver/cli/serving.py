"""Serving from a terminal: logs, the addresses to open, and the server until a signal.

Owns the output of every command that serves.  Never chooses which rooms are served.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final

import structlog
import trio
from rich.console import Console

from gameserver.cli.errors import UsageError
from gameserver.cli.pages import PLAYGROUND
from gameserver.cluster.serving import serve
from gameserver.config import Settings, service_variables
from gameserver.ops.logging import configure_logging
from gameserver.ops.output import LossReport, unfailing
from gameserver.room import Room
from gameserver.runtime.server import Server

log = structlog.get_logger(__name__)

#: The note for a host that stands for all addresses of one protocol.
ALL_OF: Final = {
    "0.0.0.0": "listening on all addresses of IPv4, and none of IPv6 (--host :: is the reverse)",
    "::": "listening on all addresses of IPv6, and none of IPv4 (--host 0.0.0.0 is the reverse)",
}


def serve_rooms(
    kinds: Mapping[str, type[Room]],
    settings: Settings,
    console: Console,
    accompany: Callable[[Server], Awaitable[None]] | None = None,
    *,
    server_class: type[Server] = Server,
) -> None:
    """Serve until a signal, with ``accompany`` beside it."""
    if settings.nodes > 1:
        raise UsageError("nodes: only gameserver serve starts more than one")
    configure_logging(settings.log_level, settings.log_format)
    if ignored := service_variables(os.environ):
        log.info("ignored variables that Kubernetes sets for services", ignored=ignored)

    async def beside(server: Server) -> None:
        for line in (*addresses(server), *page_hint(server)):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(LossReport(unfailing(sys.stdout)).run)
            if accompany is not None:
                await accompany(server)

    trio.run(partial(serve, kinds, settings, beside, server_class=server_class))


def host_of(server: Server) -> str:
    """Return the host under which this machine reaches the server."""
    host = server.settings.host
    if host == "0.0.0.0":
        return "localhost"
    if host == "::":  # accepts no IPv4, but localhost may be an IPv4 address
        return "[::1]"
    return f"[{host}]" if ":" in host else host


def addresses(server: Server) -> list[str]:
    """Return the lines with the addresses to open, the best one first."""
    lines = [f"open http://{host_of(server)}:{server.port}/"]
    if server.tls_port is not None:
        lines.insert(0, f"open https://{host_of(server)}:{server.tls_port}/")
    if server.settings.host in ALL_OF:
        lines.append(ALL_OF[server.settings.host])
    return lines


def page_hint(server: Server) -> list[str]:
    """Return a hint about the page at that address, if it is not the game's own."""
    if server.settings.page != PLAYGROUND:
        return []
    kinds = ", ".join(server.lobby.kinds)
    return [f"rooms: {kinds}; the page is the playground, --page serves your own"]
