"""The spatial hash: which cell a point lies in, and which cells are seen from there.

Owns cell geometry, hysteresis and cell membership.  Never decides what is sent.

Interest is by cell: all seats whose focus lies in one cell see the same cells.  The guarantee is:
*an entity within the view radius of a focus (on each axis) is in a cell of its view*, in spite of
hysteresis.  The cells that a view reaches to each side are together as wide as the view radius plus
two margins.  That covers the worst case, in which both the focus and the entity are still assigned
to a cell that they left by a margin.

A cell is a place and a layer, a viewpoint a place and a sight (``layers.py``).  Until the first
group or hidden entity (``layered``) both are just places.  After that ``view`` lists the cells of a
viewpoint that are occupied, besides the places around it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from gameserver.model.layers import LAYER_SHIFT, Layers, layer_of, place_of
from gameserver.model.record import UNBOUNDED, Bounds, Record

#: The cell that every seat sees.  It holds all entities without a position, and every entity of a
#: room without a view radius.
EVERYWHERE: Final = -1

#: A cell is ``(column << _SHIFT) + row``, both from 0.  Points beyond lie in the border cells.
_SHIFT: Final = 24
_HALF: Final = 1 << (_SHIFT - 1)
#: How many cells a view reaches to each side.  With 1 a view has 3 × 3 cells, each a little wider
#: than the view radius.  With 2 it would fit the radius more closely (5 × 5 cells, 0.7 times the
#: area), but a body would join three times as many cells, fewer seats would share one, and entities
#: would cross twice as many borders.
REACH: Final = 1
#: How many cells a view of single entities reaches to each side: it tests each entity in them, so
#: the cells fit the radius closely.
EXACT_REACH: Final = 2
#: Hysteresis margin as a share of the view radius.
_MARGIN_SHARE: Final = 1 / 16
#: How far a search extends beyond its radius, as a share of the view radius.
_SLACK_SHARE: Final = 1 / 8

#: Cells from here on are of a layer other than 0.
_LAYERED: Final = (1 << LAYER_SHIFT) - 1

#: Views and bounds are cached up to this number and then dropped, so that an endless world does
#: not fill the memory.
MAX_CACHED_CELLS: Final = 1 << 15


class Grid:
    """The cells of one room.  Without a view ``radius`` there is only ``EVERYWHERE``."""

    __slots__ = (
        "_bounds",
        "_radius",
        "_reach",
        "_view_sets",
        "_views",
        "cell_size",
        "layered",
        "layers",
        "margin",
        "members",
        "near_slack",
        "occupied_by_layer",
        "occupied_by_place",
        "share",
    )

    def __init__(self, radius: float | None, reach: int = REACH) -> None:
        if radius is not None and not 0 < radius < math.inf:
            raise ValueError(f"the radius of a view must be positive, not {radius!r}")
        self._radius = radius or 0.0
        self._reach = reach
        #: How wide views are, as a share of the view radius.
        self.share = 1.0
        #: How far beyond its cell an entity must be to leave it.
        self.margin = self._radius * _MARGIN_SHARE
        #: Width of a cell in the game's units; 0 if there is only one cell.
        self.cell_size = (self._radius + 2 * self.margin) / reach
        #: How far an entity may move between two publishes and still be found from its cell.
        self.near_slack = self._radius * _SLACK_SHARE
        #: Cell → id → record, as of the last publish.
        self.members: dict[int, dict[int, Record]] = {EVERYWHERE: {}}
        self.layers = Layers()
        #: Whether there has been a group or a hidden entity.
        self.layered = False
        #: The occupied cells of all layers but 0, by place and by layer, each in a fixed order.
        self.occupied_by_place: dict[int, dict[int, None]] = {}
        self.occupied_by_layer: dict[int, dict[int, None]] = {}
        self._forget_cells()

    def resize(self, share: float) -> None:
        """Make views ``share`` of the view radius wide from now on.

        This makes all cells anew.  Those of places are empty, so every entity with a position must
        ``enter`` its cell again.  A grid with only one cell does not change.
        """
        self.share = share
        if not self._radius:
            return
        self.margin = self._radius * share * _MARGIN_SHARE
        self.cell_size = (self._radius * share + 2 * self.margin) / self._reach
        unlocated = {c: m for c, m in self.members.items() if place_of(c) == EVERYWHERE}
        self.members = {}
        self.occupied_by_place.clear()
        self.occupied_by_layer.clear()
        for cell, members in unlocated.items():
            self.occupy(cell, members)
        self._forget_cells()

    def _forget_cells(self) -> None:
        self._bounds: dict[int, Bounds] = {EVERYWHERE: UNBOUNDED}
        self._views: dict[int, tuple[int, ...]] = {EVERYWHERE: (EVERYWHERE,)}
        self._view_sets: dict[int, frozenset[int]] = {}

    def cell_at(self, x: float, y: float) -> int:
        """Return the cell of a point, without hysteresis."""
        if not self.cell_size:
            return EVERYWHERE
        column = _clamped(x // self.cell_size)
        row = _clamped(y // self.cell_size)
        return (column << _SHIFT) + row

    def centre_of(self, cell: int) -> tuple[float, float]:
        """Return the middle of a cell that is not ``EVERYWHERE``."""
        column, row = cell >> _SHIFT, cell & ((1 << _SHIFT) - 1)
        size = self.cell_size
        return (column - _HALF + 0.5) * size, (row - _HALF + 0.5) * size

    def settle(self, cell: int | None, x: float, y: float) -> int:
        """Return the cell of an entity at ``x, y`` that was in ``cell``, with hysteresis."""
        if cell is not None and cell != EVERYWHERE:
            x_low, x_high, y_low, y_high = self.bounds_of(cell)
            if x_low <= x < x_high and y_low <= y < y_high:
                return cell
        return self.cell_at(x, y)

    def bounds_of(self, cell: int) -> Bounds:
        """Return the bounds beyond which an entity has left ``cell``."""
        bounds = self._bounds.get(cell)
        if bounds is None:
            if len(self._bounds) > MAX_CACHED_CELLS:
                self._bounds = {EVERYWHERE: UNBOUNDED}
            left = ((cell >> _SHIFT) - _HALF) * self.cell_size
            top = ((cell & ((1 << _SHIFT) - 1)) - _HALF) * self.cell_size
            far = self.cell_size + self.margin
            bounds = (left - self.margin, left + far, top - self.margin, top + far)
            self._bounds[cell] = bounds
        return bounds

    def view(self, viewpoint: int) -> tuple[int, ...]:
        """Return the cells that are seen from ``viewpoint``, ``EVERYWHERE`` first."""
        if not self.layered:
            return self.places(viewpoint)
        return (*self.near_cells(viewpoint), *self.own_cells(layer_of(viewpoint)))

    def near_cells(self, viewpoint: int) -> Iterator[int]:
        """Yield the places of a view, and their occupied cells of other layers.

        Hidden layers, and those that the viewpoint sees wherever they are, are left out.
        """
        if not self.layered:
            yield from self.places(viewpoint)
            return
        own, layers = self.layers.own[layer_of(viewpoint)], self.layers
        for place in self.places(place_of(viewpoint)):
            yield place
            for cell in self.occupied_by_place.get(place, ()):
                layer = layer_of(cell)
                if layer not in own and not layers.is_hidden(layer):
                    yield cell

    def own_cells(self, sight: int) -> Iterator[int]:
        """Yield the occupied cells that ``sight`` sees wherever they are."""
        for layer in self.layers.own[sight]:
            yield from self.occupied_by_layer.get(layer, ())

    def sees(self, viewpoint: int, cell: int) -> bool:
        """Whether ``cell`` is seen from ``viewpoint``, even if nothing is in it."""
        if not self.layered:
            return cell in self.view_set(viewpoint)
        layer = layer_of(cell)
        if layer in self.layers.own[layer_of(viewpoint)]:
            return True
        if self.layers.is_hidden(layer):
            return False
        return place_of(cell) in self.view_set(place_of(viewpoint))

    def places(self, cell: int) -> tuple[int, ...]:
        """Return the places that a focus in the place ``cell`` sees, ``EVERYWHERE`` first."""
        view = self._views.get(cell)
        if view is None:
            if len(self._views) > MAX_CACHED_CELLS:
                self._views = {EVERYWHERE: self._views[EVERYWHERE]}
                self._view_sets.clear()
            span = range(-self._reach, self._reach + 1)
            around = (cell + (column << _SHIFT) + row for column in span for row in span)
            view = self._views[cell] = (EVERYWHERE, *around)
        return view

    def view_set(self, cell: int) -> frozenset[int]:
        """Return the places that a focus in the place ``cell`` sees, as a set."""
        cells = self._view_sets.get(cell)
        if cells is None:
            cells = self._view_sets[cell] = frozenset(self.places(cell))
        return cells

    def move(self, record: Record, cell: int | None) -> None:
        """Move ``record`` to ``cell``, or out of the grid if that is None."""
        if record.cell is not None:
            members = self.members[record.cell]
            del members[record.id]
            if not members and record.cell != EVERYWHERE:
                self._vacate(record.cell)
        if cell is None:
            record.cell = None
        else:
            self.enter(record, cell)

    def enter(self, record: Record, cell: int) -> None:
        """Make ``record``, which is in no cell, a member of ``cell``."""
        members = self.members.get(cell)
        if members is None:
            self.occupy(cell, members := {})
        members[record.id] = record
        record.bounds = self.bounds_of(place_of(cell))
        record.cell = cell

    def occupy(self, cell: int, members: dict[int, Record]) -> None:
        """Make ``members`` the members of ``cell``, which is not occupied."""
        self.members[cell] = members
        if cell >= _LAYERED:
            self.occupied_by_place.setdefault(place_of(cell), {})[cell] = None
            self.occupied_by_layer.setdefault(layer_of(cell), {})[cell] = None

    def _vacate(self, cell: int) -> None:
        del self.members[cell]
        if cell >= _LAYERED:
            for index, key in (
                (self.occupied_by_place, place_of(cell)),
                (self.occupied_by_layer, layer_of(cell)),
            ):
                del index[key][cell]
                if not index[key]:
                    del index[key]

    def within(self, x: float, y: float, reach: float) -> Iterator[Record]:
        """Yield the members of all cells within ``reach`` of a point, on each axis."""
        if not self.cell_size:
            yield from self._members_at(EVERYWHERE)
            return
        first, last = self.cell_at(x - reach, y - reach), self.cell_at(x + reach, y + reach)
        rows = range(first & ((1 << _SHIFT) - 1), (last & ((1 << _SHIFT) - 1)) + 1)
        for column in range(first >> _SHIFT, (last >> _SHIFT) + 1):
            for row in rows:
                yield from self._members_at((column << _SHIFT) + row)

    def _members_at(self, place: int) -> Iterator[Record]:
        """Yield the members of the cells of all layers at a place."""
        members = self.members.get(place)
        if members:
            yield from members.values()
        if self.layered:
            for cell in self.occupied_by_place.get(place, ()):
                yield from self.members[cell].values()


def _clamped(index: float) -> int:
    """Shift a cell index to start at 0, and keep the view around it within the bits of a cell."""
    return int(max(EXACT_REACH, min(index + _HALF, 2 * _HALF - 1 - EXACT_REACH)))
