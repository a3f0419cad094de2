"""How a ship moves, for the server and the page, which is given it by ``gameserver step``.

Lengths are integers, so that both compute the same to the last bit.
"""

from typing import Final, NamedTuple, Protocol

UNIT: Final = 32  # so many to a pixel of the page
WIDTH: Final = 1200 * UNIT
HEIGHT: Final = 800 * UNIT
RADIUS: Final = 14 * UNIT
PUSH: Final = 14
DRAG_SHIFT: Final = 4


class Motion(NamedTuple):
    x: int
    y: int
    vx: int
    vy: int


class Pushed(Protocol):
    dx: int
    dy: int


def step(ship: Motion, held: Pushed) -> Motion:
    """Return the ship one tick later."""
    vx = ship.vx + held.dx * PUSH - (ship.vx >> DRAG_SHIFT)
    vy = ship.vy + held.dy * PUSH - (ship.vy >> DRAG_SHIFT)
    x, y = ship.x + vx, ship.y + vy
    if x < RADIUS or x > WIDTH - RADIUS:
        x, vx = min(max(x, RADIUS), WIDTH - RADIUS), -vx
    if y < RADIUS or y > HEIGHT - RADIUS:
        y, vy = min(max(y, RADIUS), HEIGHT - RADIUS), -vy
    return Motion(x, y, vx, vy)
