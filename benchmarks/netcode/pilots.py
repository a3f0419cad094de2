"""Pilots of the netcode study: how each one moves the controls, by seed.

Owns three pilots: one who presses keys at random moments, one who weaves about a place, and one
who aims exactly at what the screen shows.  Pure: times and chance are arguments.
"""

from __future__ import annotations

import math
import random
from typing import Final

from clients.bots.piloting import angle_of, controls_towards
from gameserver.games.arena.model import UNIT, Steer
from gameserver.games.arena.rules import PULSE_RANGE
from gameserver.games.arena.ship_step import ShipState

#: Mean time between two presses, and the least: each must have shown before the next.
PRESS_EVERY_S: Final = 0.4
LEAST_PRESS_S: Final = 0.15

#: A weaver turns to the other side after so many ticks …
WEAVE_TICKS: Final = (20, 45)
#: … and flies between points this far from its middle: across the line of sight, and along it.
WEAVE_ACROSS: Final = (110 * UNIT, 260 * UNIT)
WEAVE_ALONG: Final = 70 * UNIT
#: A marksman hovers: weaves within this share of a target's way.
HOVER: Final = 0.25

#: A marksman shoots every so many ticks; the energy of a pulse is back after seven.
FIRE_EVERY_TICKS: Final = 8
#: … and at nothing that might be out of range by the time of the shot.
FARTHEST: Final = PULSE_RANGE * 9 // 10


class KeyPresser:
    """Changes one key at a time, at moments that have nothing to do with ticks or frames."""

    def __init__(self, rng: random.Random, now_s: float) -> None:
        self.controls = Steer(thrust=True)
        self.next_press_s = now_s
        self._rng = rng
        self._plan(now_s)

    def press(self) -> Steer:
        """Make the press that is due, and return the controls as they were before."""
        before = self.controls
        turn, thrust = before.turn, before.thrust
        if self._rng.random() < 0.6:
            turn = self._rng.choice([t for t in (-1, 0, 1) if t != turn])
        else:
            thrust = not thrust
        self.controls = Steer(turn=turn, thrust=thrust, aim=before.aim)
        self._plan(self.next_press_s)
        return before

    def _plan(self, after_s: float) -> None:
        wait_s = LEAST_PRESS_S + self._rng.expovariate(1 / (PRESS_EVERY_S - LEAST_PRESS_S))
        self.next_press_s = after_s + wait_s


class Weaver:
    """Flies zig-zag about a place: from side to side, turning at times that none can know.

    ``reach``: how wide, as a share of a target's way.
    """

    def __init__(self, rng: random.Random, middle: tuple[int, int], *, reach: float = 1.0) -> None:
        self._rng = rng
        self._middle = middle
        self._reach = reach
        self._side = rng.choice((-1, 1))
        self._point = middle
        self._turn_at = 0

    def controls(self, x: int, y: int, heading: int, tick: int) -> tuple[int, bool]:
        """Return where to turn at ``tick``, being there, and whether that is nearly ahead."""
        if tick >= self._turn_at:
            self._turn_at = tick + self._rng.randint(*WEAVE_TICKS)
            self._side = -self._side
            middle_x, middle_y = self._middle
            across = self._side * self._rng.randint(*WEAVE_ACROSS)
            along = self._rng.randint(-WEAVE_ALONG, WEAVE_ALONG)
            self._point = (
                middle_x + round(across * self._reach),
                middle_y + round(along * self._reach),
            )
        to_x, to_y = self._point
        return controls_towards(heading, (to_x - x, to_y - y), 1)


class Marksman:
    """Aims exactly where the screen shows the target, from where the own ship will be."""

    def __init__(self) -> None:
        self._fire_at = 0

    def shot(self, after: ShipState, target: tuple[float, float], tick: int) -> tuple[int, bool]:
        """Return where to aim and whether to fire at ``tick``.

        ``after``: the own ship after this tick, from which the pulse starts; ``target``: where
        it is shown, both in 1/32 units.
        """
        x, y = target[0] - after.x, target[1] - after.y
        aim = angle_of(x, y)
        near = math.hypot(x, y) < FARTHEST
        fires = near and tick >= self._fire_at and not after.fire_wait
        if fires:
            self._fire_at = tick + FIRE_EVERY_TICKS
        return aim, fires
