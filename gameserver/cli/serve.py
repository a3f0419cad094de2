"""``gameserver serve``: an author's own rooms.

Owns the command's arguments only.
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


@unfailing_output()
def serve(
    *rooms: Annotated[str, Parameter(help="Rooms as module:Class; the first is the default.")],
    config: ConfigFile = None,
    flags: Flags = NO_FLAGS,
) -> None:
    """Serve your own rooms, found from the working directory."""
    if not rooms:
        raise UsageError("name a room to serve, as in: gameserver serve mygame:MyRoom")
    settings = flags.settings(config)
    if settings.nodes > 1:
        # Only here, for it needs a Unix.
        from gameserver.cli.node_serving import serve_nodes

        # This process stays without the game: the nodes load it.
        serve_nodes(rooms, config, flags, settings)
        return
    kinds = load_rooms(rooms)
    serve_rooms(kinds, flags.settings(config, **page_setting(kinds.values())), Console())
