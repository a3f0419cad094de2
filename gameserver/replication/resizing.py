"""Gives views another size while the room goes on.

Owns the moment at which all cells are made anew, before the scan of a publish.  Every seat that is
up to date lapses first, so the catch-up path turns the change into the enters and leaves that it
is.  The price is one publish in which every seat takes the catch-up path.
"""

from __future__ import annotations

from collections.abc import Iterable

from gameserver.model.grid import EVERYWHERE
from gameserver.model.layers import place_of
from gameserver.model.world import World
from gameserver.replication.changes import cell_of
from gameserver.replication.interest import Lapses
from gameserver.replication.knowledge import UP_TO_DATE
from gameserver.replication.seat import Seat


def resize_views(world: World, seats: Iterable[Seat], share: float, lapses: Lapses) -> None:
    """Make views as wide as ``share`` of ``Room.view``."""
    grid = world.grid
    looked_at: list[tuple[Seat, tuple[float, float]]] = []
    for seat in seats:
        cell = seat.cell
        if cell is None:
            continue  # it has had no delta yet
        if place_of(cell) != EVERYWHERE:
            looked_at.append((seat, grid.centre_of(place_of(cell))))
        if seat.knowledge is UP_TO_DATE:
            seat.lapse(lapses.of(seat, cell))
    # Taken from the grid and not from the world: an entity that despawned since the publish is
    # still a member of its cell.
    located = [
        record
        for cell, members in grid.members.items()
        if place_of(cell) != EVERYWHERE
        for record in members.values()
    ]
    grid.resize(share)
    for record in located:
        record.cell = None  # the old cell is no cell of the new grid
        record.settled = cell_of(grid, record)
        grid.enter(record, record.settled)
    for seat, middle in looked_at:
        seat.cell = grid.cell_at(*middle)
