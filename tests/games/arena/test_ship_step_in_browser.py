"""The browser's ship step is the server's: made from it, with the same answers to the last bit."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from gameserver.games.arena import movement, ship_step
from gameserver.stepping import checked, javascript_of
from tests.support import arena_traces
from tests.support.node_tools import run_node
from tests.support.paths import ROOT

HERE = Path(__file__).parent
WEB = ROOT / "clients" / "web" / "arena"
TICKS = 100


@pytest.mark.parametrize("module", [movement, ship_step], ids=["movement", "ship_step"])
def test_the_browsers_file_is_made_from_the_servers(module: Any) -> None:
    made = (WEB / f"{module.__name__.rpartition('.')[2]}.js").read_text()
    again = f"gameserver step {module.__name__} > clients/web/arena/…"
    assert made == javascript_of(module.__name__), again


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
