"""The points for a kill."""

from __future__ import annotations

from gameserver.games.arena import rules, scoring


def test_the_bounty_grows_with_the_streak_up_to_a_limit():
    bounties = [scoring.bounty(streak) for streak in range(20)]
    assert bounties[:4] == [0, 0, 25, 50]
    assert bounties == sorted(bounties)
    assert bounties[-1] == rules.MAX_BOUNTY


def test_a_kill_is_worth_its_score_and_the_bounty():
    assert scoring.reward(0) == 100
    assert scoring.reward(75) == 175


def test_players_who_hurt_the_victim_lately_helped():
    hurt_at = {9: 700, 3: 1000, 4: 700, 5: 699, 1: 990}
    assert scoring.assists(hurt_at, killer=1, tick=1000) == (3, 4, 9)
