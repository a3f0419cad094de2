"""A set from which members can be drawn at random.

Owns that data structure only.  Every operation takes the same time, however many members there are.
"""

from __future__ import annotations

import random
from collections.abc import Iterator


class Bag:
    """A set of texts."""

    __slots__ = ("_members", "_places")

    def __init__(self) -> None:
        self._members: list[str] = []
        self._places: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._members)

    def add(self, member: str) -> None:
        """Add a member, unless it is one already."""
        if member not in self._places:
            self._places[member] = len(self._members)
            self._members.append(member)

    def discard(self, member: str) -> None:
        """Remove a member, if it is one."""
        place = self._places.pop(member, None)
        if place is None:
            return
        last = self._members.pop()
        if last != member:
            self._members[place] = last
            self._places[last] = place

    def drawn(self, chance: random.Random, most: int) -> Iterator[str]:
        """Yield up to ``most`` different members at random."""
        count = len(self._members)
        for place in chance.sample(range(count), min(most, count)):
            yield self._members[place]
