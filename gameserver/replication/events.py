"""The events of one publish: encoded once, sorted by their audience.

Owns their bytes and their order, which is the order in which they happened, also across cells.
Never decides who is behind: a seat that is skipped gets them later from the publisher.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

from gameserver.model.grid import EVERYWHERE, Grid
from gameserver.model.layers import LAYER_SHIFT, layer_of
from gameserver.model.record import Record
from gameserver.model.schema import Schema
from gameserver.protocol.wire import array_header, pack

Point = tuple[float, float]
#: An event with its place in the order of the publish.
Placed = tuple[int, bytes]


@attrs.frozen
class Emission:
    """An event to send: to one ``seat`` or one ``group``, or to all that see one of the ``points``.

    Without any of these it is for all.  An event that names an entity (``by``) is only for the
    players who may see that entity, and for its group wherever they are.
    """

    event: Any
    points: Sequence[Point] | None
    seat: int | None
    group: int | None = None
    by: Record | None = None


class RoundEvents:
    """All events of a publish, by cell, by group and by seat.

    An event that names an entity happens in the layer of that entity.
    """

    __slots__ = ("by_cell", "by_group", "by_seat", "emissions")

    def __init__(self, schema: Schema, grid: Grid, emissions: Iterable[Emission]) -> None:
        by_cell: dict[int, list[Placed]] = {}
        by_seat: dict[int, list[Placed]] = {}
        by_group: dict[int, list[Placed]] = {}
        self.emissions: Final = list(emissions)
        self.by_cell: Final[Mapping[int, list[Placed]]] = by_cell
        self.by_seat: Final[Mapping[int, list[Placed]]] = by_seat
        self.by_group: Final[Mapping[int, list[Placed]]] = by_group
        for order, emission in enumerate(self.emissions):
            kind = schema.kinds[type(emission.event)]
            placed = (order, pack((kind, *schema.events[kind].to_wire(emission.event))))
            if emission.seat is not None:
                by_seat.setdefault(emission.seat, []).append(placed)
            elif emission.group is not None:
                by_group.setdefault(emission.group, []).append(placed)
            else:
                layer = 0 if emission.by is None else emission.by.layer << LAYER_SHIFT
                points = emission.points
                places = {EVERYWHERE} if points is None else {grid.cell_at(x, y) for x, y in points}
                for place in places:
                    by_cell.setdefault(place + layer, []).append(placed)

    def __bool__(self) -> bool:
        return bool(self.emissions)

    def heard_from(self, grid: Grid, viewpoint: int) -> list[Placed]:
        """Return the events that are heard by all who look from ``viewpoint``, in order."""
        by_cell = self.by_cell
        # Sets, because an event may have happened in several of the cells.
        if not grid.layered:
            if not by_cell:
                return []
            places = grid.places(viewpoint)
            return sorted({placed for cell in places for placed in by_cell.get(cell, ())})
        heard = {p for cell, all_ in by_cell.items() if grid.sees(viewpoint, cell) for p in all_}
        for group in grid.layers.sights[layer_of(viewpoint)].groups & self.by_group.keys():
            heard.update(self.by_group[group])
        return sorted(heard)

    def with_private(self, placed: list[Placed], seat: int) -> list[Placed]:
        """Return ``placed`` and the events for ``seat`` alone, in order."""
        private = self.by_seat.get(seat)
        return sorted([*placed, *private]) if private else placed


#: The events of a publish in which nothing happened.
NO_EVENTS: Final = RoundEvents(Schema.of(()), Grid(None), ())


def events_section(events: Sequence[bytes]) -> bytes:
    """Return the ``events`` of a delta."""
    return array_header(len(events)) + b"".join(events)
