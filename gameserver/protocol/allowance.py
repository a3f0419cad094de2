"""How much a peer may send: a token bucket.

Owns the arithmetic only; time is an argument.  Who is over it is closed with 4008 by the session.
"""

from __future__ import annotations


class Allowance:
    """``rate`` per second on average, ``burst`` at once; full at the start."""

    __slots__ = ("_burst", "_left", "_rate", "_seen_s")

    def __init__(self, rate: float, burst: float, now_s: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._seen_s = now_s

    def spend(self, now_s: float) -> bool:
        """Take one; False if there is none left.  ``now_s`` never goes back."""
        left = self._left + (now_s - self._seen_s) * self._rate
        self._seen_s = now_s
        if left > self._burst:
            left = self._burst
        if left < 1.0:
            self._left = left
            return False
        self._left = left - 1.0
        return True
