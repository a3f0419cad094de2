"""Answers for the whole host, which any of its nodes gives: its rooms, and its metrics.

Owns asking all nodes and merging what they say.  A node that does not answer is left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import structlog
import trio

from gameserver.cluster.calls import CallFailed, CallRefused
from gameserver.cluster.host_folder import HostFolder
from gameserver.cluster.peers import Peers
from gameserver.runtime.http.messages import JSON, Response
from gameserver.runtime.rooms.room_list import ROOMS_PER_PAGE, WRONG_CURSOR, cursor_in

log = structlog.get_logger(__name__)

#: How long all nodes together may take.
ANSWERS_WITHIN_S: Final = 2.0
#: A cursor is the number of a node times this, and the cursor of that node.
CURSORS_PER_NODE: Final = 10**12


class HostAnswers:
    """The answers of the nodes in ``folder``."""

    def __init__(self, folder: HostFolder, peers: Peers) -> None:
        self._folder = folder
        self._peers = peers

    async def ask_all(
        self, operation: str, arguments: Callable[[int], list[Any]]
    ) -> dict[int, Any]:
        """Return what each node answers to the same question, by its number, in that order."""
        answers: dict[int, Any] = {}

        async def ask(index: int) -> None:
            try:
                answers[index] = await self._peers.call(
                    index, operation, *arguments(index), within_s=ANSWERS_WITHIN_S
                )
            except (CallFailed, CallRefused) as error:
                log.info("a node is left out of an answer", node=f"n{index}", why=str(error))

        async with trio.open_nursery() as nursery:
            for index in self._folder.node_numbers():
                nursery.start_soon(ask, index)
        return dict(sorted(answers.items()))

    async def rooms(self, query: str) -> Response:
        """Answer ``/rooms`` for all nodes: rooms node by node, totals over all."""
        after = cursor_in(query)
        if after is None:
            return WRONG_CURSOR
        first, cursor = divmod(after, CURSORS_PER_NODE)
        answers = await self.ask_all("rooms", lambda n: [f"after={cursor if n == first else 0}"])
        kinds: dict[str, dict[str, int]] = {}
        for answer in answers.values():
            for kind, totals in answer["kinds"].items():
                of_kind = kinds.setdefault(kind, dict.fromkeys(totals, 0))
                for name, value in totals.items():
                    of_kind[name] += value
        page, following = _page({n: a for n, a in answers.items() if n >= first})
        whole = {"rooms": page, "kinds": kinds, "next": following}
        return Response(200, JSON, json.dumps(whole).encode())


def _page(answers: dict[int, Any]) -> tuple[list[Any], int | None]:
    """Return whole pages of nodes, as many as fit one, and the cursor of what comes next."""
    page: list[Any] = []
    for index, answer in answers.items():
        if len(page) + len(answer["rooms"]) > ROOMS_PER_PAGE:
            return page, index * CURSORS_PER_NODE
        page += answer["rooms"]
        if answer["next"] is not None:
            return page, index * CURSORS_PER_NODE + answer["next"]
    return page, None
