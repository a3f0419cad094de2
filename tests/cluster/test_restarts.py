"""Restarts of a node: growing pauses, and no end only for a node that lives for a while."""

from __future__ import annotations

from gameserver.cluster.restarts import FIRST_PAUSE_S, LONGEST_PAUSE_S, MOST_DEATHS, Restarts


def test_pauses_grow_until_a_crash_loop_is_given_up() -> None:
    restarts = Restarts()
    pauses = [restarts.pause_s(lived_s=1.0) for _ in range(MOST_DEATHS)]
    assert pauses[:3] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S]
    assert pauses[-1] is None
    assert all(pause is None or pause <= LONGEST_PAUSE_S for pause in pauses)


def test_a_node_that_was_well_begins_again() -> None:
    restarts = Restarts()
    for _ in range(100):
        assert restarts.pause_s(lived_s=1.0) == FIRST_PAUSE_S
        assert restarts.pause_s(lived_s=3600.0) == FIRST_PAUSE_S
        restarts.deaths = 0
