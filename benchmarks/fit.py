"""Straight lines through measurements, by least squares.  Pure."""

from __future__ import annotations

from collections.abc import Sequence

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
