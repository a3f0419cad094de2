"""Lines of sight among walls, for ``Room.sees`` and for bots.

Owns the geometry, in the game's own units.  Never decides what a player sees: that is the room's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class Place(Protocol):
    """An entity, or anything else with a position."""

    @property
    def x(self) -> float:
        """The horizontal position."""

    @property
    def y(self) -> float:
        """The vertical position, in the same unit."""


def is_in_sight(
    one: Place, other: Place, walls: Iterable[tuple[float, float, float, float]]
) -> bool:
    """Return whether no wall is on the straight line between ``one`` and ``other``.

    Each wall is a rectangle: left, top, right and bottom.  A line that only touches the edge of a
    wall is not blocked by it.  With integers the answer is exact.

    An example: ``return is_in_sight(player.entity, entity, WALLS)`` in ``Room.sees``.
    """
    x, y, to_x, to_y = one.x, one.y, other.x, other.y
    way_x, way_y = to_x - x, to_y - y
    low_x, high_x, low_y, high_y = min(x, to_x), max(x, to_x), min(y, to_y), max(y, to_y)
    for left, top, right, bottom in walls:
        if high_x > left and low_x < right and high_y > top and low_y < bottom:
            # The wall is beside the line if all of its corners are on one side.
            to_left, to_right = way_y * (left - x), way_y * (right - x)
            to_top, to_bottom = way_x * (top - y), way_x * (bottom - y)
            lowest = min(to_top, to_bottom) - max(to_left, to_right)
            highest = max(to_top, to_bottom) - min(to_left, to_right)
            if lowest < 0 < highest:
                return False
    return True
