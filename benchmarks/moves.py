"""How everything in the benchmark worlds moves: the same rules for every server.

Owns the numbers of the worlds and the places where players begin.  Only the standard library,
because the peers run it in environments of their own; ``peers/shared/field.mjs`` is the same in
JavaScript.  Positions are integers, counts of ``STEP``, so that all servers compute the same.
"""

from __future__ import annotations

import math
from typing import Final

#: Length of one count, in the units in which a view is measured.
STEP: Final = 1 / 8
#: Everybody goes on at this speed, in counts a tick (30 units a second at 20 Hz).
SPEED: Final = 12
#: Grid of the big world, in units.  A view is three cells wide.
CELL: Final = 64
VIEW_WIDTH: Final = 3 * CELL
#: How many there are in a view as wide as that: oneself and about 20 others.
IN_VIEW: Final = 21
#: Players of a room, in the worlds of many rooms; in the others all are in one.
ROOM_SIZES: Final = {"matches": 10, "duels": 2, "churn": 10, "arena-matches": 8, "idle-duels": 2}
#: In the churn, for so many who stay one room comes a second, and one goes.
STAYING_PER_ROOM_A_S: Final = 25
#: The load generator lets a room play for two seconds, and begins the next one a little later.
_ROUND_S: Final = 2.25
#: Heading → dx, dy.  None is along an axis, so that everything changes both at every tick.
HEADINGS: Final = tuple(
    (
        round(SPEED * math.cos((k + 0.5) * math.pi / 8)),
        round(SPEED * math.sin((k + 0.5) * math.pi / 8)),
    )
    for k in range(16)
)

# The plastic number's powers spread points evenly (Roberts, the R2 sequence).
_SPREAD_X: Final = 0.7548776662466927
_SPREAD_Y: Final = 0.5698402909980532


def world_side(movers: int) -> int:
    """Return the side of a square world, in counts, in which a view holds ``IN_VIEW``."""
    side_units = VIEW_WIDTH * math.sqrt(max(movers, IN_VIEW) / IN_VIEW)
    return round(side_units / STEP)


def start_of(index: int, side: int) -> tuple[int, int]:
    """Return where mover number ``index`` begins; any number of them are spread evenly."""
    return (
        int((0.5 + index * _SPREAD_X) % 1 * side),
        int((0.5 + index * _SPREAD_Y) % 1 * side),
    )


def passing_beside(world: str, players: int) -> int:
    """Return how many players come and go, in whole rooms, beside those who stay."""
    if world != "churn":
        return 0
    return max(1, round(players / STAYING_PER_ROOM_A_S * _ROUND_S)) * ROOM_SIZES[world]
