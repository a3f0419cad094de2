"""The browser's ship step is the server's: the same vectors, and 100,000 random steps."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.support import arena_traces
from tests.support.node_tools import run_node

HERE = Path(__file__).parent

pytestmark = pytest.mark.node


def test_the_browser_flies_and_shoots_the_vectors() -> None:
    run_node("--test", "ship_step.test.mjs", cwd=HERE)


def test_100_000_random_steps_are_the_same_to_the_last_bit() -> None:
    """Others each time; a failure names its seed."""
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    flights = [arena_traces.random_step_trace(rng, 100) for _ in range(1000)]
    answers = json.loads(run_node("fly_traces.mjs", "step", cwd=HERE, stdin=json.dumps(flights)))
    for flight, answer in zip(flights, answers, strict=True):
        assert answer == arena_traces.fly_and_shoot(flight), f"seed {seed}"
