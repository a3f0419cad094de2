"""The parts of a script, and the functions that its makers share.

Owns the form of a case and of a step (``vectors/README.md``).  Never knows what is played.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

Case = dict[str, Any]
#: A step: the name of an action, its arguments, and the expected state after it.
Step = list[Any]
Player = Callable[[Case], Iterator[Any]]


def ms_between(rng: random.Random, low: float, high: float) -> float:
    return round(rng.uniform(low, high), 3)


def steps_of(case: Case) -> Iterator[Step]:
    """Yield the steps without the expected states."""
    for step in case["steps"]:
        yield step[:-1] if isinstance(step[-1], dict) else step
