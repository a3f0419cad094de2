"""The answer of ``/rooms`` where a directory lists the rooms of several hosts.

Owns turning pages of the directory into the answer of one server (``rooms/room_list.py``).  The
cursor is the name of a node and the serial number of its last room, with a dot between them.
While the directory is away, this server answers for itself.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import parse_qs

import trio

from gameserver.cluster.directory.errors import DirectoryError
from gameserver.cluster.directory.listings import NodeListing
from gameserver.runtime.http.messages import JSON, Response
from gameserver.runtime.membership.member import Membership
from gameserver.runtime.rooms.room_list import (
    MAX_FIELDS,
    ROOMS_PER_PAGE,
    TOTALS_LIFE_S,
    WRONG_CURSOR,
)

MAX_CURSOR: Final = 200


class ClusterRooms:
    """The rooms of all nodes of the cluster of ``membership``.

    ``alone`` answers for this server, or its host, while the directory is away.
    """

    def __init__(self, membership: Membership, alone: Callable[[str], Awaitable[Response]]) -> None:
        self._membership: Final = membership
        self._alone: Final = alone
        #: The nodes that can be trusted, by name, and when they were read.
        self._nodes: dict[str, NodeListing] = {}
        self._read_s: float | None = None

    async def respond(self, query: str) -> Response:
        """Answer a request with this query: ``after=`` the ``next`` of the page before."""
        after = _cursor_in(query)
        if after is None:
            return WRONG_CURSOR
        try:
            await self._read_nodes()
            page = await self._membership.directory.rooms(after, ROOMS_PER_PAGE)
        except DirectoryError:
            return await self._alone(query)
        answer = {
            "rooms": [room.shown for room in page.rooms if room.node in self._nodes],
            "kinds": self._totals(),
            "next": ".".join(page.next.rsplit(" ", 1)) or None,
        }
        return Response(200, JSON, json.dumps(answer).encode())

    async def _read_nodes(self) -> None:
        """Read which nodes there are, unless that was done just now."""
        now_s = trio.current_time()
        if self._read_s is not None and now_s - self._read_s < TOTALS_LIFE_S:
            return
        self._read_s = now_s  # so that others do not read meanwhile
        nodes = await self._membership.all_nodes()
        self._nodes = {one.node: one for one in nodes if self._membership.is_trusted(one)}

    def _totals(self) -> dict[str, dict[str, int]]:
        totals: dict[str, dict[str, int]] = {}
        for node in self._nodes.values():
            for kind in node.kinds:
                of_kind = totals.setdefault(kind, {"rooms": 0, "players": 0})
                rooms, players = node.load.of_kinds.get(kind, (0, 0))
                of_kind["rooms"] += rooms
                of_kind["players"] += players
        return totals


def _cursor_in(query: str) -> str | None:
    """Return the directory's cursor in ``query``, "" without one; None if it is none."""
    try:
        fields = parse_qs(query, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        return None
    after = fields.get("after", [""])[-1]
    if len(after) > MAX_CURSOR or not (after.isascii() and after.isprintable()) or " " in after:
        return None
    return " ".join(after.rsplit(".", 1))
