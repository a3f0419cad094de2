"""Traces of movement: seeded random flights, and the file that holds some of them.

``python -m arena.traces`` in ``tests/`` writes ``vectors/movement.json`` anew.  A *trace* is JSON:
``size``, ``rocks`` as [x, y, radius], ``start`` as the fields of ``Motion``, ``controls`` as
[turn, thrust, dash] per tick; with the answers, ``states`` per tick.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from gameserver.games.arena import movement
from gameserver.games.arena.model import UNIT, Steer
from gameserver.games.arena.movement import Motion, move

VECTORS = Path(__file__).parent.parent / "vectors" / "movement.json"

CONSTANTS = (
    *("SHIP_RADIUS", "TURN_RATE", "THRUST", "DRAG_SHIFT", "TOP_SPEED", "FADE_SHIFT"),
    *("MAX_ENERGY", "ENERGY_REFILL", "DASH_COST", "DASH_TICKS", "DASH_SPEED"),
    *("WALL_PUSH", "WALL_DEPTH_SHIFT", "WALL_BRAKE_SHIFT", "ROCK_GAP", "SINE_SHIFT"),
    *("SINE", "COSINE"),
)
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
    rocks = [tuple(rock) for rock in trace["rocks"]]
    states = []
    for turn, thrust, dash in trace["controls"]:
        state = move(state, Steer(turn, thrust, dash), rocks, trace["size"])
        states.append(list(state))
    return states


def vectors() -> dict[str, Any]:
    """Return what the file holds."""
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
    VECTORS.write_text(text(vectors()))
