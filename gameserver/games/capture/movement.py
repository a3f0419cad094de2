"""How a racer moves among walls and gates; `gameserver step` makes ``page/movement.js`` of it."""

from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol

#: Units of length to a pixel of the page.  Lengths are integers; speeds are lengths in a tick.
UNIT: Final = 16
WIDTH: Final = 1120 * UNIT
HEIGHT: Final = 640 * UNIT
RADIUS: Final = 11 * UNIT
SPEED: Final = 4 * UNIT
FAST_SPEED: Final = 6 * UNIT
GATE_X: Final = 8 * UNIT  # half of a gate, which stands upright
GATE_Y: Final = 46 * UNIT
#: Left, top, right, bottom in pixels; half of the walls are the others, turned about the middle.
_HALF: Final = (
    (160, 100, 180, 272), (160, 368, 180, 540), (180, 252, 300, 272), (270, 368, 290, 480),
    (300, 80, 420, 100), (400, 180, 420, 296), (400, 384, 420, 560), (480, 0, 500, 120),
    (480, 520, 500, 640), (510, 220, 530, 420),
)  # fmt: skip
_ALL: Final = (*_HALF, *((1120 - r, 640 - b, 1120 - x, 640 - y) for x, y, r, b in _HALF))
WALLS: Final = tuple((x * UNIT, y * UNIT, r * UNIT, b * UNIT) for x, y, r, b in _ALL)


class Door(Protocol):
    x: int
    y: int
    opens: int  # the tick after which it is open
    closes: int


class Motion(NamedTuple):
    x: int
    y: int
    fast_from: int  # the tick after which it is fast
    fast_until: int
    tick: int


def is_shut(door: Door, x: int, y: int) -> bool:
    """Return whether a racer at this place touches the gate."""
    return abs(x - door.x) < GATE_X + RADIUS and abs(y - door.y) < GATE_Y + RADIUS


def is_free(x: int, y: int, now: Motion, doors: Iterable[Door]) -> bool:
    """Return whether a racer may go to this place from where it is now."""
    for left, top, right, bottom in WALLS:
        if left - RADIUS < x < right + RADIUS and top - RADIUS < y < bottom + RADIUS:
            return False
    for door in doors:
        is_open = door.opens < now.tick <= door.closes
        if not is_open and is_shut(door, x, y) and not is_shut(door, now.x, now.y):
            return False
    return True


def step(before: Motion, dx: int, dy: int, doors: Iterable[Door]) -> Motion:
    """Return the racer one tick later."""
    now = before._replace(tick=before.tick + 1)
    speed = FAST_SPEED if now.fast_from < now.tick <= now.fast_until else SPEED
    x = min(max(now.x + dx * speed, RADIUS), WIDTH - RADIUS)
    if is_free(x, now.y, now, doors):
        now = now._replace(x=x)
    y = min(max(now.y + dy * speed, RADIUS), HEIGHT - RADIUS)
    return now._replace(y=y) if is_free(now.x, y, now, doors) else now
