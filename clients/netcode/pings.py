"""When to send ping messages, and which of them is answered.

Owns nonces and the timetable.  Pure: times are arguments, in seconds of any steady clock; sends
nothing, waits for nothing.  What the answers say is ``tickclock.py``'s.
"""

from __future__ import annotations

from typing import Final

from clients.netcode.tickclock import ping_interval_s
from gameserver.protocol.messages import MAX_NONCE

#: Pings are more frequent until the clock has seen a few.
PING_EVERY_S: Final = 1.0
FIRST_PINGS: Final = 8
FIRST_PING_EVERY_S: Final = 0.25
#: Nothing is worth asking more often than this.
LEAST_APART_S: Final = 0.2
#: Unanswered pings that are remembered; the oldest is forgotten first.
REMEMBERED: Final = 16


class Pings:
    """The pings of one connection."""

    def __init__(self, tick_rate: float, now_s: float) -> None:
        #: When the next one is to be sent.
        self.due_s = now_s
        self._tick_rate = tick_rate
        self._sent_s = now_s
        self._nonce = 0
        #: Nonce → when it was sent.
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

    def hurry(self, now_s: float) -> None:
        """Let the next ping be soon: after a silence the server's time may be another."""
        self.due_s = min(self.due_s, max(now_s, self._sent_s + LEAST_APART_S))

    def answered(self, nonce: int) -> float | None:
        """Return when the ping with ``nonce`` was sent; None: never, or it is forgotten."""
        return self._unanswered.pop(nonce, None)
