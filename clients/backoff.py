"""How long a client pauses before its next attempt to connect.

Owns the pauses.  The end of a session that had lasted is often that of a server that starts again
at once, and the seat is held meanwhile.  So the first ``QUICK_TRIES`` pauses after it are random,
up to one second: a crowd comes back evenly within that second, and not all at one moment.  Further
pauses, and those of a client that never played for long, grow from half a second to eight, half of
each random.

Pure: never sleeps, and draws from the ``random.Random`` that it is given.
``clients/web/net/backoff.js`` is its twin, in milliseconds.
"""

from __future__ import annotations

import random
from typing import Final

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 8.0
#: A session that lasted this long takes the pauses back to the beginning.
LASTING_S: Final = 4.0
#: The quick tries after such a session, about ten seconds of them, and their longest pause.
QUICK_TRIES: Final = 20
QUICK_PAUSE_S: Final = 1.0
#: The longest ``retry_after_s`` that is obeyed.
LONGEST_RETRY_AFTER_S: Final = 3600.0


class Backoff:
    """The pauses of one client."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._quick_tries = 0
        self._tries = 0

    def next_pause_s(self, lasted_s: float, at_least_s: float) -> float:
        """Return the pause after a connection that has ended.

        ``lasted_s`` is how long the client had been playing, or 0.0 if it never played.  Joining
        alone does not reset the pauses, or a room that fails on every join would be tried twice a
        second forever.  ``at_least_s`` is the pause that the server asked for.
        """
        if lasted_s >= LASTING_S:
            self._quick_tries, self._tries = QUICK_TRIES, 0
        if self._quick_tries:
            self._quick_tries -= 1
            pause_s = QUICK_PAUSE_S * self._rng.random()
        else:
            full_s = min(FIRST_PAUSE_S * 2.0**self._tries, LONGEST_PAUSE_S)
            self._tries = min(self._tries + 1, 30)
            pause_s = full_s * self._rng.uniform(0.5, 1.0)
        return max(pause_s, min(at_least_s, LONGEST_RETRY_AFTER_S))
