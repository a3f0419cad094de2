"""Slow ticks explained: what each tick over its budget has spent, by hook and stage.

Owns the last ``KEPT`` of them, of all rooms of a server.  Nothing is kept of other ticks, and
nothing is computed for them: the caller compares two numbers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Final

import attrs

#: How many slow ticks are kept.  Overflow policy ``drop-oldest``, counted in ``SlowTicks.count``.
KEPT: Final = 100


@attrs.frozen
class SlowTick:
    """One tick that took longer than the time between two.

    ``spent`` is the time of each stage in order: reading commands, the hooks, publishing.
    ``lateness_s`` is how long after its deadline it began.
    """

    room: str
    tick: int
    at_s: float
    budget_s: float
    lateness_s: float
    players: int
    spent: tuple[tuple[str, float], ...]

    @property
    def work_s(self) -> float:
        """How long it took."""
        return sum(took_s for _, took_s in self.spent)

    def to_json(self, now_s: float) -> dict[str, Any]:
        """Return it as ``gameserver top`` shows it; times are in milliseconds."""
        return {
            "room": self.room,
            "tick": self.tick,
            "ago_s": round(now_s - self.at_s, 1),
            "budget_ms": _ms(self.budget_s),
            "work_ms": _ms(self.work_s),
            "late_ms": _ms(self.lateness_s),
            "players": self.players,
            "spent_ms": {stage: _ms(took_s) for stage, took_s in self.spent},
        }


class SlowTicks:
    """The last slow ticks of a server; ``count`` is how many there have been."""

    def __init__(self) -> None:
        self.count = 0
        self.kept: deque[SlowTick] = deque(maxlen=KEPT)

    def note(
        self,
        room: str,
        tick: int,
        *,
        begun_s: float,
        budget_s: float,
        lateness_s: float,
        players: int,
        reading_s: float,
        stages: Iterable[tuple[str, float]],
        publish_s: float,
    ) -> None:
        """Keep a tick that began at ``begun_s``; ``stages`` are its hooks, and when each ended."""
        spent = [("read", reading_s)]
        before_s = begun_s
        for hook, ended_s in stages:
            spent.append((hook, ended_s - before_s))
            before_s = ended_s
        spent.append(("publish", publish_s))
        self.count += 1
        self.kept.append(SlowTick(room, tick, begun_s, budget_s, lateness_s, players, tuple(spent)))


def longest(begun_s: float, stages: Sequence[tuple[str, float]]) -> tuple[str, float]:
    """Return the hook that took longest, and how long; ``tick`` if there was none."""
    found, most_s, before_s = "tick", 0.0, begun_s
    for hook, ended_s in stages:
        if ended_s - before_s > most_s:
            found, most_s = hook, ended_s - before_s
        before_s = ended_s
    return found, most_s


def _ms(seconds: float) -> float:
    return round(seconds * 1e3, 2)
