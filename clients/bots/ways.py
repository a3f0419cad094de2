"""``Ways``: the ways around walls, for bots.

Owns the map as a grid of cells, and the shortest ways to the goals that were asked for last.  Pure.
Never knows a game: its author says which places are free.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

#: The column and the row of a cell.
Cell = tuple[int, int]
Point = tuple[float, float]

#: The most goals whose paths are kept; the goal that was not asked for longest is forgotten.
MAX_GOALS: Final = 64


class Ways:
    """The shortest ways on a map from (0, 0) to (``width``, ``height``).

    ``is_free`` tells whether a bot may be at a point; it is asked once for the middle of each cell.
    A cell is ``cell`` wide, and a bot goes from the middle of one to that of the next.
    """

    def __init__(
        self, width: float, height: float, cell: float, is_free: Callable[[float, float], bool]
    ) -> None:
        if not 0 < cell <= min(width, height):
            raise ValueError(
                f"a cell of {cell!r} does not fit into a map of {width!r} × {height!r}"
            )
        self._cell: Final = cell
        columns, rows = range(int(width // cell)), range(int(height // cell))
        self._free: Final = {
            (c, r) for c in columns for r in rows if is_free(*self._middle((c, r)))
        }
        #: Goal → cell → the next cell on the way, the goal that was asked for last at the end.
        self._ways: OrderedDict[Cell, dict[Cell, Cell]] = OrderedDict()

    def next(self, at: Point, goal: Point) -> Point:
        """Return the point to head for from ``at``: the next one on the way to ``goal``.

        It is the goal itself once both are in one cell, and where there is no way.
        """
        here, end = self._cell_of(at), self._cell_of(goal)
        ahead = self._ways_to(end).get(here, end)
        return goal if ahead == end else self._middle(ahead)

    def _cell_of(self, point: Point) -> Cell:
        x, y = point
        return int(x // self._cell), int(y // self._cell)

    def _middle(self, cell: Cell) -> Point:
        column, row = cell
        return column * self._cell + self._cell / 2, row * self._cell + self._cell / 2

    def _ways_to(self, end: Cell) -> dict[Cell, Cell]:
        found = self._ways.get(end)
        if found is None:
            found = self._ways[end] = self._found_from(end)
            if len(self._ways) > MAX_GOALS:
                self._ways.popitem(last=False)
        self._ways.move_to_end(end)
        return found

    def _found_from(self, end: Cell) -> dict[Cell, Cell]:
        """Return for each cell with a way to ``end`` the next one on it."""
        after = {end: end}
        reached = [end]
        for column, row in reached:  # which grows meanwhile
            for cell in (
                (column + 1, row),
                (column - 1, row),
                (column, row + 1),
                (column, row - 1),
            ):
                if cell in self._free and cell not in after:
                    after[cell] = (column, row)
                    reached.append(cell)
        return after
