"""The garbage collector of a serving process, in a process of its own, for it is one for all."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc, sys
from gameserver.runtime.garbage import keep_pauses_rare
if sys.argv[1] == "rare":
    keep_pauses_rare()
before = [generation["collections"] for generation in gc.get_stats()]
kept = [[] for _ in range(400_000)]
young, middle, full = (
    generation["collections"] - past for generation, past in zip(gc.get_stats(), before)
)
print(young > 0, middle > 0, full, gc.get_freeze_count() > 10_000)
"""


def told(policy: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, policy], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_a_thousand_joins_have_no_full_collection() -> None:
    assert told("rare") == "True True 0 True"


def test_by_default_they_have_several() -> None:
    assert told("default") not in ("True True 0 False", "True True 1 False")
