"""The listings of this node and its rooms, as other nodes see them.

Owns reading them from the lobby.  Never sends them; ``member.py`` does.
"""

from __future__ import annotations

import enum
from typing import Any, Final

import attrs
import trio

from gameserver.cluster.directory.listings import NodeLoad, RoomListing
from gameserver.runtime.rooms.lobby import Lobby
from gameserver.runtime.rooms.open_room import OpenRoom

#: So many rooms are listed before the other tasks get their turn.
ROOMS_PER_TURN: Final = 25


class LoadMeter:
    """Measures the load of a node, from one listing to the next."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        self._seen_s = trio.current_time()
        self._busy_s = lobby.loop_figures().busy_s

    def measure(self, rooms: int, players: int) -> NodeLoad:
        """Return the load since the last call."""
        figures, now_s = self._lobby.loop_figures(), trio.current_time()
        passed_s, busy_s = now_s - self._seen_s, figures.busy_s - self._busy_s
        self._seen_s, self._busy_s = now_s, figures.busy_s
        return NodeLoad(
            busy=round(busy_s / passed_s, 3) if passed_s > 0 else 0.0,
            players=players,
            rooms=rooms,
            overload_steps=figures.rooms_demanded,
            no_new_rooms=figures.no_new_rooms or self._lobby.has_all_rooms,
        )


def room_listing(opened: OpenRoom, fence: int) -> RoomListing:
    """Return the listing of an open room, which was claimed with ``fence``."""
    values = opened.filter_values
    return RoomListing(
        label=opened.task.label,
        fence=fence,
        serial=opened.serial,
        players=opened.players,
        free_seats=0 if values is None else max(0, opened.free_seats),
        filters=plain_filters(dict(zip(opened.filter_names, values or (), strict=False))),
        shown=None if opened.private else opened.listing(),
    )


def plain_filters(filters: dict[str, Any]) -> dict[str, Any]:
    """Return filter values as a directory takes them: members of enums by their names."""
    return {
        name: value.name if isinstance(value, enum.Enum) else value
        for name, value in filters.items()
    }


@attrs.define
class Portions:
    """Lets other tasks have their turn, after so many rooms."""

    _left: int = ROOMS_PER_TURN

    async def next(self) -> None:
        """Count one room."""
        self._left -= 1
        if self._left <= 0:
            self._left = ROOMS_PER_TURN
            await trio.lowlevel.checkpoint()
