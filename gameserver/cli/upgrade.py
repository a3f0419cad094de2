"""``gameserver upgrade``: a new version takes over from a running server, without losing a player.

Owns the command's arguments and output.  ``cluster/handover`` does the work.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import trio
from cyclopts import Parameter
from rich.console import Console

from gameserver.cluster.control import ControlError, control_path
from gameserver.cluster.handover.asking import ask_for_upgrade
from gameserver.cluster.host_folder import HostFolder
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
    if HostFolder.of(settings).living_nodes():
        raise ControlError("nodes cannot be upgraded in place; restart the server instead")
    told = trio.run(ask_for_upgrade, control_path(settings.data, settings.port))
    coming = f" ({told.coming_back} of them come back)" if told.coming_back else ""
    Console().print(
        f"upgraded: process {told.pid} has {told.rooms} rooms and {told.players} players{coming}; "
        f"nobody played for {told.frozen_ms:g} ms",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
