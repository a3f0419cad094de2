"""How much a peer may send: token buckets.

Owns the arithmetic only; time is an argument.  Who is over it is closed with 4008 by the session.
"""

from __future__ import annotations

import attrs


class Allowance:
    """``rate`` per second on average, ``burst`` at once; full at the start."""

    __slots__ = ("_burst", "_left", "_rate", "_seen_s")

    def __init__(self, rate: float, burst: float, now_s: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._seen_s = now_s

    def spend(self, now_s: float, amount: float = 1.0) -> bool:
        """Take ``amount``; False if there is not so much left.  ``now_s`` never goes back."""
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
    """What one connection may send, of whatever kind: on average, and at once.

    Frames are those of RFC 6455 (pings, pongs and fragments too), bytes those of the WebSocket,
    headers included.  More than what messages may come to by themselves.
    """

    frames_per_s: float = 300.0
    frames_burst: float = 600.0
    bytes_per_s: float = 128 * 1024
    bytes_burst: float = 512 * 1024
