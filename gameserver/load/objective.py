"""The objective of a load test, as in ``p99<75ms,drops=0``.

Owns its grammar and its judgement of a measured step.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import attrs

from gameserver.errors import LocalProtocolError

#: Figures that are counts; the others are times.  ``how-to/load-test.md`` explains each.
COUNTS: Final = ("drops", "desyncs", "late", "dropped_ticks")
_TIME: Final = re.compile(r"p(\d{1,2}(?:\.\d{1,3})?)|max|mean")
_CONDITION: Final = re.compile(r"([a-z_0-9.]+)(<=|>=|<|>|=)([0-9.]+)(us|ms|s)?")
_UNITS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
_JUDGES: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    "=": lambda value, limit: value == limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
}


@attrs.frozen
class Condition:
    """One figure that must hold; ``limit`` is in seconds or a count, ``text`` as it was given."""

    figure: str
    relation: str
    limit: float
    text: str

    @property
    def quantile(self) -> float | None:
        """The quantile that the figure is, 0 to 1; None for other figures."""
        found = re.fullmatch(r"p(.*)", self.figure)
        return None if found is None else float(found[1]) / 100

    def holds(self, figures: Mapping[str, float]) -> bool:
        """Whether the condition holds; a figure that was not measured does not hold."""
        value = figures.get(self.figure)
        return value is not None and _JUDGES[self.relation](value, self.limit)


@attrs.frozen
class Objective:
    """All conditions that a step must hold."""

    conditions: tuple[Condition, ...]

    @classmethod
    def parse(cls, text: str) -> Objective:
        """Return what ``text`` says; ``LocalProtocolError`` names what is wrong in it."""
        parts = [part.strip() for part in text.split(",")]
        return cls(tuple(_condition(part) for part in parts))

    @property
    def text(self) -> str:
        """The conditions as they were given."""
        return ",".join(condition.text for condition in self.conditions)

    def broken(self, figures: Mapping[str, float]) -> list[Condition]:
        """Return the conditions that do not hold."""
        return [c for c in self.conditions if not c.holds(figures)]


def _condition(text: str) -> Condition:
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise LocalProtocolError(f"--until: {text!r} is no condition, as in p99<75ms or drops=0")
    figure, relation, number, unit = found.groups()
    try:
        limit = float(number)
    except ValueError:
        raise LocalProtocolError(f"--until: {number!r} is no number") from None
    if figure in COUNTS:
        if unit is not None:
            raise LocalProtocolError(f"--until: {figure} is a count, and has no unit {unit}")
        return Condition(figure, relation, limit, text)
    if _TIME.fullmatch(figure) is None:
        known = ", ".join(["p50", "p99", "p99.9", "mean", "max", *COUNTS])
        raise LocalProtocolError(f"--until: there is no figure {figure!r}; there are {known}")
    if unit is None:
        raise LocalProtocolError(f"--until: {text!r} needs a unit: us, ms or s")
    return Condition(figure, relation, limit * _UNITS[unit], text)
