"""The browser's ship step has the answers of the server's, to the last bit."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from gameserver.games.arena import ship_step
from gameserver.stepping import checked
from tests.support import arena_traces
from tests.support.node_tools import run_node
from tests.support.paths import ROOT

HERE = Path(__file__).parent
WEB = ROOT / "clients" / "web" / "arena"
TICKS = 100


def test_steps_stay_within_the_integers_of_javascript() -> None:
    step = checked(ship_step.__name__).step_ship
    for trace in (arena_traces.random_step_trace(random.Random(seed), TICKS) for seed in range(20)):
        assert arena_traces.fly_and_shoot(trace, step) == arena_traces.fly_and_shoot(trace)


@pytest.mark.node
def test_the_browser_flies_and_shoots_the_vectors() -> None:
    run_node("--test", "ship_step.test.mjs", cwd=HERE)


@pytest.mark.node
@pytest.mark.parametrize("steps", [10_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_random_steps_are_the_same_to_the_last_bit(steps: int) -> None:
    """Others each time; a failure names its seed."""
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    for _ in range(max(1, steps // 100_000)):
        count = min(steps, 100_000) // TICKS
        flights = [arena_traces.random_step_trace(rng, TICKS) for _ in range(count)]
        text = run_node("fly_traces.mjs", "step", cwd=HERE, stdin=json.dumps(flights))
        for flight, answer in zip(flights, json.loads(text), strict=True):
            assert answer == arena_traces.fly_and_shoot(flight), f"seed {seed}"
