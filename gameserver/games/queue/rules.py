"""Rules of matches: which parties may play together, and when a match is complete.

Owns ``Rule``, the base class of all, and the rules that most games need.  A rule keeps no state: it
judges a draft, the match as it has been put together so far.  Pure; ``matcher.py`` searches.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Final

import attrs

from gameserver import LocalProtocolError
from gameserver.games.queue.party import Candidate, Party


@attrs.define
class Draft:
    """A match as far as it has been put together: never empty, never against a rule.

    ``keys`` are the values that its parties have in common, by ``Rule.key_name``.
    """

    parties: list[Party]
    keys: Mapping[str, str]
    now_s: float
    players: int
    #: The time of the party that began to wait first.
    since_s: float
    low_rank: float
    high_rank: float

    @classmethod
    def of(cls, party: Party, keys: Mapping[str, str], now_s: float) -> Draft:
        """Return the draft of one party."""
        rank = party.rank
        return cls([party], keys, now_s, len(party.members), party.since_s, rank, rank)

    def waited_s(self, party: Party | None = None) -> float:
        """Return the longest wait in it, as if ``party`` were in it, too."""
        since_s = self.since_s if party is None else min(self.since_s, party.since_s)
        return self.now_s - since_s

    def with_party(self, party: Party) -> Draft:
        """Return the draft with one more party."""
        return Draft(
            [*self.parties, party],
            self.keys,
            self.now_s,
            self.players + len(party.members),
            min(self.since_s, party.since_s),
            min(self.low_rank, party.rank),
            max(self.high_rank, party.rank),
        )


class Rule:
    """Subclass this and override what the rule is about; a rule forbids nothing by default.

    The matcher adds one party after another to a draft.  So a rule that refuses a party must go on
    refusing it as parties are added, unless one of these has waited longer.
    """

    #: The name of what ``keys`` returns, such as a region; no two rules of a queue share one.
    key_name: str = ""

    def keys(self, party: Party) -> Sequence[str]:
        """Return the keys of a party, the best first; a match has a key that all parties have.

        Asked only if ``key_name`` is set.  A party without a key is never matched.
        """
        raise NotImplementedError

    def reach(self, waited_s: float) -> float:
        """Return how far from its own rank a party finds others that are allowed."""
        return math.inf

    def shape(self, party: Party) -> Hashable:
        """Return what ``admits`` needs to know of a party."""
        return None

    def admits(self, draft: Draft, shape: Hashable) -> bool:
        """Whether a party of this shape may join; for rules that see no difference within one.

        The matcher asks once for all parties of a shape, and leaves out those that cannot join.
        """
        return True

    def fits(self, draft: Draft, party: Party) -> bool:
        """Whether ``party`` may join."""
        return True

    def is_complete(self, draft: Draft) -> bool:
        """Whether the match may begin as it is."""
        return True


@attrs.frozen
class Size(Rule):
    """A match has a given number of players.

    With ``least`` it begins with fewer, as many as there are but no fewer than that, once the first
    of them has waited ``patience_s``.
    """

    players: int
    least: int | None = None
    patience_s: float = 0.0

    def __attrs_post_init__(self) -> None:
        least = self.players if self.least is None else self.least
        if not 1 <= least <= self.players:
            raise LocalProtocolError(f"{self}: a match has 1 ≤ least ≤ players")

    def shape(self, party: Party) -> int:
        """Return how many players the party has."""
        return len(party.members)

    def admits(self, draft: Draft, shape: Hashable) -> bool:
        """Whether enough places are left for the party."""
        assert isinstance(shape, int)
        return draft.players + shape <= self.players

    def is_complete(self, draft: Draft) -> bool:
        """Whether all places are taken, or enough of them after a while."""
        if draft.players == self.players:
            return True
        patient = draft.waited_s() >= self.patience_s
        return self.least is not None and patient and draft.players >= self.least


@attrs.frozen
class Skill(Rule):
    """The ranks of a match's parties differ by no more than ``window``, which widens with time.

    The rank of a party is the mean of its members.  The window grows by ``per_s`` for each second
    that the party which waited longest has waited, up to ``most``.
    """

    window: float
    per_s: float = 0.0
    most: float = math.inf

    def reach(self, waited_s: float) -> float:
        """Return the width of the window after a time."""
        return min(self.most, self.window + self.per_s * waited_s)

    def fits(self, draft: Draft, party: Party) -> bool:
        """Whether all ranks lie in one window."""
        spread = max(draft.high_rank, party.rank) - min(draft.low_rank, party.rank)
        return spread <= self.reach(draft.waited_s(party))


@attrs.frozen
class Latency(Rule):
    """A match has a region that all its players reach within ``limit_ms``.

    The limit grows by ``per_s`` milliseconds for each second that the party which waited longest
    has waited, up to ``most_ms``.  A player for whom a region has no latency does not reach it.
    """

    limit_ms: float
    per_s: float = 0.0
    most_ms: float | None = None

    key_name = "region"

    def keys(self, party: Party) -> Sequence[str]:
        """Return the regions that all members may reach in the end, the nearest first."""
        most_ms = self.limit_ms if self.most_ms is None else self.most_ms
        worst = {region: self._worst(party, region) for region in party.members[0].latencies}
        within = [region for region, latency_ms in worst.items() if latency_ms <= most_ms]
        return sorted(within, key=lambda region: (worst[region], region))

    def fits(self, draft: Draft, party: Party) -> bool:
        """Whether all reach the region of the draft within the present limit."""
        limit_ms = self._limit_ms(draft.waited_s(party))
        region = draft.keys[self.key_name]
        return all(self._worst(each, region) <= limit_ms for each in (*draft.parties, party))

    def is_complete(self, draft: Draft) -> bool:
        """Whether the first party reaches the region, too."""
        limit_ms = self._limit_ms(draft.waited_s())
        return self._worst(draft.parties[0], draft.keys[self.key_name]) <= limit_ms

    def _limit_ms(self, waited_s: float) -> float:
        most_ms = self.limit_ms if self.most_ms is None else self.most_ms
        return min(most_ms, self.limit_ms + self.per_s * waited_s)

    @staticmethod
    def _worst(party: Party, region: str) -> float:
        return max(member.latencies.get(region, math.inf) for member in party.members)


@attrs.frozen
class Same(Rule):
    """All players of a match have the same value of a property, as of ``mode``."""

    key_name: str

    def keys(self, party: Party) -> Sequence[str]:
        """Return the value of the party; none if its members differ, or one has none."""
        values = {member.properties.get(self.key_name) for member in party.members}
        value = values.pop()
        return [] if values or value is None else [value]


@attrs.frozen
class Avoid(Rule):
    """No player of a match avoids another one of another party."""

    def fits(self, draft: Draft, party: Party) -> bool:
        """Whether the party and the draft avoid none of each other's players."""
        return all(
            party.avoids.isdisjoint(other.identities) and other.avoids.isdisjoint(party.identities)
            for other in draft.parties
        )


