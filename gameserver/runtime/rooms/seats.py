"""The seat numbers of one room: which are taken, and which is given next.

Pure.  Owns the count of claims on each number.  Never knows which player or session has a claim.
"""

from __future__ import annotations

import heapq
from collections import Counter


class Seats:
    """Numbers from 1; the smallest free one is found without looking at all taken ones."""

    def __init__(self) -> None:
        #: How many claims there are on each taken number: a player's and those of reservations.
        self._claims: Counter[int] = Counter()
        #: The free numbers below ``_next``, as a heap.
        self._freed: list[int] = []
        self._next = 1

    def __len__(self) -> int:
        """Return how many numbers are taken."""
        return len(self._claims)

    def take_smallest(self) -> int:
        """Claim the smallest free number, and return it."""
        if self._freed:
            number = heapq.heappop(self._freed)
        else:
            number = self._next
            self._next += 1
        self._claims[number] = 1
        return number

    def take(self, number: int) -> None:
        """Claim a given free number, for a recovered player."""
        while self._next <= number:
            heapq.heappush(self._freed, self._next)
            self._next += 1
        self._freed.remove(number)
        heapq.heapify(self._freed)
        self._claims[number] = 1

    def share(self, number: int) -> None:
        """Add a claim on a number that is taken."""
        if number not in self._claims:
            raise KeyError(number)
        self._claims[number] += 1

    def release(self, number: int) -> None:
        """Remove a claim on a number; it is free after the last one."""
        self._claims[number] -= 1
        if not self._claims[number]:
            del self._claims[number]
            heapq.heappush(self._freed, number)
