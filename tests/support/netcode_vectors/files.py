"""The files of the vectors: their content, and the check that they are up to date.

Owns their names, their text, and comparing what a script says with what is so when it is
played.  Never knows what a step means: that is with what is played, a module each.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.support.netcode_vectors.budget import budget_cases, play_budget
from tests.support.netcode_vectors.effects import effects_cases, play_effects
from tests.support.netcode_vectors.interpolation import (
    play_playback,
    play_track,
    playback_cases,
    track_cases,
)
from tests.support.netcode_vectors.lead import lead_cases, play_lead
from tests.support.netcode_vectors.prediction import (
    play_prediction,
    play_smoothing,
    prediction_cases,
    smoothing_cases,
)
from tests.support.netcode_vectors.recovery import play_recovery, recovery_cases
from tests.support.netcode_vectors.script import Case, Player
from tests.support.netcode_vectors.steering import play_steering, steering_cases
from tests.support.netcode_vectors.tempo import play_tempo, tempo_cases
from tests.support.netcode_vectors.tickclock import play_tickclock, tickclock_cases
from tests.support.paths import VECTORS

FILES: dict[str, dict[str, tuple[Callable[[], Iterator[Case]], Player]]] = {
    "tickclock": {"cases": (tickclock_cases, play_tickclock)},
    "tempo": {"cases": (tempo_cases, play_tempo)},
    "lead": {"cases": (lead_cases, play_lead)},
    "prediction": {
        "cases": (prediction_cases, play_prediction),
        "smoothing": (smoothing_cases, play_smoothing),
    },
    "interpolation": {
        "playback": (playback_cases, play_playback),
        "track": (track_cases, play_track),
    },
    "effects": {"cases": (effects_cases, play_effects)},
    "steering": {"cases": (steering_cases, play_steering)},
    "budget": {"cases": (budget_cases, play_budget)},
    "recovery": {"cases": (recovery_cases, play_recovery)},
}


def path_of(name: str) -> Path:
    return VECTORS / f"netcode_{name}.json"


def contents(name: str) -> dict[str, list[Case]]:
    """Return the content of the file: the scripts, each step with the expected state after it."""
    return {
        group: [
            {
                **case,
                "steps": [
                    [*step, _rounded(then)]
                    for step, then in zip(case["steps"], play(case), strict=True)
                ],
            }
            for case in make()
        ]
        for group, (make, play) in FILES[name].items()
    }


def _rounded(value: Any) -> Any:
    """Round floats to the digits that tests compare."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return round(value, 7) if isinstance(value, float) else value


def text_of(content: dict[str, list[Case]]) -> str:
    """Return the JSON text: a line for each step."""
    groups = []
    for group, cases in content.items():
        blocks = []
        for case in cases:
            head = ", ".join(
                f"{json.dumps(k)}: {json.dumps(v)}" for k, v in case.items() if k != "steps"
            )
            lines = ",\n    ".join(json.dumps(step, ensure_ascii=False) for step in case["steps"])
            blocks.append(f'  {{{head}, "steps": [\n    {lines}\n  ]}}')
        groups.append(f"{json.dumps(group)}: [\n" + ",\n".join(blocks) + "\n]")
    return "{" + ",\n".join(groups) + "}\n"


def check(name: str) -> None:
    """Check that the file is up to date, play its scripts, and compare the state of each step."""
    assert path_of(name).read_text() == text_of(contents(name)), (
        "python -m tests.support.netcode_vectors"
    )
    recorded = json.loads(path_of(name).read_text())
    assert set(recorded) == set(FILES[name])
    for group, (_, play) in FILES[name].items():
        for case in recorded[group]:
            for step, now in zip(case["steps"], play(case), strict=True):
                assert same(now, step[-1]), (name, case["name"], step, now)


def same(one: Any, other: Any) -> bool:
    """Whether two values of JSON are equal, except for rounding of floats."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-6)
    return bool(one == other)
