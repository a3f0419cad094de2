"""Scripts for predicted effects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from clients.netcode.effects import Effect, PendingEffects
from tests.support.netcode_vectors.script import Case, steps_of


def play_effects(case: Case) -> Iterator[Any]:
    pending = PendingEffects()
    for name, *arguments in steps_of(case):
        returned: Any
        if name == "show":
            kind, tick, key, what = arguments
            dropped = pending.show(Effect(kind, tick, key, what))
            returned = None if dropped is None else dropped.what
        elif name == "confirm":
            confirmed = pending.confirm(*arguments)
            returned = None if confirmed is None else confirmed.what
        elif name == "is_shown":
            returned = pending.is_shown(*arguments)
        elif name == "expire":
            returned = [effect.what for effect in pending.expire(*arguments)]
        else:
            returned = [effect.what for effect in pending.clear()]
        yield {
            "returned": returned,
            "waiting": len(pending),
            "confirmed": pending.confirmed,
            "undone": pending.undone,
        }


def effects_cases() -> Iterator[Case]:
    yield {
        "name": "shots",
        "steps": [
            ["confirm", "Shot", 5, None],
            ["show", "Shot", 10, None, "a"],
            ["show", "Shot", 15, None, "b"],
            ["show", "Dashed", 15, None, "c"],
            ["confirm", "Shot", 15, None],
            ["confirm", "Shot", 12, None],
            ["expire", 22],
            ["expire", 23],
            ["show", "Shot", 30, None, "d"],
            ["show", "Shot", 34, None, "e"],
            ["confirm", "Shot", 32, None],
            ["confirm", "Shot", 43, None],
            ["confirm", "Shot", 42, None],
            ["clear"],
        ],
    }
    yield {
        "name": "pickups",
        "steps": [
            ["show", "Taken", 10, 7, "seven"],
            ["show", "Taken", 10, 9, "nine"],
            ["is_shown", "Taken", 9],
            ["is_shown", "Taken", 8],
            ["confirm", "Taken", 8, 9],
            ["is_shown", "Taken", 9],
            ["expire", 18],
            ["show", "Taken", 20, 1, "one"],
            ["clear"],
        ],
    }
    many = [["show", "Shot", tick, None, tick] for tick in range(66)]
    yield {"name": "too many", "steps": many}
