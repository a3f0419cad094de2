"""Remembers what was used, each until its time is over.

Owns the memory of a ``MemoryDirectory``.  Times are arguments, from a steady clock.
"""

from __future__ import annotations

import heapq
from typing import Final

from gameserver.cluster.directory.errors import DirectoryError

#: Most remembered uses.  Overflow policy ``refuse``: what is forgotten could be used twice.
MAX_USES: Final = 200_000


class UsedOnce:
    """Names that were used, each with the use that was first."""

    def __init__(self) -> None:
        self._uses: dict[str, str] = {}
        self._by_expiry: list[tuple[float, str]] = []

    def use(self, name: str, by: str, valid_s: float, now_s: float) -> bool:
        """Return whether the use ``by`` is the first one of ``name``."""
        while self._by_expiry and self._by_expiry[0][0] <= now_s:
            del self._uses[heapq.heappop(self._by_expiry)[1]]
        first = self._uses.get(name)
        if first is not None:
            return first == by
        if len(self._uses) >= MAX_USES:
            raise DirectoryError("too many tickets and tokens were used just now")
        self._uses[name] = by
        heapq.heappush(self._by_expiry, (now_s + valid_s, name))
        return True
