"""Scripts for the tempo: ticks and steady ticks of a room that changes its pace."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from gameserver.protocol.tempo import Tempo
from tests.support.netcode_vectors.script import Case, Step, steps_of

#: Announcements of a pace: time in ms, first tick, pace; each comes at least half a second early.
PACES = [(2000.0, 1075, 0.75), (3500.0, 1125, 0.375), (6500.0, 1155, 1.0)]


def paced() -> Tempo:
    """Return the tempo of a room with these paces, which is at tick 1000 at first."""
    tempo = Tempo()
    for _, tick, pace in PACES:
        tempo.bend(tick, pace)
    return tempo


def play_tempo(case: Case) -> Iterator[Any]:
    tempo = Tempo()
    for name, *arguments in steps_of(case):
        if name == "bend":
            yield {"returned": tempo.bend(*arguments), "pace": tempo.pace}
        else:
            yield {"steady": tempo.steady_of(arguments[0]), "tick": tempo.tick_of(arguments[0])}


def tempo_cases() -> Iterator[Case]:
    yield {"name": "no bend", "steps": [["at", -3], ["at", 0], ["at", 12.5]]}
    rng = random.Random(1)
    steps: list[Step] = []
    tick = 0
    for _ in range(20):
        tick += rng.randrange(-5, 60)
        steps.append(["bend", tick, rng.choice([1, 0.75, 0.5, 0.375])])
        steps += [["at", tick + rng.randrange(-200, 200) / 2] for _ in range(4)]
    yield {"name": "many bends, some forgotten, some replaced", "steps": steps}
