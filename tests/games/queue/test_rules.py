"""The rules of matchmaking, one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver import LocalProtocolError
from gameserver.games.queue import (
    Avoid,
    Candidate,
    Draft,
    Latency,
    Party,
    Roles,
    Rule,
    Same,
    Size,
    Skill,
)
from tests.support.queue_parties import ROLES, can_take_roles, candidates


def party(*members: Candidate, since_s: float = 0.0) -> Party:
    return Party(1, members or (Candidate(1),), since_s, 1)


def draft(*parties: Party, now_s: float = 0.0, **keys: str) -> Draft:
    made = Draft.of(parties[0], keys, now_s)
    for each in parties[1:]:
        made = made.with_party(each)
    return made


def test_a_rule_forbids_nothing_by_itself() -> None:
    rule, whole = Rule(), draft(party())
    assert rule.admits(whole, rule.shape(party()))
    assert rule.fits(whole, party())
    assert rule.is_complete(whole)


@pytest.mark.parametrize("wrong", [(0,), (2, 3), (2, 0)])
def test_sizes_that_cannot_be_are_refused(wrong: tuple[int, ...]) -> None:
    with pytest.raises(LocalProtocolError, match="least"):
        Size(*wrong)


def test_size_counts_players_not_parties() -> None:
    pair = party(Candidate(1), Candidate(2))
    assert Size(3).admits(draft(pair), 1)
    assert not Size(3).admits(draft(pair), 2)
    assert Size(4).is_complete(draft(pair, pair))
    assert not Size(5, least=4, patience_s=9).is_complete(draft(pair, pair, now_s=8))
    assert Size(5, least=4, patience_s=9).is_complete(draft(pair, pair, now_s=9))


def test_skill_looks_at_the_mean_of_a_party_and_at_the_longest_wait() -> None:
    skill = Skill(100, per_s=10, most=150)
    mixed = party(Candidate(1, rank=0), Candidate(2, rank=200), since_s=5)
    assert skill.fits(draft(party(Candidate(3, rank=0)), now_s=0), mixed)
    distant = party(Candidate(4, rank=230), since_s=5)
    assert not skill.fits(draft(mixed, now_s=5 + 2.9), distant)
    assert skill.fits(draft(mixed, now_s=5 + 3), distant)
    assert skill.reach(1000) == 150


def test_latency_is_that_of_the_worst_member_in_the_region_of_the_match() -> None:
    rule = Latency(60, per_s=1, most_ms=100)
    pair = party(
        Candidate(1, latencies={"eu": 20, "us": 90, "asia": 150}),
        Candidate(2, latencies={"eu": 95, "us": 80}),
    )
    assert rule.keys(pair) == ["us", "eu"]
    first = draft(pair, now_s=30, region="us")
    assert rule.fits(first, pair)
    assert not rule.fits(draft(pair, now_s=29, region="us"), pair)
    assert rule.is_complete(first)
    assert not rule.is_complete(draft(pair, now_s=29, region="us"))
    assert Latency(60).keys(pair) == []


def test_same_needs_one_value_of_the_whole_party() -> None:
    ranked, casual = ({"mode": mode} for mode in ("ranked", "casual"))
    one, other = Candidate(1, properties=ranked), Candidate(2, properties=casual)
    rule = Same("mode")
    assert rule.keys(party(one, one)) == ["ranked"]
    assert rule.keys(party(one, other)) == rule.keys(party(one, Candidate(3))) == []


def test_avoiding_works_both_ways_and_not_within_a_party() -> None:
    ann = Candidate(1, identity="ann", avoids=frozenset({"bob"}))
    bob, cid = Candidate(2, identity="bob"), Candidate(3, identity="cid")
    rule = Avoid()
    assert not rule.fits(draft(party(ann)), party(bob))
    assert not rule.fits(draft(party(bob)), party(cid, ann))
    assert rule.fits(draft(party(ann, bob)), party(cid))


@given(st.lists(candidates, min_size=1, max_size=4))
def test_roles_are_found_wherever_there_is_a_way(members: list[Candidate]) -> None:
    rule = Roles(ROLES)
    members = [Candidate(seat, roles=member.roles) for seat, member in enumerate(members, start=1)]
    first, *rest = (party(member) for member in members)
    admitted = all(
        rule.admits(draft(first, *rest[:count]), rule.shape(each))
        for count, each in enumerate(rest)
    )
    if len(members) == 4:
        assert admitted == can_take_roles(members)
        assert rule.is_complete(draft(first, *rest)) == admitted
    if admitted and len(members) == 4:
        given_roles = rule.assign(members)
        assert sorted(given_roles.values()) == ["fighter", "fighter", "healer", "tank"]
        for member in members:
            offered = {role for role in member.roles if role in ROLES} or set(ROLES)
            assert given_roles[member.seat] in offered


def test_players_who_cannot_take_the_roles_get_none() -> None:
    tanks = [Candidate(seat, roles=("tank",)) for seat in (1, 2)]
    with pytest.raises(LocalProtocolError, match="cannot take"):
        Roles({"tank": 1, "fighter": 1}).assign(tanks)
