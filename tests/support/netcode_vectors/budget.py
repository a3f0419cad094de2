"""Scripts for the latency budget."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from clients.netcode.budget import SHARES, LatencyBudget
from tests.support.netcode_vectors.script import Case, Step, ms_between, steps_of


def play_budget(case: Case) -> Iterator[Any]:
    budget = LatencyBudget()
    for name, *arguments in steps_of(case):
        if name == "sent":
            tick, now = arguments
            budget.sent(tick, now / 1000)
        else:
            tick, now, *times = arguments
            names = ("tick_time_s", "tick_s", "half_rtt_s", "simulate_s", "post_s", "drawn_s")
            budget.answered(
                tick, now / 1000, **dict(zip(names, (t / 1000 for t in times), strict=True))
            )
        newest = budget.newest
        yield {
            "newest": None if newest is None else [getattr(newest, s) * 1000 for s in SHARES],
            "total_p50": budget.percentiles()["total"].p50 * 1000 if newest else None,
            "wait_p95": budget.percentiles()["wait"].p95 * 1000 if newest else None,
        }


def budget_cases() -> Iterator[Case]:
    yield {
        "name": "in time, two at once, late",
        "steps": [
            ["answered", 9, 900, 880, 50, 40, 2, 1, 60],
            ["sent", 10, 850],
            ["answered", 10, 975, 930, 50, 40, 2, 1, 60],
            ["sent", 11, 900],
            ["sent", 12, 951],
            ["answered", 12, 1075, 1030, 50, 40, 2.5, 0, 55],
            ["sent", 13, 1060],
            ["answered", 14, 1180, 1130, 50, 40, 2.5, 0, 55],
            ["sent", 15, 1175],
            ["answered", 15, 1180, 1180, 50, 40, 2.5, 0, 55],
        ],
    }
    rng = random.Random(3)
    steps: list[Step] = []
    for tick in range(300):
        sent = tick * 50 + ms_between(rng, -5, 5)
        steps.append(["sent", tick, sent])
        heard = round(tick * 50 + 60 + ms_between(rng, 40, 90), 3)
        steps.append(
            ["answered", tick, heard, tick * 50 + 60, 50, 38, 2, 0.5, ms_between(rng, 40, 80)]
        )
    yield {"name": "many", "steps": steps}
