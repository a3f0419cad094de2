"""The seat numbers of one room: which are taken, and which is the next to give.

Pure.  Owns the count of holders per number.  Never knows who they are.
"""

from __future__ import annotations

import heapq
from collections import Counter


class Seats:
    """Numbers from 1; the smallest free one is known without looking at all that are taken."""

    def __init__(self) -> None:
        #: How many hold each seat: two while one takes it over from another.
        self._holders: Counter[int] = Counter()
        #: The free numbers below ``_next``, as a heap.
        self._freed: list[int] = []
        self._next = 1

    def __len__(self) -> int:
        """Return how many seats are taken."""
        return len(self._holders)

    def take_smallest(self) -> int:
        """Take the smallest number that is free, and return it."""
        if self._freed:
            number = heapq.heappop(self._freed)
        else:
            number = self._next
            self._next += 1
        self._holders[number] = 1
        return number

    def share(self, number: int) -> None:
        """Hold a seat that is taken once more."""
        if number not in self._holders:
            raise KeyError(number)
        self._holders[number] += 1

    def release(self, number: int) -> None:
        """Hold it once less; after the last time it is free."""
        self._holders[number] -= 1
        if not self._holders[number]:
            del self._holders[number]
            heapq.heappush(self._freed, number)
