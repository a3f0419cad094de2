"""Traces of ships: seeded random flights, and the files that hold some of them.

``python -m tests.support.arena_traces`` writes both files of ``vectors/`` anew.  A *trace* is JSON:
``size``, ``rocks`` as [x, y, radius], ``start`` as the fields of the state, ``controls`` per tick;
with the answers, ``states`` per tick.

- ``movement.json``: states are ``Motion``, controls are [turn, thrust, dash].
- ``ship_step.json``: states are ``ShipState``, controls are [turn, thrust, dash, fire, mine, aim],
  and ``armed`` says for each tick whether weapons work.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from gameserver.games.arena import movement, rules
from gameserver.games.arena.model import UNIT, Steer
from gameserver.games.arena.movement import Disc, Motion, move
from gameserver.games.arena.ship_step import ShipState, step_ship
from tests.support.paths import VECTORS

MOVEMENT_VECTORS = VECTORS / "movement.json"
STEP_VECTORS = VECTORS / "ship_step.json"

CONSTANTS = (
    *("SHIP_RADIUS", "TURN_RATE", "THRUST", "DRAG_SHIFT", "TOP_SPEED", "FADE_SHIFT"),
    *("MAX_ENERGY", "ENERGY_REFILL", "DASH_COST", "DASH_TICKS", "DASH_SPEED"),
    *("WALL_PUSH", "WALL_DEPTH_SHIFT", "WALL_BRAKE_SHIFT", "ROCK_GAP", "SINE_SHIFT"),
    *("SINE", "COSINE"),
)
STEP_CONSTANTS = ("PULSE_COST", "PULSE_WAIT_TICKS", "MINE_COST", "MINE_WAIT_TICKS")
#: A small world, so that a short flight meets walls and rocks.
SIZE = 600 * UNIT
ROCKS = [
    [150 * UNIT, 150 * UNIT, 40 * UNIT],
    [430 * UNIT, 180 * UNIT, 70 * UNIT],
    [260 * UNIT, 430 * UNIT, 110 * UNIT],
]


def random_trace(rng: random.Random, ticks: int) -> dict[str, Any]:
    """Return a flight of someone who holds the controls for a while before changing them."""
    start = [
        rng.randrange(-50 * UNIT, SIZE + 50 * UNIT),
        rng.randrange(-50 * UNIT, SIZE + 50 * UNIT),
        rng.randrange(-800, 801),
        rng.randrange(-800, 801),
        rng.randrange(256),
        rng.randrange(101),
        rng.choice((0, 0, 0, rng.randrange(7))),
    ]
    if rng.random() < 0.1:  # in the dead centre of a rock
        start[:2] = rng.choice(ROCKS)[:2]
    controls: list[list[Any]] = []
    while len(controls) < ticks:
        held = [rng.randint(-1, 1), rng.random() < 0.8, rng.random() < 0.2]
        controls += [held] * rng.randint(1, 12)
    return {"size": SIZE, "rocks": ROCKS, "start": start, "controls": controls[:ticks]}


def fly(trace: dict[str, Any]) -> list[list[int]]:
    """Return the states of ``trace``, one per tick."""
    state = Motion(*trace["start"])
    rocks = [Disc(*rock) for rock in trace["rocks"]]
    states = []
    for turn, thrust, dash in trace["controls"]:
        state = move(state, Steer(turn, thrust, dash), rocks, trace["size"])
        states.append(list(state))
    return states


def random_step_trace(rng: random.Random, ticks: int) -> dict[str, Any]:
    """Return a flight in which triggers are held too, and weapons rest for a while or not."""
    trace = random_trace(rng, ticks)
    trace["start"] += [rng.randrange(256), rng.choice((0, 3)), rng.choice((0, 0, 14))]
    weapons: list[list[Any]] = []
    while len(weapons) < ticks:
        held = [rng.random() < 0.4, rng.random() < 0.2]
        weapons += [held] * rng.randint(1, 9)
    trace["controls"] = [
        [*flying, *firing, rng.randrange(256)]
        for flying, firing in zip(trace["controls"], weapons, strict=False)
    ]
    rests_from = rng.randrange(2 * ticks)
    rests_until = rests_from + rng.randrange(ticks)
    trace["armed"] = [not rests_from <= tick < rests_until for tick in range(ticks)]
    return trace


def fly_and_shoot(
    trace: dict[str, Any], step: Callable[..., ShipState] = step_ship
) -> list[list[int]]:
    """Return the states of a trace of ``ship_step.json``, one per tick."""
    state = ShipState(*trace["start"])
    rocks = [Disc(*rock) for rock in trace["rocks"]]
    states = []
    for controls, armed in zip(trace["controls"], trace["armed"], strict=True):
        state = step(state, Steer(*controls), rocks, trace["size"], armed=armed)
        states.append(list(state))
    return states


def step_vectors() -> dict[str, Any]:
    """Return what ``ship_step.json`` holds."""
    rng = random.Random(1024)
    traces = [random_step_trace(rng, 150) for _ in range(16)]
    for trace in traces:
        trace["states"] = fly_and_shoot(trace)
    return {"constants": {name: getattr(rules, name) for name in STEP_CONSTANTS}, "traces": traces}


def vectors() -> dict[str, Any]:
    """Return what ``movement.json`` holds."""
    rng = random.Random(32)
    traces = [random_trace(rng, 125) for _ in range(20)]
    for trace in traces:
        trace["states"] = fly(trace)
    return {"constants": {name: getattr(movement, name) for name in CONSTANTS}, "traces": traces}


def text(content: dict[str, Any]) -> str:
    """Return the file's text: a line per constant and per trace."""

    def packed(value: Any) -> str:
        return json.dumps(value, separators=(",", ":"))

    constants = ",\n".join(f"{packed(k)}:{packed(v)}" for k, v in content["constants"].items())
    traces = ",\n".join(packed(trace) for trace in content["traces"])
    return f'{{"constants":{{\n{constants}}},\n"traces":[\n{traces}]}}\n'


if __name__ == "__main__":
    MOVEMENT_VECTORS.write_text(text(vectors()))
    STEP_VECTORS.write_text(text(step_vectors()))
