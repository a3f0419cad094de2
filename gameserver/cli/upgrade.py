"""``gameserver upgrade``: a new version takes over from a running server, without losing a player.

Owns the command's arguments and output.  ``cluster/handover`` does the work.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import trio
from cyclopts import Parameter
from rich.console import Console

from gameserver.cluster.control import control_path
from gameserver.cluster.handover.asking import NodesUpgraded, Upgraded, ask_for_upgrade
from gameserver.config import load_settings
from gameserver.ops.output import unfailing_output


@unfailing_output()
def upgrade(
    *,
    data: Annotated[Path | None, Parameter(help="The data folder of the server, if any.")] = None,
    port: Annotated[int | None, Parameter(help="The port of a server without data folder.")] = None,
) -> None:
    """Have a running server start its program anew and hand its players over to it."""
    settings = load_settings(flags={"data": data, "port": port})
    told = trio.run(ask_for_upgrade, control_path(settings.data, settings.port))
    Console().print(_line(told), markup=False, highlight=False, soft_wrap=True)


def _line(told: Upgraded | NodesUpgraded) -> str:
    if isinstance(told, NodesUpgraded):
        return f"upgraded: {told.nodes} nodes; {told.rooms} times a room went to another node"
    coming = f" ({told.coming_back} of them come back)" if told.coming_back else ""
    return (
        f"upgraded: process {told.pid} has {told.rooms} rooms and {told.players} players{coming}; "
        f"nobody played for {told.frozen_ms:g} ms"
    )