@attrs.frozen
class Roles(Rule):
    """A match has a certain number of players in each role: ``Roles({"healer": 1, "fighter": 3})``.

    A player takes one of the roles that it offers, and any role if it offers none.  ``assign``
    returns the role of each player.
    """

    counts: Mapping[str, int]

    def shape(self, party: Party) -> tuple[tuple[str, ...], ...]:
        """Return the roles that each member offers."""
        return tuple(sorted(self._offers(member) for member in party.members))

    def admits(self, draft: Draft, shape: Hashable) -> bool:
        """Whether everybody gets a role."""
        assert isinstance(shape, tuple)
        drafted = [self._offers(m) for party in draft.parties for m in party.members]
        return _assigned([*drafted, *shape], self.counts) is not None

    def is_complete(self, draft: Draft) -> bool:
        """Whether all roles are taken."""
        offers = [self._offers(m) for party in draft.parties for m in party.members]
        return len(offers) == sum(self.counts.values()) and (
            _assigned(offers, self.counts) is not None
        )

    def assign(self, members: Sequence[Candidate]) -> dict[int, str]:
        """Return the role of each player of a match, by its seat."""
        roles = _assigned([self._offers(member) for member in members], self.counts)
        if roles is None:
            raise LocalProtocolError(f"these players cannot take the roles of {self}")
        return {member.seat: role for member, role in zip(members, roles, strict=True)}

    def _offers(self, member: Candidate) -> tuple[str, ...]:
        offered = tuple(sorted({role for role in member.roles if role in self.counts}))
        return offered or tuple(sorted(self.counts))


def _assigned(offers: Sequence[Sequence[str]], counts: Mapping[str, int]) -> list[str] | None:
    """Return a role for each player, or None if they cannot all have one.

    Augmenting paths: a player whose roles are taken asks those who have them to take another one.
    """
    taken: Final[dict[str, list[int]]] = {role: [] for role in counts}
    roles: list[str] = [""] * len(offers)

    def place(player: int, asked: set[str]) -> bool:
        for role in offers[player]:
            if role in asked:
                continue
            asked.add(role)
            if len(taken[role]) < counts[role]:
                taken[role].append(player)
                roles[player] = role
                return True
            for other in taken[role]:
                if place(other, asked):
                    taken[role].remove(other)
                    taken[role].append(player)
                    roles[player] = role
                    return True
        return False

    return roles if all(place(player, set()) for player in range(len(offers))) else None
