"""A grid of the things that do not move: rocks, mines, pickups.

Owns a grid that finds the things within reach of a point with one dictionary look-up.  Adding and
removing a thing costs a little; a tick costs nothing.  ``Room.near`` finds moving things.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final, Generic, TypeVar

import attrs

T = TypeVar("T", bound=Hashable)

#: A cell is 256 world units wide.
_SHIFT: Final = 13
#: More columns than there are positions, so that no two cells have the same key.
_STRIDE: Final = 1 << 20


@attrs.define(eq=False)
class StillGrid(Generic[T]):
    """Finds things, which have a place and a reach, by point; lengths in 1/32 of a world unit."""

    _cells: dict[int, list[T]] = attrs.field(factory=dict)
    _keys: dict[T, list[int]] = attrs.field(factory=dict)

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, thing: T, x: int, y: int, reach: int) -> None:
        """Add ``thing``, which reaches all points within ``reach`` of ``x, y``."""
        columns = range((x - reach) >> _SHIFT, ((x + reach) >> _SHIFT) + 1)
        rows = range((y - reach) >> _SHIFT, ((y + reach) >> _SHIFT) + 1)
        keys = [column * _STRIDE + row for column in columns for row in rows]
        for key in keys:
            self._cells.setdefault(key, []).append(thing)
        self._keys[thing] = keys

    def remove(self, thing: T) -> None:
        """Remove ``thing``; ``KeyError`` if it is not in the grid."""
        for key in self._keys.pop(thing):
            cell = self._cells[key]
            cell.remove(thing)
            if not cell:
                del self._cells[key]

    def at(self, x: int, y: int) -> Sequence[T]:
        """Return all things that reach the point, and some that nearly do.

        The list belongs to the grid: copy it before adding or removing things.
        """
        return self._cells.get((x >> _SHIFT) * _STRIDE + (y >> _SHIFT), ())
