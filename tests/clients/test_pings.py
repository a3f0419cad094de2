"""When pings are due, and which one a pong answers."""

from __future__ import annotations

import pytest

from clients.netcode.pings import FIRST_PINGS, LEAST_APART_S, PING_EVERY_S, REMEMBERED, Pings


def test_the_first_are_frequent_and_the_rest_about_one_a_second() -> None:
    pings = Pings(30, 5.0)
    assert pings.due_s == 5.0
    gaps = []
    for _ in range(FIRST_PINGS + 3):
        now_s = pings.due_s
        pings.next(now_s)
        gaps.append(pings.due_s - now_s)
    assert gaps[:FIRST_PINGS] == [pytest.approx(0.25, abs=0.06)] * FIRST_PINGS
    assert gaps[FIRST_PINGS:] == [pytest.approx(PING_EVERY_S, abs=0.03)] * 3
    assert (gaps[-1] * 30) % 1 > 0.1  # another phase of the server's tick each time


def test_each_is_answered_once_in_any_order() -> None:
    pings = Pings(30, 0.0)
    first, second = pings.next(1.0), pings.next(2.0)
    assert pings.answered(second) == 2.0
    assert pings.answered(first) == 1.0
    assert pings.answered(first) is None
    assert pings.answered(999) is None


def test_unanswered_pings_are_forgotten() -> None:
    pings = Pings(30, 0.0)
    nonces = [pings.next(float(n)) for n in range(REMEMBERED + 1)]
    assert pings.answered(nonces[0]) is None
    assert pings.answered(nonces[1]) == 1.0


def test_a_ping_that_is_due_soon_keeps_its_distance_from_the_last() -> None:
    pings = Pings(30, 0.0)
    for n in range(FIRST_PINGS + 1):
        pings.next(float(n))
    sent_s = float(FIRST_PINGS)
    pings.ping_soon(sent_s + 0.5)
    assert pings.due_s == sent_s + 0.5
    pings.next(sent_s + 0.5)
    pings.ping_soon(sent_s + 0.6)
    assert pings.due_s == sent_s + 0.5 + LEAST_APART_S
    pings.ping_soon(sent_s + 9.0)
    assert pings.due_s == sent_s + 0.5 + LEAST_APART_S
