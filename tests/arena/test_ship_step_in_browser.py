"""The browser's ship step is the server's: the same vectors, and 100,000 random steps."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import pytest
from node_tools import require_node

from arena import traces

HERE = Path(__file__).parent

pytestmark = pytest.mark.node


def node(*arguments: str, stdin: str = "") -> str:
    done = subprocess.run(
        [*require_node(), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        cwd=HERE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_browser_flies_and_shoots_the_vectors() -> None:
    node("--test", "ship_step.test.mjs")


def test_100_000_random_steps_are_the_same_to_the_last_bit() -> None:
    """Others each time; a failure names its seed."""
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    flights = [traces.random_step_trace(rng, 100) for _ in range(1000)]
    answers = json.loads(node("fly_traces.mjs", "step", stdin=json.dumps(flights)))
    for flight, answer in zip(flights, answers, strict=True):
        assert answer == traces.fly_and_shoot(flight), f"seed {seed}"
