"""The matcher, against the rules told once more and against every match that there could be."""

from __future__ import annotations

import itertools

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameserver import LocalProtocolError
from gameserver.games.queue import (
    Candidate,
    Latency,
    Match,
    Matcher,
    Party,
    Roles,
    Same,
    Size,
    Skill,
)
from gameserver.games.queue.matcher import MAX_PAUSE_RUNS
from tests.support.queue_parties import RULES, faults, parties, possible

#: Add a party, let time pass and match, take a party out, put the last match back in front.
STEPS = st.lists(
    st.one_of(
        parties,
        st.sampled_from([0.1, 1.0, 9.0]),
        st.tuples(st.just("remove"), st.integers(0, 9)),
        st.just("failed"),
    ),
    max_size=40,
)


class Play:
    """A matcher that is given steps, and a check of each match that it makes."""

    def __init__(self) -> None:
        self.matcher = Matcher(RULES)
        self.now_s = 0.0
        self.seats = itertools.count(1)
        self.waiting: set[int] = set()
        self.made: list[Match] = []

    def step(self, step: object) -> None:
        match step:
            case list():
                members = [attrs.evolve(member, seat=next(self.seats)) for member in step]
                if self.matcher.add(members, self.now_s) is not None:
                    self.waiting.update(member.seat for member in members)
            case float():
                self.now_s += step
                self.take(self.matcher.run(self.now_s, checks=60))
            case ("remove", int(number)):
                waiting = self.matcher.parties
                if waiting:
                    party = waiting[number % len(waiting)]
                    self.matcher.remove(party)
                    self.waiting.difference_update(party.seats)
            case "failed" if self.made:
                match = self.made.pop()
                self.waiting.update(member.seat for member in match.members)
                front = self.matcher.put_in_front(match.parties)
                assert self.matcher.parties[: len(front)] == front
                assert [self.matcher.place(party) for party in front] == [*range(1, len(front) + 1)]

    def take(self, matches: list[Match]) -> None:
        for match in matches:
            assert faults(match, self.now_s) == []
            seats = {member.seat for member in match.members}
            assert len(seats) == len(match.members)
            assert seats <= self.waiting, "somebody is in two matches"
            self.waiting -= seats
        self.made += matches
        assert {s for party in self.matcher.parties for s in party.seats} == self.waiting


@given(STEPS)
@settings(max_examples=80, deadline=None)
def test_no_rule_is_broken_and_nobody_is_in_two_matches(steps: list[object]) -> None:
    play = Play()
    for step in steps:
        play.step(step)


@given(STEPS, STEPS)
@settings(max_examples=40, deadline=None)
def test_a_matcher_made_of_the_state_of_another_one_goes_on_like_it(
    before: list[object], after: list[object]
) -> None:
    play, again = Play(), Play()
    for step in before:
        play.step(step)
    again.__dict__ |= play.__dict__ | {"waiting": set(play.waiting), "made": list(play.made)}
    again.matcher = Matcher.restored(RULES, play.matcher.state())
    play.seats, again.seats = itertools.count(1000), itertools.count(1000)
    for step in after:
        play.step(step)
        again.step(step)
    assert play.made == again.made
    assert play.matcher.state() == again.matcher.state()


@given(st.lists(parties, min_size=1, max_size=8), st.sampled_from([0.0, 5.0, 40.0]))
@settings(max_examples=80, deadline=None)
def test_the_first_in_line_gets_any_match_that_there_is(
    members: list[list[Candidate]], waited_s: float
) -> None:
    """However the others are matched among each other afterwards."""
    matcher, seats = Matcher(RULES), itertools.count(1)
    for each in members:
        matcher.add([attrs.evolve(member, seat=next(seats)) for member in each], 0.0)
    waiting = matcher.parties
    if not waiting:
        return
    first = waiting[0]
    expected = possible(waiting, first, waited_s)
    made = matcher.run(waited_s, checks=10_000, most_players=1)
    assert (bool(made) and first in made[0].parties) or not expected


def solo(seat: int, rank: float = 0.0, *roles: str, eu: int = 10) -> Candidate:
    return Candidate(seat, rank=rank, roles=roles, latencies={"eu": eu})


def test_a_window_that_widens_lets_distant_ranks_meet_in_the_end() -> None:
    matcher = Matcher([Size(2), Skill(100, per_s=10)])
    matcher.add([solo(1, 0)], 0.0)
    matcher.add([solo(2, 600)], 0.0)
    found = [second for second in range(200) if matcher.run(float(second))]
    assert len(found) == 1
    assert 50 <= found[0] <= 50 + MAX_PAUSE_RUNS


