"""The events of one publish: encoded once, sorted by their audience.

Owns their bytes and their order, which is the order in which they happened, also across cells.
Never decides who is behind: a seat that is skipped gets them later from the publisher.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

from gameserver.model.grid import EVERYWHERE, Grid
from gameserver.model.layers import place_of
from gameserver.model.schema import Schema
from gameserver.protocol.wire import array_header, pack

Point = tuple[float, float]
#: An event with its place in the order of the publish.
Placed = tuple[int, bytes]


@attrs.frozen
class Emission:
    """An event to send: to one ``seat``, or to all that see one of the ``points``, or to all."""

    event: Any
    points: Sequence[Point] | None
    seat: int | None


class RoundEvents:
    """All events of a publish, by cell and by seat."""

    __slots__ = ("by_cell", "by_seat")

    def __init__(self, schema: Schema, grid: Grid, emissions: Iterable[Emission]) -> None:
        by_cell: dict[int, list[Placed]] = {}
        by_seat: dict[int, list[Placed]] = {}
        self.by_cell: Final[Mapping[int, list[Placed]]] = by_cell
        self.by_seat: Final[Mapping[int, list[Placed]]] = by_seat
        for order, emission in enumerate(emissions):
            kind = schema.kinds[type(emission.event)]
            placed = (order, pack((kind, *schema.events[kind].to_wire(emission.event))))
            if emission.seat is not None:
                by_seat.setdefault(emission.seat, []).append(placed)
            elif emission.points is None:
                by_cell.setdefault(EVERYWHERE, []).append(placed)
            else:
                for cell in {grid.cell_at(x, y) for x, y in emission.points}:
                    by_cell.setdefault(cell, []).append(placed)

    def heard_from(self, grid: Grid, viewpoint: int) -> list[Placed]:
        """Return the events that are heard by all who look from ``viewpoint``, in order."""
        by_cell = self.by_cell
        if not by_cell:
            return []
        # A set, because an event may have happened in several of the cells.
        places = grid.places(place_of(viewpoint)) if grid.layered else grid.places(viewpoint)
        return sorted({placed for cell in places for placed in by_cell.get(cell, ())})

    def with_private(self, placed: list[Placed], seat: int) -> list[Placed]:
        """Return ``placed`` and the events for ``seat`` alone, in order."""
        private = self.by_seat.get(seat)
        return sorted([*placed, *private]) if private else placed


def events_section(events: Sequence[bytes]) -> bytes:
    """Return the ``events`` of a delta."""
    return array_header(len(events)) + b"".join(events)
