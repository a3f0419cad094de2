"""How a ship moves: one pure function of integers, ``move(state, controls, rocks, size)``.

Owns turning, thrust, drag, the dash, the soft wall and rocks.  Never looks at other ships,
weapons or clocks.  Units as in ``model.py``: lengths in 1/32 of a world unit, speeds in that per
tick, headings in 1/256 of a turn.

The browser client predicts with the same function: ``gameserver step`` makes
``clients/web/arena/movement.js`` of this module, so it keeps to that command's subset of Python.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isqrt
from typing import Final, NamedTuple, Protocol

from gameserver.games.arena.model import TURN, UNIT

#: A ship is a disc where it touches rocks.
SHIP_RADIUS: Final = 16 * UNIT
TURN_RATE: Final = 6
THRUST: Final = 16
#: Each tick the speed loses 1/32, rounded up, so that a drifting ship comes to rest.
DRAG_SHIFT: Final = 5
TOP_SPEED: Final = 10 * UNIT
#: Speed above ``TOP_SPEED`` (after a dash) fades by 1/8 each tick.
FADE_SHIFT: Final = 3

MAX_ENERGY: Final = 100
ENERGY_REFILL: Final = 1
DASH_COST: Final = 35
DASH_TICKS: Final = 6
DASH_SPEED: Final = 25 * UNIT

#: Beyond the border a ship is pushed back by this, and by more for each 32 steps of depth.  A ship
#: that still flies outwards loses a quarter of its speed each tick.
WALL_PUSH: Final = 8
WALL_DEPTH_SHIFT: Final = 5
WALL_BRAKE_SHIFT: Final = 2
#: A ship that touches a rock is placed this far from it, which is more than a rounding error.
ROCK_GAP: Final = 2

#: ``SINE`` holds multiples of 1/1024.
SINE_SHIFT: Final = 10
_SINE_HALF: Final = 1 << (SINE_SHIFT - 1)
# The first quarter turn is written out, because two maths libraries may round differently.
_QUARTER: Final = (
    0, 25, 50, 75, 100, 125, 150, 175, 200, 224, 249, 273, 297, 321, 345, 369, 392,
    415, 438, 460, 483, 505, 526, 548, 569, 590, 610, 630, 650, 669, 688, 706, 724,
    742, 759, 775, 792, 807, 822, 837, 851, 865, 878, 891, 903, 915, 926, 936, 946,
    955, 964, 972, 980, 987, 993, 999, 1004, 1009, 1013, 1016, 1019, 1021, 1023, 1024, 1024,
)  # fmt: skip
_HALF_TURN: Final = (*_QUARTER, *_QUARTER[-2:0:-1])
#: Sine and cosine of each of the 256 angles.
SINE: Final = (*_HALF_TURN, *(-value for value in _HALF_TURN))
COSINE: Final = (*SINE[TURN // 4 :], *SINE[: TURN // 4])


class Disc(NamedTuple):
    """A rock: its centre and radius."""

    x: int
    y: int
    radius: int


class Motion(NamedTuple):
    """The state that movement depends on; the fields of ``Ship`` with the same names."""

    x: int
    y: int
    vx: int
    vy: int
    heading: int
    energy: int
    dash_left: int


class Controls(Protocol):
    """The fields of a ``Steer`` command that movement reads."""

    turn: int
    thrust: bool
    dash: bool


def move(
    state: Motion,
    controls: Controls,
    rocks: Iterable[Disc],
    size: int,
) -> Motion:
    """Return the state one tick later.

    ``rocks`` must hold every rock that the ship might touch.  Further rocks do no harm, as rocks
    are so far apart that no ship touches two.  ``size`` is the width of the square world.
    """
    x, y, vx, vy, heading, energy, dash_left = state
    heading = (heading + controls.turn * TURN_RATE) % TURN
    energy = min(energy + ENERGY_REFILL, MAX_ENERGY)
    if controls.dash and not dash_left and energy >= DASH_COST:
        energy -= DASH_COST
        dash_left = DASH_TICKS

    if dash_left:
        dash_left -= 1
        vx = (COSINE[heading] * DASH_SPEED + _SINE_HALF) >> SINE_SHIFT
        vy = (SINE[heading] * DASH_SPEED + _SINE_HALF) >> SINE_SHIFT
    else:
        if controls.thrust:
            vx += (COSINE[heading] * THRUST + _SINE_HALF) >> SINE_SHIFT
            vy += (SINE[heading] * THRUST + _SINE_HALF) >> SINE_SHIFT
        vx, vy = _limited(_dragged(vx), _dragged(vy))

    if not (0 <= x <= size and 0 <= y <= size):
        vx, vy = _walled(vx, x, size), _walled(vy, y, size)
    x += vx
    y += vy
    for rock in rocks:
        x, y, vx, vy = _off_rock(x, y, vx, vy, rock)
    return Motion(x, y, vx, vy, heading, energy, dash_left)


def _dragged(v: int) -> int:
    """Return one component of the speed after drag, which is the same in both directions."""
    if v > 0:
        return v - ((v + (1 << DRAG_SHIFT) - 1) >> DRAG_SHIFT)
    return v + (((1 << DRAG_SHIFT) - 1 - v) >> DRAG_SHIFT)


def _limited(vx: int, vy: int) -> tuple[int, int]:
    """Reduce a speed above ``TOP_SPEED``."""
    square = vx * vx + vy * vy
    if square <= TOP_SPEED * TOP_SPEED:
        return vx, vy
    speed = isqrt(square)
    limit = max(TOP_SPEED, speed - (speed >> FADE_SHIFT))
    return vx * limit // speed, vy * limit // speed


def _walled(v: int, position: int, size: int) -> int:
    """Return one component of the speed after the push of the border on that axis."""
    if position < 0:
        return _pushed(v, -position)
    if position > size:
        return -_pushed(-v, position - size)
    return v


def _pushed(v: int, depth: int) -> int:
    """Return a speed (inwards is positive) after the push at ``depth`` beyond the border."""
    if v < 0:
        v -= v >> WALL_BRAKE_SHIFT
    return v + WALL_PUSH + (depth >> WALL_DEPTH_SHIFT)


def _off_rock(x: int, y: int, vx: int, vy: int, rock: Disc) -> tuple[int, int, int, int]:
    """Move a ship that is inside a rock to its surface; its speed along the surface stays."""
    rock_x, rock_y, radius = rock
    dx, dy, reach = x - rock_x, y - rock_y, radius + SHIP_RADIUS
    square = dx * dx + dy * dy
    if square >= reach * reach:
        return x, y, vx, vy
    if not square:  # exactly in the centre: any direction will do
        dx = 1
        square = 1
    distance = isqrt(square)
    inwards = vx * dx + vy * dy
    if inwards < 0:
        vx -= inwards * dx // square
        vy -= inwards * dy // square
    reach += ROCK_GAP
    return rock_x + dx * reach // distance, rock_y + dy * reach // distance, vx, vy