def test_the_nearest_rank_is_preferred() -> None:
    matcher = Matcher([Size(2), Skill(100)])
    for seat, rank in enumerate([50.0, 90.0, 0.0, 55.0], 1):
        matcher.add([solo(seat, rank)], 0.0)
    matches = matcher.run(1.0)
    assert [{m.seat for m in match.members} for match in matches] == [{1, 4}, {2, 3}]


def test_one_who_has_waited_long_comes_before_the_nearest_rank() -> None:
    """A scarce role goes to whoever waited longest, though others are nearer to it."""
    matcher = Matcher([Size(2), Skill(100, per_s=100), Roles({"tank": 1, "fighter": 1})])
    first = matcher.add([solo(1, 500, "fighter")], 0.0)
    for seat in range(2, 60):
        matcher.add([solo(seat, 0, "fighter")], 0.0)
    for second in range(1, 40):
        assert matcher.run(float(second)) == []
    matcher.add([solo(99, 0, "tank")], 40.0)
    [match] = matcher.run(40.0)
    assert first in match.parties


def test_a_scarce_role_is_found_behind_a_crowd_of_a_common_one() -> None:
    matcher = Matcher([Size(3), Roles({"tank": 1, "fighter": 2})])
    for seat in range(1, 501):
        matcher.add([solo(seat, seat / 10, "fighter")], 0.0)
    matcher.add([solo(999, 1000.0, "tank")], 0.0)
    made = [match for second in range(5) for match in matcher.run(float(second))]
    assert [999 in {m.seat for m in match.members} for match in made] == [True]


def test_two_parties_of_two_are_found_where_the_nearest_player_fits_into_no_match() -> None:
    matcher = Matcher([Size(4)])
    matcher.add([solo(1), solo(2)], 0.0)
    matcher.add([solo(3)], 0.0)
    matcher.add([solo(4, 9), solo(5, 9)], 0.0)
    [match] = matcher.run(0.0)
    assert {m.seat for m in match.members} == {1, 2, 4, 5}


def test_a_match_begins_with_fewer_players_after_a_while() -> None:
    matcher = Matcher([Size(8, least=2, patience_s=10)])
    for seat in range(1, 4):
        matcher.add([solo(seat)], 0.0)
    assert matcher.run(9.0) == []
    made = [match for second in range(10, 20) for match in matcher.run(float(second))]
    assert [len(match.members) for match in made] == [3]


def test_parties_without_a_common_region_or_value_never_wait() -> None:
    matcher = Matcher([Size(2), Latency(60), Same("mode")])
    ranked = {"mode": "ranked"}
    near = attrs.evolve(solo(1), properties=ranked)
    far = attrs.evolve(solo(2, eu=90), properties=ranked)
    assert matcher.add([near], 0.0) is not None
    assert matcher.add([far], 0.0) is None, "too far from all regions"
    assert matcher.add([solo(3)], 0.0) is None, "without a mode"
    assert matcher.add([near, attrs.evolve(near, properties={"mode": "casual"})], 0.0) is None
    assert len(matcher) == 1


def test_a_run_ends_near_its_budget_and_the_next_one_goes_on() -> None:
    matcher = Matcher([Size(2)])
    for seat in range(1, 1001):
        matcher.add([solo(seat)], 0.0)
    per_run = [len(matcher.run(1.0, checks=100)) for _ in range(30)]
    assert max(per_run) < 50
    assert sum(per_run) == 500
    assert matcher.parties == []


def test_no_further_match_begins_after_so_many_players() -> None:
    matcher = Matcher([Size(4)])
    for seat in range(1, 41):
        matcher.add([solo(seat)], 0.0)
    assert [len(matcher.run(0.0, most_players=10)) for _ in range(4)] == [3, 3, 3, 1]


def test_the_estimate_is_the_mean_of_late_waits() -> None:
    matcher = Matcher([Size(2)])
    assert matcher.mean_wait_s is None
    matcher.add([solo(1)], 0.0)
    matcher.add([solo(2)], 10.0)
    matcher.run(10.0)
    assert matcher.mean_wait_s == pytest.approx(9.5), "waits of 10 and 0 s"


def test_two_rules_about_one_key_are_refused() -> None:
    with pytest.raises(LocalProtocolError, match="region"):
        Matcher([Latency(60), Latency(80)])


def test_a_party_comes_back_to_its_place() -> None:
    matcher = Matcher([Size(8)])
    added = [matcher.add([solo(seat)], 0.0) for seat in range(1, 5)]
    waiting: list[Party] = [party for party in added if party is not None]
    matcher.remove(waiting[1])
    assert matcher.place(waiting[3]) == 3
    matcher.come_back(waiting[1])
    assert matcher.parties == waiting
