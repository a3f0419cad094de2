"""``gameserver demo``: the arena with bots, and the page to play it on.

Owns the demo's bots, which play from a process of their own.  Never decides how they play.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from functools import partial
from typing import Annotated, Any, Final

import trio
from cyclopts import Parameter
from rich.console import Console

from gameserver.cli.errors import UsageError
from gameserver.cli.flags import NO_FLAGS, ConfigFile, Flags
from gameserver.cli.serving import host_of, serve_rooms
from gameserver.games.arena.room import Arena
from gameserver.games.chat import Chat
from gameserver.games.echo import Echo
from gameserver.ops.live import show_figures
from gameserver.ops.output import unfailing_output
from gameserver.room import Room
from gameserver.runtime.net.tls import how_to_trust, make_development_certificate
from gameserver.runtime.server import Server

#: Where ``--tls`` keeps its certificate, so that a browser needs to trust it only once.
DEVELOPMENT_CERTIFICATE: Final = pathlib.Path("~/.gameserver/tls")
#: How long the bots may take to leave before the server stops.
BOTS_GOODBYE_S: Final = 1.0
DEMO_KINDS: Final[dict[str, type[Room]]] = {"arena": Arena, "chat": Chat, "echo": Echo}


@unfailing_output()
def demo(
    *,
    bots: Annotated[int, Parameter(help="How many bots play in the arena.")] = 12,
    fill: Annotated[bool, Parameter(help="Each person who joins replaces a bot.")] = True,
    tls: Annotated[bool, Parameter(help="Also https and wss, with a certificate made here.")] = (
        False
    ),
    config: ConfigFile = None,
    flags: Flags = NO_FLAGS,
) -> None:
    """Serve the arena, with bots to play against, and the page to play it on."""
    if bots < 0:
        raise UsageError("--bots: at least 0")
    console = Console()
    defaults: dict[str, Any] = {"log_level": "warning"}
    if tls:
        paths = make_development_certificate(DEVELOPMENT_CERTIFICATE.expanduser())
        defaults |= {"certificate": paths.certificate, "key": paths.key}
        console.print(how_to_trust(paths), markup=False, highlight=False)
    settings = flags.settings(config, **defaults)

    async def accompany(server: Server) -> None:
        async with trio.open_nursery() as nursery:
            if bots:
                nursery.start_soon(
                    partial(_run_bots_beside, server, bots, fill=fill, console=console)
                )
            await show_figures(console, server.figures, "arena")

    serve_rooms(DEMO_KINDS, settings, console, accompany)


async def _run_bots_beside(server: Server, count: int, *, fill: bool, console: Console) -> None:
    """Run the bots in another process, so that the simulation has a core for itself."""
    command = [sys.executable, "-m", "gameserver", "bots", f"ws://{host_of(server)}:{server.port}/"]
    command += ["--count", str(count), "--fill" if fill else "--no-fill", "--attached"]
    # If this process is killed, the pipe ends and the bots end with it.
    ours, theirs = os.pipe()
    try:
        # Another session, so that Ctrl-C reaches only the server, which then ends the bots.
        done = await trio.run_process(
            command,
            check=False,
            stdin=ours,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            deliver_cancel=_end_bots,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    console.print(f"the bots ended, with exit code {done.returncode}")


async def _end_bots(process: trio.Process) -> None:
    process.terminate()
    await trio.sleep(BOTS_GOODBYE_S)
    process.kill()
