"""The pulse: a shot along a line that hits at once.

Owns the geometry only, in integers: it finds the first of the given discs on the line.  The caller
gives the positions at which ships count, and the room decides on the damage.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isqrt
from typing import Final

import attrs

from gameserver.games.arena.model import Ship
from gameserver.games.arena.movement import COSINE, SINE, SINE_SHIFT, Disc
from gameserver.games.arena.rules import PULSE_HIT_RADIUS, PULSE_RANGE

#: Every ship that a pulse may hit is within this distance of the middle of its line.
SEARCH_RADIUS: Final = PULSE_RANGE // 2 + PULSE_HIT_RADIUS


@attrs.frozen
class Trace:
    """Where a pulse ended, and the ship that it hit, if any."""

    x: int
    y: int
    ship: Ship | None


def middle(x: int, y: int, aim: int) -> tuple[int, int]:
    """Return the middle of a pulse of full range."""
    return _along(x, y, aim, PULSE_RANGE // 2)


def trace(
    x: int, y: int, aim: int, rocks: Iterable[Disc], ships: Iterable[tuple[Ship, int, int]]
) -> Trace:
    """Follow a pulse from ``x, y``: the nearest ship or rock within range stops it.

    ``ships`` holds each ship with the x and y at which it counts, which may lie in the past.
    """
    dx, dy = COSINE[aim], SINE[aim]
    nearest, hit = PULSE_RANGE, None
    for rock_x, rock_y, radius in rocks:
        nearest = min(nearest, entry(rock_x - x, rock_y - y, radius, dx, dy, nearest))
    for ship, ship_x, ship_y in ships:
        distance = entry(ship_x - x, ship_y - y, PULSE_HIT_RADIUS, dx, dy, nearest)
        if distance < nearest:
            nearest, hit = distance, ship
    return Trace(*_along(x, y, aim, nearest), hit)


def entry(x: int, y: int, radius: int, dx: int, dy: int, limit: int) -> int:
    """Return how far a line from the origin runs until it enters the disc at ``x, y``.

    ``dx, dy`` is its direction in 1/1024.  A line that starts inside enters at 0; one that misses
    the disc, or meets it only beyond ``limit``, returns ``limit``.
    """
    along = (x * dx + y * dy) >> SINE_SHIFT
    if along + radius < 0 or along - radius > limit:
        return limit
    across = (x * dy - y * dx) >> SINE_SHIFT
    depth = radius * radius - across * across
    if depth < 0:
        return limit
    half_chord = isqrt(depth)
    if along + half_chord < 0:
        return limit
    return min(max(along - half_chord, 0), limit)


def _along(x: int, y: int, aim: int, distance: int) -> tuple[int, int]:
    return (
        x + ((COSINE[aim] * distance) >> SINE_SHIFT),
        y + ((SINE[aim] * distance) >> SINE_SHIFT),
    )
