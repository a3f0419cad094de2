"""The command line: ``gameserver demo``, ``serve``, ``bots``, ``token``, ``step`` and others.

Owns the list of commands, and turns expected errors into one line and exit code 1.  Each command
has its own module, which is imported when the command is called.
"""

from __future__ import annotations

import errno
import importlib.metadata
import os
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

from cyclopts import App
from rich.console import Console

from gameserver import accelerated
from gameserver.cluster.handover.early_failure import tell_predecessor
from gameserver.errors import GameServerError
from gameserver.ops.output import unfailing_output

#: Errors of a write to standard output when its disk is full or its reader is gone.
UNWRITABLE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EPIPE, errno.EIO, errno.EBADF})

#: Command → its help, the same as its function's docstring; the list imports no command.
COMMANDS: Final = {
    "demo": "Serve the arena, with bots to play against, and the page to play it on.",
    "new": "Make a game of your own: a package with room, page, bots and tests, that runs at once.",
    "dev": "Serve your own rooms to yourself: each change of code or page shows at once.",
    "serve": "Serve your own rooms, found from the working directory.",
    "bots": "Have bots play on a server: for company, or as a load.",
    "load": "Find the largest crowd with which a server holds an objective.",
    "admin": "Do what an operator may do on a running server: look, kick, ban, mute, lock, "
    "announce.",
    "top": "Show the rooms of a running server: load, players behind, slow ticks.",
    "token": "Print a token for one sign-in, as a login service would issue it: for development.",
    "step": "Print step functions, written once in Python, as JavaScript that gives the same bits.",
    "upgrade": "Have a running server start its program anew and hand its players over to it.",
    "drain": "Have one node of a running server hand its rooms over to other nodes, and end.",
    "deploy": "Write the files that deploy your game: services, proxies, containers, graphs.",
    "replay": "Show what the journal of a room holds, or play it again.",
    "types": "Print a room's entities, commands, events and options as TypeScript, for its pages.",
    "echo": "Return every message on every path, up to 16 MiB: for conformance tools, on loopback.",
    "lab": "Put a bad network in front of a server: delay, jitter, a slow link, stalls.",
}

app = App(
    name="gameserver",
    help="An authoritative multiplayer game server.",
    version=lambda: f"{importlib.metadata.version('trio-gameserver')}, {accelerated.described()}",
)
for _name, _help in COMMANDS.items():
    app.command(f"gameserver.cli.{_name}:{_name}", name=_name, help=_help)
app.command("gameserver.cli.node:node", name="node", show=False)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, by default that of the process; the console script ``gameserver``."""
    try:
        _run(arguments)
    except GameServerError as error:
        _fail(*str(error).splitlines())
    except OSError as error:
        # Only commands that print an answer and end fail so; the others drop unprintable output.
        if error.errno not in UNWRITABLE or error.filename is not None:
            raise
        _abandon_output()
        _fail(f"cannot write to standard output: {error.strerror}")


def _run(arguments: Sequence[str] | None) -> None:
    try:
        app(arguments)
    except Exception as error:
        tell_predecessor(str(error) or type(error).__name__)
        raise
    except SystemExit:
        tell_predecessor("the command line is wrong")  # nothing else exits before it serves
        raise


def _fail(*reasons: str) -> NoReturn:
    with unfailing_output():
        console = Console(stderr=True)
        for why in reasons:
            console.print(f"gameserver: {why}", markup=False, highlight=False, soft_wrap=True)
    sys.exit(1)


def _abandon_output() -> None:
    """Drop the rest of standard output, or Python would try to write it again at its end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
