"""Parties: players who wait for a match together, as rules and the matcher see them.

Owns the values only.  A player who waits alone is a party of one.  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen
class Candidate:
    """A player who waits, identified by its seat in the queue.

    ``latencies`` are the round trips to regions in ms, ``avoids`` the identities with which the
    player is in no match, and ``properties`` are whatever rules of the game look at.
    """

    seat: int
    rank: float = 0.0
    identity: str | None = None
    roles: tuple[str, ...] = ()
    latencies: Mapping[str, int] = attrs.field(factory=dict)
    avoids: frozenset[str] = frozenset()
    properties: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Party:
    """Players who are matched together: they get into the same match, or wait on together.

    ``number`` names the party.  ``order`` is its place in line: smaller ones are ahead of it.
    ``since_s`` is when it began to wait, by the clock of the queue.
    """

    number: int
    members: tuple[Candidate, ...]
    since_s: float
    order: int
    #: The mean of its members' ranks.
    rank: float = attrs.field(init=False)
    identities: frozenset[str] = attrs.field(init=False)
    avoids: frozenset[str] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        members = self.members
        rank = sum(member.rank for member in members) / len(members)
        identities = frozenset(m.identity for m in members if m.identity is not None)
        object.__setattr__(self, "rank", rank)
        object.__setattr__(self, "identities", identities)
        object.__setattr__(self, "avoids", frozenset().union(*(m.avoids for m in members)))

    @property
    def seats(self) -> tuple[int, ...]:
        """The seats of its members."""
        return tuple(member.seat for member in self.members)


@attrs.frozen
class Match:
    """Parties that play together, the one that waited longest first.

    ``keys`` are the values that they have in common, by the names that rules give them: a match
    that a ``Latency`` made has its ``region``.
    """

    parties: tuple[Party, ...]
    keys: Mapping[str, str]

    @property
    def members(self) -> tuple[Candidate, ...]:
        """All players of the match."""
        return tuple(member for party in self.parties for member in party.members)
