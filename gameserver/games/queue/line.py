"""The line of waiting parties, sorted in the ways in which the matcher looks at it.

Owns the order: places in line, and for each key the parties that have it, by rank and by age.
Never judges a match; ``matcher.py`` does, with the rules.  Pure.

Sorted lists: inserting moves pointers, which for ten thousand parties takes some microseconds.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Hashable, Iterator
from typing import TypeAlias

import attrs

from gameserver.games.queue.party import Party

#: One value for each rule that has keys.
Key: TypeAlias = tuple[str, ...]
#: The answers of all rules to ``Rule.shape``.
Shape: TypeAlias = tuple[Hashable, ...]
#: Rank, order, number.
_Ranked: TypeAlias = tuple[float, int, int]
_Aged: TypeAlias = tuple[int, int]


@attrs.frozen
class Entry:
    """A party in line, and where it is found."""

    party: Party
    keys: tuple[Key, ...]
    shape: Shape


@attrs.define
class _Bucket:
    """The parties that have one key."""

    by_shape: dict[Shape, list[_Ranked]] = attrs.field(factory=dict)
    by_age: list[_Aged] = attrs.field(factory=list)


class Line:
    """The parties that wait, and can be matched at present."""

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}
        self._in_order: list[_Aged] = []
        self._buckets: dict[Key, _Bucket] = {}

    def __len__(self) -> int:
        """Return how many parties wait."""
        return len(self._entries)

    def get(self, number: int) -> Entry | None:
        """Return a party; None if it does not wait any more."""
        return self._entries.get(number)

    def entries(self) -> Iterator[Entry]:
        """Yield all parties, the first in line first."""
        for _, number in self._in_order:
            yield self._entries[number]

    def place(self, party: Party) -> int:
        """Return the place of a party, from 1."""
        return bisect_left(self._in_order, (party.order, party.number)) + 1

    def add(self, entry: Entry) -> None:
        """Let a party wait; its order says where."""
        party = entry.party
        self._entries[party.number] = entry
        insort(self._in_order, (party.order, party.number))
        for key in entry.keys:
            bucket = self._buckets.setdefault(key, _Bucket())
            insort(bucket.by_age, (party.order, party.number))
            insort(bucket.by_shape.setdefault(entry.shape, []), _ranked(party))

    def remove(self, number: int) -> Party:
        """Let a party wait no longer."""
        entry = self._entries.pop(number)
        party = entry.party
        aged = (party.order, party.number)
        del self._in_order[bisect_left(self._in_order, aged)]
        for key in entry.keys:
            bucket = self._buckets[key]
            del bucket.by_age[bisect_left(bucket.by_age, aged)]
            ranked = bucket.by_shape[entry.shape]
            del ranked[bisect_left(ranked, _ranked(party))]
            if not ranked:
                del bucket.by_shape[entry.shape]
            if not bucket.by_age:
                del self._buckets[key]
        return party

    def oldest(self, key: Key, count: int) -> list[Entry]:
        """Return the first parties in line that have a key."""
        return [self._entries[number] for _, number in self._buckets[key].by_age[:count]]

    def shapes(self, key: Key) -> list[Shape]:
        """Return the shapes of the parties that have a key."""
        return list(self._buckets[key].by_shape)

    def nearest(self, key: Key, shape: Shape, rank: float) -> Iterator[tuple[float, int, Entry]]:
        """Yield distance, order and party by the distance of their ranks, nearest first.

        Of two parties at the same distance, the first in line comes first.
        """
        ranked = self._buckets[key].by_shape[shape]
        above = bisect_left(ranked, (rank,))
        below = above - 1
        while below >= 0 or above < len(ranked):
            up = (ranked[above][0] - rank, ranked[above][1]) if above < len(ranked) else None
            down = (rank - ranked[below][0], ranked[below][1]) if below >= 0 else None
            if down is None or (up is not None and up <= down):
                assert up is not None
                yield (*up, self._entries[ranked[above][2]])
                above += 1
            else:
                yield (*down, self._entries[ranked[below][2]])
                below -= 1


def _ranked(party: Party) -> _Ranked:
    return party.rank, party.order, party.number
