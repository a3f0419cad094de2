"""How long to wait before the next try to connect.

Owns the pauses: half a second, doubled with each try up to eight seconds, half of each random,
since a thousand clients of a restarted server must not come back at once.  Pure: sleeps never, and
draws from the ``random.Random`` that it is given.  ``clients/web/net/backoff.js`` is the same in
milliseconds.
"""

from __future__ import annotations

import random
from typing import Final

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 8.0
#: A connection that lasted this long takes the pauses back to the first.
LASTING_S: Final = LONGEST_PAUSE_S
#: The longest ``retry_after_s`` that is believed.
LONGEST_RETRY_AFTER_S: Final = 3600.0


class Backoff:
    """The pauses of one client."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._tries = 0

    def next_pause_s(self, lasted_s: float, at_least_s: float) -> float:
        """Return the pause after a connection that has ended.

        ``lasted_s``: how long it had been playing, 0.0 if it never came to that; being let in is
        not enough to start afresh, or a room that fails on every join would be tried twice a
        second for ever.  ``at_least_s``: what the server asked for.
        """
        if lasted_s >= LASTING_S:
            self._tries = 0
        full_s = min(FIRST_PAUSE_S * 2.0**self._tries, LONGEST_PAUSE_S)
        self._tries = min(self._tries + 1, 30)
        pause_s = full_s * self._rng.uniform(0.5, 1.0)
        return max(pause_s, min(at_least_s, LONGEST_RETRY_AFTER_S))
