"""``gameserver node``: one process of ``gameserver serve --nodes``, started by its supervisor.

Owns the command's arguments, the core of the process, and its part of the log.  The command is not
listed: it is of no use to a person.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import structlog
from cyclopts import Parameter

from gameserver.cli.flags import NO_FLAGS, ConfigFile, Flags
from gameserver.cli.node_serving import serve_node
from gameserver.cli.pages import page_setting
from gameserver.cli.room_names import load_rooms
from gameserver.cluster.host_folder import HostFolder
from gameserver.cluster.node import Node
from gameserver.ops.output import unfailing_output


@unfailing_output()
def node(
    *rooms: str,
    of: Annotated[Path, Parameter(help="The folder of the supervisor's sockets.")],
    index: Annotated[int, Parameter(help="The number of the node.")],
    config: ConfigFile = None,
    flags: Flags = NO_FLAGS,
) -> None:
    """Serve rooms as one node of several; started by a supervisor."""
    structlog.contextvars.bind_contextvars(node=f"n{index}")
    kinds = load_rooms(rooms)
    settings = flags.settings(config, **page_setting(kinds.values()))
    _pin(index)
    serve_node(kinds, settings, Node(HostFolder(of), index))


def _pin(index: int) -> None:
    """Keep this process on one core: its caches stay warm, and no two nodes share a core."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[index % len(cores)]})
