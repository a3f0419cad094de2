"""Views get another size while the room goes on: all cells are made anew, and nobody loses track.

Owns the one moment in which that happens, before the scan of a publish.  Every seat in step writes
down what it knows first, as one does that is about to be skipped, so the general road makes of the
change the enters and leaves that it is.  It costs that one publish a general road for each seat.
"""

from __future__ import annotations

from collections.abc import Iterable

from gameserver.model.grid import EVERYWHERE
from gameserver.model.world import Record, World
from gameserver.replication.interest import members_of
from gameserver.replication.seat import Seat


def resize_views(world: World, seats: Iterable[Seat], share: float) -> None:
    """Make views ``share`` as wide as the room's ``view_radius`` says."""
    grid = world.grid
    known: dict[int, set[int]] = {}
    looks_from: list[tuple[Seat, tuple[float, float]]] = []
    for seat in seats:
        cell = seat.cell
        if cell is None:
            continue  # has not had anything yet
        if cell != EVERYWHERE:
            looks_from.append((seat, grid.centre_of(cell)))
        if seat.in_step:
            if cell not in known:
                known[cell] = members_of(world, cell)
            seat.known = known[cell]
            seat.in_step = False
    # Not those of the world: what is gone since the last publish is still in its cell.
    placed = [
        record
        for cell, members in grid.members.items()
        if cell != EVERYWHERE
        for record in members.values()
    ]
    grid.resize(share)
    for record in placed:
        record.settled = _cell_of(world, record)
        grid.enter(record, record.settled)
    for seat, middle in looks_from:
        seat.cell = grid.cell_at(*middle)


def _cell_of(world: World, record: Record) -> int:
    """Return the cell of the values last published."""
    compiled = record.spec.compiled
    assert compiled is not None
    assert compiled.position is not None
    return world.grid.cell_at(*compiled.position(record.values))
