"""Where the things lie that do not move: rocks, mines, pickups.

Owns a grid that answers "what of these can reach this point?" with one dictionary look-up.
It costs a little when a thing comes or goes and nothing per tick.  Moving things are found with
``Room.near``.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final, Generic, TypeVar

T = TypeVar("T", bound=Hashable)

#: A cell is 256 world units wide.
_SHIFT: Final = 13
#: More columns than any reachable position has; keeps keys of rows apart.
_STRIDE: Final = 1 << 20


class StillGrid(Generic[T]):
    """Things with a place and a reach, found by point.  Lengths in 1/32 of a world unit."""

    def __init__(self) -> None:
        self._cells: dict[int, list[T]] = {}
        self._keys: dict[T, list[int]] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, thing: T, x: int, y: int, reach: int) -> None:
        """Note that ``thing`` matters to points within ``reach`` of ``x, y``."""
        columns = range((x - reach) >> _SHIFT, ((x + reach) >> _SHIFT) + 1)
        rows = range((y - reach) >> _SHIFT, ((y + reach) >> _SHIFT) + 1)
        keys = [column * _STRIDE + row for column in columns for row in rows]
        for key in keys:
            self._cells.setdefault(key, []).append(thing)
        self._keys[thing] = keys

    def remove(self, thing: T) -> None:
        """Forget ``thing``; ``KeyError`` if it is not here."""
        for key in self._keys.pop(thing):
            cell = self._cells[key]
            cell.remove(thing)
            if not cell:
                del self._cells[key]

    def at(self, x: int, y: int) -> Sequence[T]:
        """Return all things that reach the point, and some that do not quite.

        The list belongs to the grid: take a copy before things come or go.
        """
        return self._cells.get((x >> _SHIFT) * _STRIDE + (y >> _SHIFT), ())
