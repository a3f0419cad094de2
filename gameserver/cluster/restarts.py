"""When a node that died is started again: pauses that grow, and the end of a crash loop.

Owns the decision.  Pure: time is an argument.
"""

from __future__ import annotations

from typing import Final

#: The pause after the first death, and the longest one; each is twice the one before.
FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 8.0
#: A node that ran for this long has started well: the count of its deaths begins again.
WELL_AFTER_S: Final = 30.0
#: So many deaths in a row, each soon after the start, are a crash loop.
MOST_DEATHS: Final = 6


class Restarts:
    """The deaths of one node so far."""

    def __init__(self) -> None:
        self.deaths = 0

    def pause_s(self, lived_s: float) -> float | None:
        """Return the pause before the next start, after a life of ``lived_s``; None: no more."""
        self.deaths = 1 if lived_s >= WELL_AFTER_S else self.deaths + 1
        if self.deaths >= MOST_DEATHS:
            return None
        pause_s: float = FIRST_PAUSE_S * 2.0 ** (self.deaths - 1)
        return min(pause_s, LONGEST_PAUSE_S)
