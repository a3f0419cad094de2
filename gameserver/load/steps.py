"""The results of a load test: one record for each size that was tried, and the answer.

Owns the records and their JSON.  Pure.
"""

from __future__ import annotations

import json
from typing import Any, Final

import attrs

from gameserver.load.objective import Objective

#: Figures in tables, in this order.
SHOWN: Final = ("p50", "p90", "p99", "max")


@attrs.frozen
class Step:
    """One size, and what was measured with it; times in seconds."""

    size: int
    connected: int
    figures: dict[str, float]
    #: (share of all answers, time), for a plot.
    spread: list[tuple[float, float]]
    #: Shares of the time in which processes computed, and waited for a core.
    generators: list[tuple[float, float]]
    server: tuple[float, float] | None
    broken: list[str]
    #: What was short besides the server, as a clause; None: nothing.
    starved: str | None

    @property
    def holds(self) -> bool:
        """Whether the objective held."""
        return not self.broken

    @property
    def counts(self) -> bool:
        """Whether this says something about the server: it held, or nothing else was short."""
        return self.holds or self.starved is None


@attrs.define
class Findings:
    """All steps of a test, and the answer."""

    target: str
    bot: str
    objective: str
    step_s: float
    steps: list[Step] = attrs.field(factory=list)
    largest: int = 0
    answer: str = ""

    def to_json(self) -> str:
        """Return everything, indented."""
        told: dict[str, Any] = attrs.asdict(self)
        return json.dumps(told, indent=1)


def conclude(
    findings: Findings, objective: Objective, *, at_most: bool, smallest_bad: int | None
) -> None:
    """Write the answer in one sentence."""
    failed = [s for s in findings.steps if not s.holds and s.size == smallest_bad]
    starved = next((s.starved for s in reversed(failed) if s.starved is not None), None)
    largest = findings.largest
    if starved is not None:
        findings.answer = (
            f"{largest} players hold {objective.text}; more were not measured, as {starved}"
        )
    elif at_most:
        findings.answer = f"{largest} players hold {objective.text}, and more were not tried"
    elif failed:
        why = ", ".join(failed[-1].broken)
        findings.answer = f"{largest} players hold {objective.text}; {smallest_bad} do not: {why}"
    else:
        findings.answer = f"{largest} players hold {objective.text}"
