"""One tick of one ship: the effects of its own controls, as one pure function of integers.

Owns the cooldowns and costs of pulse and mine, in addition to ``movement.move``.  Never looks at
other ships: the room applies their effects (damage, pickups, a new life), and a client learns of
them from the next delta.  The room steps every ship with this function, and clients predict their
own ship with it, so a prediction from the right commands is exact.  ``gameserver step`` makes
``clients/web/arena/ship_step.js`` of this module, so it keeps to that command's subset of Python.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from gameserver.games.arena.movement import Controls, Disc, Motion, move
from gameserver.games.arena.rules import (
    MINE_COST,
    MINE_WAIT_TICKS,
    PULSE_COST,
    PULSE_WAIT_TICKS,
)


class ShipState(NamedTuple):
    """The state that a step changes; the fields of ``Ship`` with the same names.

    The first seven are ``Motion``.
    """

    x: int
    y: int
    vx: int
    vy: int
    heading: int
    energy: int
    dash_left: int
    aim: int
    fire_wait: int
    mine_wait: int


class ShipControls(Controls, Protocol):
    """The fields of a ``Steer`` command that a step reads."""

    fire: bool
    mine: bool
    aim: int


def step_ship(
    state: ShipState,
    controls: ShipControls,
    rocks: Iterable[Disc],
    size: int,
    *,
    armed: bool,
) -> ShipState:
    """Return the state one tick later.

    ``rocks`` and ``size`` are those of ``move``.  ``armed`` says whether weapons work
    (``Round.phase`` is playing); while they do not, their waits do not change.  A ship dashed,
    fired or dropped a mine in this step if its ``dash_left``, ``fire_wait`` or ``mine_wait`` grew:
    otherwise each only falls.
    """
    x, y, vx, vy, heading, energy, dash_left, _, fire_wait, mine_wait = state
    before = Motion(x, y, vx, vy, heading, energy, dash_left)
    x, y, vx, vy, heading, energy, dash_left = move(before, controls, rocks, size)
    if armed:
        if fire_wait:
            fire_wait -= 1
        elif controls.fire and energy >= PULSE_COST:
            energy -= PULSE_COST
            fire_wait = PULSE_WAIT_TICKS - 1
        if mine_wait:
            mine_wait -= 1
        elif controls.mine and energy >= MINE_COST:
            energy -= MINE_COST
            mine_wait = MINE_WAIT_TICKS - 1
    return ShipState(x, y, vx, vy, heading, energy, dash_left, controls.aim, fire_wait, mine_wait)
