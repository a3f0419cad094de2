"""``gameserver dev``: an author's rooms, with every change of code and page at once.

Owns the command's arguments and its lines in the terminal; ``gameserver/workshop`` does the rest.
"""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from gameserver.cli.errors import UsageError
from gameserver.cli.flags import NO_FLAGS, ConfigFile, Flags
from gameserver.cli.pages import page_setting
from gameserver.cli.room_names import load_rooms
from gameserver.cli.serving import serve_rooms
from gameserver.ops.output import unfailing_output
from gameserver.runtime.server import Server


@unfailing_output()
def dev(
    *rooms: Annotated[str, Parameter(help="Rooms as module:Class; the first is the default.")],
    config: ConfigFile = None,
    flags: Flags = NO_FLAGS,
) -> None:
    """Serve your own rooms to yourself: each change of code or page shows at once."""
    if not rooms:
        raise UsageError("name a room to serve, as in: gameserver dev mygame:MyRoom")
    try:
        from gameserver.workshop.bench import Bench
        from gameserver.workshop.dev_server import DevServer
        from gameserver.workshop.source import Source
    except ModuleNotFoundError as error:
        if error.name != "watchfiles":
            raise
        raise UsageError("dev needs watchfiles: pip install 'trio-gameserver[dev]'") from error
    source = Source(lambda: load_rooms(rooms))
    settings = flags.settings(config, log_level="warning", **page_setting(source.kinds.values()))
    console = Console()

    def say(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    async def accompany(server: Server) -> None:
        assert isinstance(server, DevServer)
        say("watching for changes; Ctrl-C ends it")
        await Bench(server, source, say).run()

    serve_rooms(source.kinds, settings, console, accompany, server_class=DevServer)
