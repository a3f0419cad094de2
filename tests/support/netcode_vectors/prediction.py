"""Scripts for prediction, of a bead on a wire, and for smoothing its corrections."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import attrs

from clients.netcode.prediction import Predictor, Smoothing
from tests.support.netcode_vectors.script import Case, Step, steps_of

# ---------------------------------------------------------------- prediction

#: A bead on a wire: place, speed, and how often it was pushed hard.
Bead = tuple[int, int, int]


def push_bead(state: Bead, force: int) -> Bead:
    place, speed, pushes = state
    speed = max(-9, min(9, speed + force))
    return place + speed, speed, pushes + (abs(force) > 2)


def bead_distance(before: Bead, after: Bead) -> float:
    return abs(before[0] - after[0])


def play_prediction(case: Case) -> Iterator[Any]:
    predictor = Predictor(push_bead, bead_distance, max_pending=case["max_pending"])
    for name, *arguments in steps_of(case):
        returned: Any = None
        if name == "reset":
            tick, state = arguments
            predictor.reset(tick, None if state is None else tuple(state))
        elif name == "apply":
            returned = predictor.apply(*arguments)
        elif name == "peek":
            returned = predictor.peek(*arguments)
        else:
            tick, state = arguments
            returned = predictor.reconcile(tick, tuple(state))
        yield {
            "returned": list(returned) if isinstance(returned, tuple) else returned,
            "state": None if predictor.state is None else list(predictor.state),
            "tick": predictor.tick,
            "pending": predictor.pending,
            "counts": list(attrs.astuple(predictor.counts)),
        }


def prediction_cases() -> Iterator[Case]:
    yield {
        "name": "the edges",
        "max_pending": 4,
        "steps": [
            ["apply", 1, 1],
            ["peek", 1],
            ["reconcile", 3, [5, 0, 0]],
            ["reset", 10, [100, 0, 0]],
            ["peek", 2],
            ["apply", 11, 2],
            ["apply", 11, 3],
            ["apply", 13, 1],
            ["reconcile", 10, [100, 0, 0]],
            ["reconcile", 12, [102, 2, 0]],
            ["reconcile", 11, [0, 0, 0]],
            ["reconcile", 13, [105, 3, 1]],
            ["apply", 14, 0],
            ["apply", 15, 0],
            ["apply", 16, 0],
            ["apply", 17, 0],
            ["apply", 18, 0],
            ["reconcile", 14, [110, 1, 1]],
            ["reconcile", 30, [200, 0, 1]],
            ["reset", 31, None],
            ["apply", 32, 1],
        ],
    }
    for seed in range(3):
        yield {"name": f"seed {seed}", "max_pending": 64, "steps": _bead_life(random.Random(seed))}


def _bead_life(rng: random.Random) -> list[Step]:
    """Return a hundred ticks, predicted eight ahead of a server that at times goes its own way."""
    steps: list[Step] = [["reset", 0, [0, 0, 0]]]
    forces: dict[int, int] = {}
    server: Bead = (0, 0, 0)
    for tick in range(1, 108):
        forces[tick] = rng.randint(-3, 3)
        steps.append(["apply", tick, forces[tick]])
        if tick <= 8:
            continue
        late = rng.random() < 0.06
        server = push_bead(server, 0 if late else forces[tick - 8])
        if rng.random() < 0.05:
            server = (server[0], server[1], server[2] + 1)
        if rng.random() < 0.9:
            steps.append(["reconcile", tick - 8, list(server)])
    return steps


# ---------------------------------------------------------------- smoothing


def play_smoothing(case: Case) -> Iterator[Any]:
    smoothing = Smoothing(case["snap_distance"])
    for name, *arguments in steps_of(case):
        if name == "add":
            dx, dy, now = arguments
            smoothing.add(dx, dy, now / 1000)
        else:
            (now,) = arguments
        yield {"offset": list(smoothing.offset(now / 1000)), "snaps": smoothing.snaps}


def smoothing_cases() -> Iterator[Case]:
    yield {
        "name": "fades, adds up, snaps",
        "snap_distance": 100,
        "steps": [
            ["offset", 0],
            ["add", 8, -4, 1000],
            ["offset", 1080],
            ["offset", 1160],
            ["add", 10, 10, 1200],
            ["offset", 1250],
            ["add", 90, 90, 1300],
            ["offset", 1301],
            ["add", -60, 0, 1400],
            ["offset", 3000],
        ],
    }
