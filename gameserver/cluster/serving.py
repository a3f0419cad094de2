"""Serving with everything beside the server: upgrades in place, the admin port, and Agones.

Owns ``serve``, which most programs call.  ``runtime/server.py`` serves; the handover between two
processes is in ``cluster/handover``, and the reports to Agones are in ``agones_companion.py``.
"""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import trio

from gameserver.admin.listener import run_alone
from gameserver.cluster.handover.succession import ProcessLine
from gameserver.config import ConfigError, Settings
from gameserver.room import Room
from gameserver.runtime import serving as runtime
from gameserver.runtime.server import Server
from gameserver.runtime.surroundings import Surroundings

Beside: TypeAlias = Callable[[Server], Awaitable[None]]


async def serve(
    kinds: Mapping[str, type[Room]],
    settings: Settings | None = None,
    beside: Beside | None = None,
    surroundings: Surroundings[Server] | None = None,
    *,
    server_class: type[Server] = Server,
) -> None:
    """Serve until SIGINT or SIGTERM, then stop gracefully; a second signal ends all at once.

    Each room class is tried before (``gameserver.trial``): ``TrialFailed`` says what to correct.
    SIGHUP reads certificate and secrets again from their files, and never ends the server.
    ``beside`` is called with the running server, and cancelled when the stopping begins.

    SIGUSR2, or ``gameserver upgrade``, starts this program once more, and hands rooms, players and
    their open connections over to it.  This process then waits for the new one, and never returns
    from here.  If the new one fails, this one serves on.

    With the setting ``agones`` the server reports its state to Agones, and drains when Agones asks.

    ``surroundings`` are those of a node among others (``cluster/node.py``); by default the server
    is alone, whatever the setting ``nodes`` says.
    """
    with_agones = settings is not None and settings.agones
    if with_agones:
        beside = _together(_companion(), beside)
    if surroundings is not None:  # the node has an admin port for the whole host
        await runtime.serve(kinds, settings, beside, surroundings, server_class=server_class)
        return
    with_admin = _together(run_alone, beside)
    if not hasattr(signal, "SIGUSR2"):
        await runtime.serve(kinds, settings, with_admin, server_class=server_class)
        return
    async with ProcessLine.joined() as line:
        await runtime.serve(kinds, settings, with_admin, server_class=server_class, succession=line)
        if with_agones and not line.handed_over:
            await _tell_agones_the_end()
        line.end()


def _companion() -> Beside:
    """Return the companion for Agones; ``ConfigError`` without its extra."""
    try:
        from gameserver.cluster.agones_companion import accompany
    except ImportError as error:
        raise ConfigError(
            f"agones: {error.name} is not installed: pip install 'trio-gameserver[agones]'"
        ) from None
    return accompany


async def _tell_agones_the_end() -> None:
    from gameserver.cluster.agones_companion import tell_end

    await tell_end()


def _together(first: Beside, beside: Beside | None) -> Beside:
    """Return what runs ``first`` and, if there is one, ``beside``."""

    async def run(server: Server) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(first, server)
            if beside is not None:
                nursery.start_soon(beside, server)

    return run
