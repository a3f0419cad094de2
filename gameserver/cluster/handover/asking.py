"""Asks a running server for an upgrade, from the command line of its host.

Owns the request's form: the answer comes as a part, because the process that gives it ends then.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import attrs

from gameserver.cluster.control import ControlError, converse

REQUEST: Final = "upgrade"
#: The new version may take a minute to start, and each room is rehearsed.
WITHIN_S: Final = 1800.0


@attrs.frozen
class Upgraded:
    """How an upgrade went.

    ``coming_back`` of the ``players`` could not keep their connections.  Nobody played for
    ``frozen_ms``.
    """

    pid: int
    rooms: int
    players: int
    coming_back: int
    frozen_ms: float


@attrs.frozen
class NodesUpgraded:
    """How the upgrade of a host with several nodes went: ``rooms`` went from node to node."""

    nodes: int
    rooms: int


async def ask_for_upgrade(path: Path) -> Upgraded | NodesUpgraded:
    """Have the server at this control socket hand over to a new process of its program.

    A supervisor of several nodes starts them anew, one after another.

    ``ControlError`` says in one line why it serves on.
    """
    async with converse(path, REQUEST, within_s=WITHIN_S) as conversation:
        with await conversation.receive() as part:
            return _read(part.body)


def _read(body: Any) -> Upgraded | NodesUpgraded:
    try:
        if "nodes" in body:
            return NodesUpgraded(**body)
        return Upgraded(**body)
    except TypeError as error:
        raise ControlError("the server is of another version: it may be upgraded or not") from error
