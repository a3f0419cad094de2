"""Scripts for TCP's loss recovery: fast retransmit, probe and timeout."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from typing import Any

from clients.lab.path import Outages, Path
from clients.lab.recovery import Flight, Measured, Segment
from tests.support.netcode_vectors.script import Case, Step, ms_between, steps_of

#: After each step this many of the newest segments are compared.
COMPARED = 12


def play_recovery(case: Case) -> Iterator[Any]:
    path, back = (
        Path(delay_s=delay / 1000, jitter_s=jitter / 1000, loss=loss)
        for delay, jitter, loss in (case["path"], case["back"])
    )
    least, smoothed, timeout = case["measured"]
    flight = Flight(
        path,
        back,
        Measured(
            least_rtt_s=least / 1000, smoothed_rtt_s=smoothed / 1000, timeout_s=timeout / 1000
        ),
        itertools.cycle(case["chances"]).__next__,
        Outages("", begin_s=0.0, every_s=math.inf, least_s=0.0, most_s=0.0),
    )
    sent: list[Segment] = []
    for _, now in steps_of(case):
        sent.append(flight.send(now / 1000))
        yield {"arrives": [s.arrives_s * 1000 for s in sent[-COMPARED:]], "lost": flight.lost}


def recovery_cases() -> Iterator[Case]:
    """Return streams like those of a game, rare segments, and bursts, over links of all kinds."""
    kinds: list[tuple[str, float, float, float, float]] = [
        ("a stream over a lossy link", 55, 20, 0.1, 33),
        ("a stream with heavy loss", 55, 20, 0.5, 33),
        ("a stream over a short link", 5, 1, 0.2, 33),
        ("a dense stream without jitter", 40, 0, 0.2, 4),
        ("a segment now and then", 40, 5, 0.3, 400),
    ]
    for seed, (name, delay, jitter, loss, every) in enumerate(kinds):
        rng = random.Random(seed)
        now, steps = 0.0, list[Step]()
        for _ in range(60):
            now = round(now + (0 if rng.random() < 0.1 else ms_between(rng, 0.5, 1.5) * every), 3)
            steps.append(["send", now])
        rtt = 2 * delay
        yield {
            "name": name,
            "path": [delay, jitter, loss],
            "back": [delay, jitter, loss / 2],
            "measured": [rtt, rtt + 2 * jitter, rtt + 2 * jitter + 200],
            "chances": [round(rng.random(), 4) for _ in range(251)],
            "steps": steps,
        }
