"""Limits on how much a peer may send, as token buckets.

Owns the arithmetic only; time is an argument.  The session closes a connection that exceeds its
limits with 4008.
"""

from __future__ import annotations

import attrs


class Allowance:
    """A bucket that refills at ``rate`` per second and holds ``burst``; it starts full."""

    __slots__ = ("_burst", "_left", "_rate", "_seen_s")

    def __init__(self, rate: float, burst: float, now_s: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._seen_s = now_s

    def left(self, now_s: float) -> float:
        """Return how much could be spent now."""
        return float(min(self._burst, self._left + (now_s - self._seen_s) * self._rate))

    def leave(self, left: float) -> None:
        """Have only this much left, at most the burst: that of a connection which goes on here."""
        self._left = min(self._burst, left)

    def spend(self, now_s: float, amount: float = 1.0) -> bool:
        """Take ``amount``, or return False if less is left.  ``now_s`` must never go back."""
        left = self._left + (now_s - self._seen_s) * self._rate
        self._seen_s = now_s
        if left > self._burst:
            left = self._burst
        if left < amount:
            self._left = left
            return False
        self._left = left - amount
        return True


@attrs.frozen(kw_only=True)
class Intake:
    """The limits of one connection, on average and in bursts.

    Frames are those of RFC 6455, pings, pongs and fragments included.  Bytes are those of the
    WebSocket, headers included.  Both limits are above what the limits on messages allow.
    """

    frames_per_s: float = 300.0
    frames_burst: float = 600.0
    bytes_per_s: float = 128 * 1024
    bytes_burst: float = 512 * 1024
