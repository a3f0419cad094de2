"""What a node tells the directory of itself: its load, and its rooms.

Owns measuring the load, and making the listings of rooms in portions, so that no tick waits for a
node with thousands of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import trio

from gameserver.cluster.directory.listings import NodeLoad, RoomListing
from gameserver.ops.metrics import LoopFigures
from gameserver.runtime.rooms.lobby import Lobby
from gameserver.runtime.rooms.open_room import OpenRoom

#: So many rooms are listed before other tasks have their turn.
ROOMS_PER_TURN: Final = 25


class LoadMeter:
    """Measures the load of a node between two listings."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        self._seen_s = -math.inf
        self._seen = LoopFigures()
        self._busy = 0.0

    def measure(self, now_s: float) -> NodeLoad:
        """Return the load; the share of time that ticks take is that since the last measurement."""
        figures = self._lobby.loop_figures()
        passed_s = now_s - self._seen_s
        if passed_s > 0.1:  # otherwise one tick more or less would decide
            self._busy = max(0.0, figures.busy_s - self._seen.busy_s) / passed_s
            self._seen_s, self._seen = now_s, figures
        open_rooms = self._lobby.open_rooms
        return NodeLoad(
            busy=self._busy,
            players=sum(room.players for room in open_rooms),
            rooms=len(open_rooms),
            overload_steps=figures.rooms_demanded + int(figures.no_new_rooms),
            no_new_rooms=not self._lobby.makes_rooms,
        )


async def list_rooms(lobby: Lobby, fences: Mapping[str, int]) -> list[RoomListing]:
    """Return the listings of the open rooms that have a fence."""
    listings = []
    for number, room in enumerate(lobby.open_rooms):
        if number % ROOMS_PER_TURN == ROOMS_PER_TURN - 1:
            await trio.lowlevel.checkpoint()
        fence = fences.get(room.task.label)
        if fence is not None:
            listings.append(_listing(room, fence))
    return listings


def _listing(room: OpenRoom, fence: int) -> RoomListing:
    values = room.filter_values
    return RoomListing(
        label=room.task.label,
        fence=fence,
        serial=room.serial,
        players=room.players,
        free_seats=0 if values is None else room.free_seats,
        filters={} if values is None else dict(zip(room.filter_names, values, strict=True)),
        shown=None if room.private else room.listing(),
    )
