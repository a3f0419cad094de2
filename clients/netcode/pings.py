"""Ping messages: when to send them, and which one a pong answers.

Owns the nonces and the schedule.  Pure: times are arguments, in seconds of any steady clock.  Sends
nothing and never waits.  ``tickclock.py`` uses the answers.
"""

from __future__ import annotations

from typing import Final

from clients.netcode.tickclock import ping_interval_s
from gameserver.protocol.messages import MAX_NONCE

#: The usual interval between pings.
PING_EVERY_S: Final = 1.0
#: The first pings are more frequent, so that the clock is soon exact.
FIRST_PINGS: Final = 8
FIRST_PING_EVERY_S: Final = 0.25
#: The shortest interval between pings.
LEAST_APART_S: Final = 0.2
#: How many unanswered pings are remembered; the oldest is forgotten.
REMEMBERED: Final = 16


class Pings:
    """The pings of one connection."""

    def __init__(self, tick_rate: float, now_s: float) -> None:
        #: The time at which the next ping is due.
        self.due_s = now_s
        self._tick_rate = tick_rate
        self._sent_s = now_s
        self._nonce = 0
        #: Nonce → time of sending.
        self._unanswered: dict[int, float] = {}

    def next(self, now_s: float) -> int:
        """Return the nonce of the ping to send at ``now_s``."""
        early = self._nonce < FIRST_PINGS
        about_s = FIRST_PING_EVERY_S if early else PING_EVERY_S
        self.due_s = now_s + ping_interval_s(about_s, self._tick_rate)
        self._sent_s = now_s
        self._nonce = (self._nonce + 1) & MAX_NONCE
        self._unanswered[self._nonce] = now_s
        if len(self._unanswered) > REMEMBERED:
            del self._unanswered[next(iter(self._unanswered))]
        return self._nonce

    def ping_soon(self, now_s: float) -> None:
        """Make the next ping due soon: after a silence the clock may be wrong."""
        self.due_s = min(self.due_s, max(now_s, self._sent_s + LEAST_APART_S))

    def answered(self, nonce: int) -> float | None:
        """Return when the ping with ``nonce`` was sent; None if it is unknown or forgotten."""
        return self._unanswered.pop(nonce, None)
