"""The search for the largest crowd: growth while the objective holds, then bisection.

Owns the sizes to try.  Pure: the caller measures each size and reports it.
"""

from __future__ import annotations

from typing import Final

#: A growing crowd is multiplied by this.
GROWTH: Final = 2
#: A size that does not hold is tried again before it counts, so that one disturbance of the
#: machine does not decide.
TRIES: Final = 2


class Search:
    """Sizes from ``first`` to ``most``; the answer is exact to ``precision`` of itself."""

    def __init__(self, first: int, most: int, precision: float) -> None:
        self._most = most
        self._precision = precision
        self._failed_before = 0
        #: The largest size that held, and the smallest that did not; 0 and None: unknown.
        self.good = 0
        self.bad: int | None = None
        #: The size to try next; None: the search is over.
        self.size: int | None = min(first, most)

    def note(self, *, holds: bool) -> None:
        """Report whether ``size`` held the objective."""
        assert self.size is not None
        if holds:
            self.good = self.size
            self._failed_before = 0
        else:
            self._failed_before += 1
            if self._failed_before < TRIES:
                return
            self._failed_before = 0
            self.bad = self.size
        self.size = self._next()

    def _next(self) -> int | None:
        if self.bad is None:
            return None if self.good >= self._most else min(self.good * GROWTH, self._most)
        gap = self.bad - self.good
        if gap <= max(1, round(self.good * self._precision)):
            return None
        return self.good + gap // 2

    @property
    def at_most(self) -> bool:
        """Whether the largest size that may be tried held: the limit is beyond it."""
        return self.bad is None and self.good >= self._most
