"""Straight lines through measurements, by least squares.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs


@attrs.frozen
class Line:
    """``y = intercept + slope * x``; ``r2`` is the share of the variance that it explains."""

    slope: float
    intercept: float
    r2: float


def fit_line(xs: Sequence[float], ys: Sequence[float]) -> Line:
    """Return the line of least squares; needs two different ``xs``, else ``ValueError``."""
    if len(xs) != len(ys) or len(set(xs)) < 2:
        raise ValueError("a line needs two points with different x")
    mean_x = sum(xs) / len(xs)
    mean_y = sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
    intercept = mean_y - slope * mean_x
    total = sum((y - mean_y) ** 2 for y in ys)
    left = sum((y - intercept - slope * x) ** 2 for x, y in zip(xs, ys, strict=True))
    return Line(slope, intercept, 1.0 if total == 0 else 1 - left / total)


def left_over(ys: Sequence[float], *causes: Sequence[float]) -> list[float]:
    """Return what is left of ``ys`` without their mean and what ``causes`` explain together.

    Each cause counts with what those before it leave of it (Gram and Schmidt); one of which they
    leave next to nothing explains nothing more.
    """
    left = _about_mean(ys)
    for number, cause in enumerate(causes):
        own = left_over(cause, *causes[:number])
        spread = _dot(own, own)
        if spread > _NOTHING * _dot(cause, cause):
            share = _dot(left, own) / spread
            left = [y - share * x for y, x in zip(left, own, strict=True)]
    return left


#: The share of a cause's own squares that is but rounding.
_NOTHING: Final = 1e-20


def _about_mean(values: Sequence[float]) -> list[float]:
    mean = sum(values) / len(values)
    return [value - mean for value in values]


def _dot(xs: Sequence[float], ys: Sequence[float]) -> float:
    return sum(x * y for x, y in zip(xs, ys, strict=True))


def largest_that_holds(smallest: int, limit: int, held: dict[int, bool]) -> int | None:
    """Return the next number to try in a search for the largest that holds; None when found.

    ``held`` says of the numbers tried so far whether they held.  Doubles from ``smallest`` to
    ``limit``, then halves the gap until it is a twentieth of the largest that held.
    """
    good = max((n for n, ok in held.items() if ok), default=0)
    bad = min((n for n, ok in held.items() if not ok and n > good), default=None)
    if bad is None:
        following = min(max(smallest, good * 2), limit)
        return None if following == good else following
    if good == 0:
        return None if bad <= 10 else bad // 2
    if bad - good <= max(good // 20, 1):
        return None
    middle = (good + bad) // 2
    return middle if middle not in held else None
