"""The load of a node and the listings of its rooms, as other nodes see them.

Owns reading them from the lobby.  Never sends them; ``member.py`` does for nodes of several hosts,
and ``cluster/node.py`` for nodes of one host.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import trio

from gameserver.cluster.directory.listings import NodeLoad, RoomListing
from gameserver.runtime.rooms.lobby import Lobby
from gameserver.runtime.rooms.open_room import OpenRoom
from gameserver.simulation.matchable import plain_filters

#: So many rooms are listed before the other tasks get their turn.
ROOMS_PER_TURN: Final = 25
#: The shortest time to measure over: in a shorter one, a tick more or less decides the share.
MEASURED_OVER_S: Final = 0.1


class LoadMeter:
    """Measures the load of a node, from one listing to the next."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        self._seen_s = trio.current_time()
        self._busy_s = lobby.loop_figures().busy_s
        self._share = 0.0

    def measure(self) -> NodeLoad:
        """Return the load: the share of ticks is that since the last measurement."""
        lobby, now_s = self._lobby, trio.current_time()
        figures, passed_s = lobby.loop_figures(), now_s - self._seen_s
        if passed_s >= MEASURED_OVER_S:
            self._share = round(max(0.0, figures.busy_s - self._busy_s) / passed_s, 3)
            self._seen_s, self._busy_s = now_s, figures.busy_s
        open_rooms = lobby.open_rooms
        by_kind: dict[str, list[OpenRoom]] = {}
        for room in open_rooms:
            by_kind.setdefault(room.kind, []).append(room)
        return NodeLoad(
            busy=self._share,
            players=sum(room.players for room in open_rooms),
            rooms=len(open_rooms),
            overload_steps=figures.rooms_demanded + int(figures.no_new_rooms),
            no_new_rooms=lobby.has_all_rooms or not lobby.makes_rooms,
            of_kinds={kind: _counts(rooms) for kind, rooms in by_kind.items()},
        )


def _counts(rooms: Sequence[OpenRoom]) -> tuple[int, int]:
    return len(rooms), sum(room.players for room in rooms)


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


async def list_rooms(lobby: Lobby, fence_of: Callable[[str], int | None]) -> list[RoomListing]:
    """Return the listings of the open rooms for whose labels ``fence_of`` returns a fence."""
    listings = []
    for number, opened in enumerate(lobby.open_rooms, start=1):
        if (fence := fence_of(opened.task.label)) is not None:
            listings.append(room_listing(opened, fence))
        if number % ROOMS_PER_TURN == 0:
            await trio.lowlevel.checkpoint()
    return listings
