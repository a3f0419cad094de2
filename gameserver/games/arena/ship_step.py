"""One tick of one ship: all that its own controls do to it, as one pure function of integers.

Owns the cooldowns and costs of pulse and mine, on top of ``movement.move``.  Never looks at other
ships: what they do to this one (damage, pickups, a new life) is the room's, and a client learns of
it from the next delta.  The room steps every ship with this function and clients predict
their own with it (``clients/web/arena/`` has it in JavaScript), so a prediction from the right
commands is right to the last bit; ``tests/vectors/ship_step.json`` holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from gameserver.games.arena.movement import Controls, Disc, move
from gameserver.games.arena.rules import (
    MINE_COST,
    MINE_WAIT_TICKS,
    PULSE_COST,
    PULSE_WAIT_TICKS,
)


class ShipState(NamedTuple):
    """What a step changes; the fields of ``Ship`` with the same names.

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
    """What a step reads of a ``Steer`` command."""

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

    ``rocks`` and ``size`` as for ``move``.  ``armed``: whether weapons work (``Round.phase`` is
    playing); while they rest, their waits do too.  A ship dashed, fired or dropped a mine in this
    step if its ``dash_left``, ``fire_wait`` or ``mine_wait`` grew: each otherwise only falls.
    """
    x, y, vx, vy, heading, energy, dash_left = move(state[:7], controls, rocks, size)
    fire_wait, mine_wait = state.fire_wait, state.mine_wait
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
