"""The rocks of one world, and look-ups of the rocks near a point.

Owns the placement of rocks and the look-ups for ships and shots, which are computed once.  The
room's seeded random numbers place the rocks, so a seed always gives the same field.  Rocks never
change after that.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Final

from gameserver.games.arena import rules
from gameserver.games.arena.model import UNIT, Chart, Rock
from gameserver.games.arena.movement import DASH_SPEED, SHIP_RADIUS, Disc
from gameserver.games.arena.still import StillGrid

#: Number of shapes that a client can draw.
SHAPES: Final = 1 << 16
#: How many random places are tried for a rock before it is left out.
_TRIES: Final = 100
#: A step can bring a ship at most this much closer to a rock.
_STEP: Final = 2 * DASH_SPEED


def place_rocks(rng: random.Random) -> list[Rock]:
    """Return rocks of all sizes, no two nearer to each other than ``ROCK_SPACE``."""
    rocks: list[Rock] = []
    for count, radius in rules.ROCKS:
        for _ in range(count):
            margin = rules.BORDER_SPACE + radius
            for _ in range(_TRIES):
                x = rng.randrange(margin, rules.WORLD_SIZE - margin)
                y = rng.randrange(margin, rules.WORLD_SIZE - margin)
                if all(_apart(x, y, radius + rules.ROCK_SPACE, rock) for rock in rocks):
                    rocks.append(Rock(x, y, radius, rng.randrange(SHAPES)))
                    break
    return rocks


def chart_of(rocks: Iterable[Rock]) -> Chart:
    """Return the map that shows these rocks."""
    return Chart(tuple((r.x // UNIT, r.y // UNIT, r.radius // UNIT) for r in rocks))


def _apart(x: int, y: int, distance: int, rock: Rock) -> bool:
    reach = distance + rock.radius
    return (x - rock.x) ** 2 + (y - rock.y) ** 2 >= reach * reach


class RockField:
    """Rocks found by point."""

    def __init__(self, rocks: Sequence[Rock]) -> None:
        self._touch: StillGrid[Disc] = StillGrid()
        self._shade: StillGrid[Disc] = StillGrid()
        for rock in rocks:
            disc = Disc(rock.x, rock.y, rock.radius)
            self._touch.add(disc, rock.x, rock.y, rock.radius + SHIP_RADIUS + _STEP)
            self._shade.add(disc, rock.x, rock.y, rock.radius + rules.PULSE_RANGE)

    def touching(self, x: int, y: int) -> Sequence[Disc]:
        """Return the rocks that a ship at this point may touch in its next step."""
        return self._touch.at(x, y)

    def in_range(self, x: int, y: int) -> Sequence[Disc]:
        """Return the rocks that a pulse from this point may meet."""
        return self._shade.at(x, y)

    def is_free(self, x: int, y: int) -> bool:
        """Whether a ship can be at this point without touching a rock."""
        return all(
            (x - rock_x) ** 2 + (y - rock_y) ** 2 > (radius + SHIP_RADIUS) ** 2
            for rock_x, rock_y, radius in self.touching(x, y)
        )
