"""Operators of a host with several nodes: the first one has the admin port, for all of them.

Owns asking the other nodes.  Never carries out an action: ``admin/node_actions.py`` does, on each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import trio

from gameserver.admin.listener import run_admin
from gameserver.admin.node_actions import NodeActions
from gameserver.cluster.calls import Call
from gameserver.cluster.host_answers import HostAnswers
from gameserver.cluster.node import Node
from gameserver.runtime.server import Server

OPERATION: Final = "admin"
#: The node with the admin port.
WITH_PORT: Final = 0


class HostNodes:
    """The nodes of a host, as the desk asks them."""

    def __init__(self, answers: HostAnswers) -> None:
        self._answers = answers

    async def ask_all(
        self, operation: str, arguments: Mapping[str, Any], *, only: str | None = None
    ) -> dict[str, Any]:
        """Return what each node answers, or the one called ``only``; some may not answer."""
        answers = await self._answers.ask_all(
            OPERATION, lambda index: [operation, dict(arguments), only in (None, f"n{index}")]
        )
        return {f"n{index}": answer for index, answer in answers.items()}


async def run_node_admin(
    node: Node, server: Server, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED
) -> None:
    """Answer for the desk of the host, and have the admin port on the first node."""
    async with trio.open_nursery() as nursery:
        actions = NodeActions(server, nursery)

        async def answer(call: Call) -> Any:
            operation, arguments, is_asked = call.arguments
            return await actions.answer(operation, arguments) if is_asked else None

        node.answer_also(OPERATION, answer)
        if node.index != WITH_PORT:
            task_status.started(0)
            await trio.sleep_forever()
        await run_admin(server, HostNodes(node.answers), task_status=task_status)
