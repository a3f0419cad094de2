"""Scripts for the tick clock: pongs, deltas and paces."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

from clients.netcode.tickclock import TickClock
from gameserver.protocol.tempo import Tempo
from tests.support.netcode_vectors.script import Case, Step, ms_between, steps_of
from tests.support.netcode_vectors.tempo import PACES, paced


def play_tickclock(case: Case) -> Iterator[Any]:
    clock = TickClock(case["tick_rate"], case["tick"], case["now_ms"] / 1000)
    for name, *arguments in steps_of(case):
        if name == "pong":
            sent, received, tick = arguments
            clock.pong(sent / 1000, received / 1000, tick)
            now = received
        elif name == "pace":
            tick, now, pace = arguments
            clock.change_pace(tick, pace, publish_every=1)
        else:
            tick, now = arguments
            clock.delta(tick, now / 1000)
        yield {
            "tick": clock.tick_at(now / 1000),
            "min_rtt_ms": None if clock.min_rtt_s is None else clock.min_rtt_s * 1000,
            "jumps": clock.jumps,
        }


def tickclock_cases() -> Iterator[Case]:
    for seed, (mean, jitter) in enumerate([(0.5, 0.3), (100, 30), (100, 95)]):
        yield {
            "name": f"{mean} ms each way, give or take {jitter}",
            **_conversation(random.Random(seed), mean, jitter),
        }
    for jump in (-300, 300, 0.4):
        yield {
            "name": f"the server's time jumps by {jump} ticks",
            **_conversation(random.Random(9), 50, 5, jump_at=6000, jump=jump),
        }
    yield {
        "name": "deltas before the first pong, and one slow pong",
        "tick_rate": 20,
        "tick": 100,
        "now_ms": 0,
        "steps": [
            ["delta", 102, 60],
            ["delta", 103, 170],
            ["pong", 0, 80, 101.3],
            ["pong", 100, 9000, 104.1],
            ["delta", 150, 2400],
        ],
    }

    yield {
        "name": "the room slows down, slower still, and is itself again; all told in time",
        **_conversation(random.Random(10), 60, 20, slows=True),
    }
    yield {
        "name": "the room slows down: told in time, told too late, and told again",
        "tick_rate": 20,
        "tick": 100,
        "now_ms": 0,
        "steps": [
            ["pong", 0, 80, 100.8],
            ["pace", 120, 500, 0.5],
            ["pace", 120, 500, 0.5],
            ["delta", 110, 545],
            ["delta", 122, 1145],
            ["pong", 1200, 1280, 122.4],
            ["pace", 120, 1300, 0.75],
            ["delta", 124, 1400],
            ["pong", 1500, 1580, 128.1],
            ["delta", 130, 1712],
            ["pace", 140, 1712, 1],
            ["delta", 145, 2600],
        ],
    }


def _conversation(
    rng: random.Random,
    mean: float,
    jitter: float,
    *,
    jump_at: float = math.inf,
    jump: float = 0,
    slows: bool = False,
) -> Case:
    """Return ten seconds of pings and every third delta, in the order in which they came."""
    rate, start = 30, 1000.25
    tempo = paced() if slows else Tempo()

    def server(now_ms: float) -> float:
        return tempo.tick_of(start + now_ms * rate / 1000) + (jump if now_ms >= jump_at else 0)

    steps: list[tuple[float, Step]] = []
    for told, tick, pace in PACES if slows else ():
        received = round(told + mean, 3)
        steps.append((received, ["pace", tick, received, pace]))
    for number in range(16):
        sent = round(100 + number * 620.6, 3)
        read = sent + ms_between(rng, mean - jitter, mean + jitter)
        received = round(read + ms_between(rng, mean - jitter, mean + jitter), 3)
        steps.append((received, ["pong", sent, received, round(server(read), 6)]))
    for number in range(100):
        made = 100 * number + 3.4
        received = round(made + ms_between(rng, mean - jitter, mean + jitter), 3)
        steps.append((received, ["delta", math.floor(server(made)), received]))
    steps.sort(key=lambda step: step[0])
    return {"tick_rate": rate, "tick": 1000, "now_ms": 0, "steps": [step for _, step in steps]}
