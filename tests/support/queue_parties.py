"""Parties for Hypothesis, the rules that they are matched by, and what these rules forbid.

``faults`` judges a whole match by its own few lines: it shares no code with the rules.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import strategies as st

from gameserver.games.queue import (
    Avoid,
    Candidate,
    Latency,
    Match,
    Party,
    Roles,
    Rule,
    Same,
    Size,
    Skill,
)

PLAYERS = 4
ROLES = {"tank": 1, "healer": 1, "fighter": 2}
LIMIT_MS, MS_PER_S, MOST_MS = 50, 5, 120
WINDOW, RANK_PER_S, MOST_RANK = 100, 10, 400

RULES: tuple[Rule, ...] = (
    Size(PLAYERS),
    Skill(WINDOW, RANK_PER_S, MOST_RANK),
    Latency(LIMIT_MS, MS_PER_S, MOST_MS),
    Same("mode"),
    Avoid(),
    Roles(ROLES),
)

NAMES = ("ann", "bob", "cid", None)
regions = st.dictionaries(st.sampled_from(["eu", "us"]), st.sampled_from([10, 70, 110]), min_size=1)
candidates = st.builds(
    Candidate,
    seat=st.just(0),
    rank=st.sampled_from([0.0, 80.0, 150.0, 600.0]),
    identity=st.sampled_from(NAMES),
    roles=st.lists(st.sampled_from([*ROLES, "other"]), max_size=2).map(tuple),
    latencies=regions,
    avoids=st.frozensets(st.sampled_from(["ann", "bob"]), max_size=1),
    properties=st.sampled_from([{"mode": "ranked"}, {"mode": "casual"}]),
)
parties = st.lists(candidates, min_size=1, max_size=3)


def faults(match: Match, now_s: float) -> list[str]:
    """Return what is wrong with a match of ``RULES`` that is made now."""
    members = match.members
    waited_s = max(now_s - party.since_s for party in match.parties)
    ranks = [party.rank for party in match.parties]
    window = min(MOST_RANK, WINDOW + RANK_PER_S * waited_s)
    limit_ms = min(MOST_MS, LIMIT_MS + MS_PER_S * waited_s)
    region, mode = match.keys["region"], match.keys["mode"]
    wrong = {
        "size": len(members) != PLAYERS,
        "skill": max(ranks) - min(ranks) > window,
        "latency": any(m.latencies.get(region, 1e9) > limit_ms for m in members),
        "mode": any(m.properties["mode"] != mode for m in members),
        "avoid": any(avoids(one, other) for one in match.parties for other in match.parties),
        "roles": not can_take_roles(members),
    }
    return [name for name, is_wrong in wrong.items() if is_wrong]


def avoids(one: Party, other: Party) -> bool:
    return one is not other and any(
        b.identity in a.avoids for a in one.members for b in other.members if b.identity
    )


def can_take_roles(members: Sequence[Candidate]) -> bool:
    offers = [[r for r in m.roles if r in ROLES] or list(ROLES) for m in members]
    wanted = sorted(role for role, count in ROLES.items() for _ in range(count))
    return any(sorted(choice) == wanted for choice in itertools.product(*offers))


def possible(parties: Sequence[Party], first: Party, now_s: float) -> bool:
    """Whether there is any match with ``first`` among these parties."""
    others = [party for party in parties if party is not first]
    for count in range(PLAYERS):
        for chosen in itertools.combinations(others, count):
            for region, mode in itertools.product(("eu", "us"), ("ranked", "casual")):
                match = Match((first, *chosen), {"region": region, "mode": mode})
                if not faults(match, now_s):
                    return True
    return False
