"""Scripts for interpolation: the playback clock, and a track."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

from clients.netcode.interpolation import PlaybackClock, Track
from clients.netcode.tickclock import TickClock
from tests.support.netcode_vectors.script import Case, Step, ms_between, steps_of

# ---------------------------------------------------------------- playback


def play_playback(case: Case) -> Iterator[Any]:
    ticks = TickClock(case["tick_rate"], 0, 0.0, case["publish_every"])
    clock = PlaybackClock(
        ticks, min_delay_s=case["min_delay_ms"] / 1000, min_intervals=case["min_intervals"]
    )
    shown: float | None = None
    for name, *arguments in steps_of(case):
        if name == "arrived":
            tick, now = arguments
            clock.arrived(tick, now / 1000)
        elif name == "pace":
            ticks.change_pace(*arguments)
        else:
            shown = clock.tick_at(arguments[0] / 1000)
            if math.isnan(shown):
                shown = None
        yield {"tick": shown, "delay_ms": clock.delay_s * 1000, "underruns": clock.underruns}


def playback_cases() -> Iterator[Case]:
    for seed, (name, jitter, interval, silence) in enumerate(
        [
            ("steady", 1, 1, (0.0, 0.0)),
            ("jittery", 90, 1, (0.0, 0.0)),
            ("every third tick", 20, 3, (0.0, 0.0)),
            ("a stall of 300 ms", 3, 1, (3000, 3300)),
            ("a stall of two seconds", 3, 1, (3000, 5000)),
        ]
    ):
        yield {
            "name": name,
            "tick_rate": 30,
            "publish_every": interval,
            "min_delay_ms": 66,
            "min_intervals": 0,
            "steps": _deltas(random.Random(seed), jitter, interval, silence, pause_ms=0),
        }
    yield {
        "name": "the server pauses for four seconds, its ticks with it",
        "tick_rate": 30,
        "publish_every": 1,
        "min_delay_ms": 66,
        "min_intervals": 2,
        "steps": _deltas(random.Random(7), 3, 1, (0.0, 0.0), pause_ms=4000),
    }
    yield {
        "name": "the room slows down to half its pace, and is itself again",
        "tick_rate": 30,
        "publish_every": 1,
        "min_delay_ms": 66,
        "min_intervals": 2,
        "steps": _slowed(told_back=605),
    }
    yield {
        "name": "the room slows down, and it is learned too late that it is itself again",
        "tick_rate": 30,
        "publish_every": 1,
        "min_delay_ms": 66,
        "min_intervals": 2,
        "steps": _slowed(told_back=626),
    }


def _slowed(*, told_back: int) -> list[Step]:
    """Return deltas and frames from tick 500 on; from 545 to 620 the room runs at half pace."""
    steps: list[Step] = []
    now = 0.0
    for tick in range(500, 680):
        if tick == 530:
            steps.append(["pace", 545, 0.5, 2])
        if tick == told_back:
            steps.append(["pace", 620, 1, 1])
        if not 530 <= tick < 620 or tick % 2 == 0:
            steps.append(["arrived", tick, round(now, 3)])
        tick_ms = 1000 / 30 * (2 if 545 <= tick < 620 else 1)
        steps += [["tick_at", round(now + part * tick_ms, 3)] for part in (0.3, 0.8)]
        now += tick_ms
    return steps


def _deltas(
    rng: random.Random,
    jitter: float,
    interval: int,
    silence: tuple[float, float],
    *,
    pause_ms: float,
) -> list[Step]:
    """Return six seconds of deltas and a 50 Hz screen."""
    events: list[tuple[float, Step]] = []
    arrives = 0.0
    for tick in range(0, 180, interval):
        made = tick * 1000 / 30 + 40 + (pause_ms if tick >= 90 else 0)
        arrives = max(arrives, made + ms_between(rng, 0, jitter))
        if silence[0] <= arrives < silence[1]:
            arrives = silence[1]
        events.append((arrives, ["arrived", 500 + tick, round(arrives, 3)]))
    end = events[-1][0]
    now = 0.0
    while now < end:
        events.append((now, ["tick_at", round(now, 3)]))
        now += 20
    events.sort(key=lambda event: event[0])
    return [step for _, step in events]


# ---------------------------------------------------------------- track


def play_track(case: Case) -> Iterator[Any]:
    track = Track(case["jump_distance"], case["tick_ms"] / 1000)
    for name, *arguments in steps_of(case):
        if name == "push":
            track.push(*arguments)
            yield {}
        else:
            yield {"at": list(track.sample(*arguments))}


def track_cases() -> Iterator[Case]:
    yield {
        "name": "between, beyond, and back",
        "jump_distance": 60,
        "tick_ms": 1000 / 30,
        "steps": [
            ["push", 10, 0, 0],
            ["sample", 5],
            ["sample", 12],
            ["push", 11, 8, -4],
            ["sample", 10.25],
            ["push", 11, 99, 99],
            ["sample", 11],
            ["sample", 12.5],
            ["sample", 14],
            ["sample", 20],
            ["push", 15, 40, -20],
            ["sample", 20.5],
            ["push", 21, 44, -22],
            ["sample", 21.5],
            ["sample", 23],
            ["sample", 30],
            ["push", 31, 900, 900],
            ["sample", 30.5],
            ["sample", 31],
            ["sample", 32],
        ],
    }
    rng = random.Random(11)
    steps: list[Step] = []
    x = y = 0
    shown = -3.0
    for tick in range(80):
        x, y = x + rng.randint(-20, 20), y + rng.randint(-20, 20)
        if rng.random() < 0.8:
            steps.append(["push", tick, x, y])
        shown += rng.uniform(0.4, 1.65)
        if tick > 2:
            steps.append(["sample", round(shown, 5)])
    yield {"name": "a walk", "jump_distance": 60, "tick_ms": 50, "steps": steps}
