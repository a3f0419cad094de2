"""``gameserver drain``: one node of a host hands over its rooms and ends, without losing a player.

Owns the command's arguments and output.  ``cluster/operations.py`` does the work.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import trio
from cyclopts import Parameter
from rich.console import Console

from gameserver.cluster.control import control_path
from gameserver.cluster.operations import ask_to_drain
from gameserver.config import load_settings
from gameserver.ops.output import unfailing_output


@unfailing_output()
def drain(
    node: str,
    *,
    within_s: Annotated[
        float | None,
        Parameter(help="Seconds that rooms which no node takes play on; by default drain_s."),
    ] = None,
    data: Annotated[Path | None, Parameter(help="The data folder of the server, if any.")] = None,
    port: Annotated[int | None, Parameter(help="The port of a server without data folder.")] = None,
) -> None:
    """Have one node of a running server hand its rooms over to other nodes, and end."""
    settings = load_settings(flags={"data": data, "port": port})
    path = control_path(settings.data, settings.port)
    drained = trio.run(ask_to_drain, path, node, within_s)
    left = f"; {drained.players} players whose rooms no node took were sent away" * bool(
        drained.players
    )
    Console().print(
        f"{node} drained: {drained.rooms} rooms went to other nodes{left}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
