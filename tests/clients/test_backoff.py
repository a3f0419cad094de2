"""The pauses before a client comes back."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from clients.backoff import (
    FIRST_PAUSE_S,
    LASTING_S,
    LONGEST_PAUSE_S,
    QUICK_PAUSE_S,
    QUICK_TRIES,
    Backoff,
)


def test_pauses_grow_to_the_longest_and_differ() -> None:
    backoff = Backoff(random.Random(1))
    pauses = [backoff.next_pause_s(0.0, 0.0) for _ in range(12)]
    for number, pause in enumerate(pauses):
        full = min(FIRST_PAUSE_S * 2**number, LONGEST_PAUSE_S)
        assert full / 2 <= pause <= full
    assert len(set(pauses)) == len(pauses)


def test_a_session_that_lasted_is_followed_by_quick_tries() -> None:
    backoff = Backoff(random.Random(1))
    for _ in range(8):
        backoff.next_pause_s(LASTING_S - 0.1, 0.0)
    assert backoff.next_pause_s(LASTING_S - 0.1, 0.0) >= LONGEST_PAUSE_S / 2
    pauses = [backoff.next_pause_s(LASTING_S, 0.0)]
    pauses += [backoff.next_pause_s(0.0, 0.0) for _ in range(QUICK_TRIES - 1)]
    assert max(pauses) < QUICK_PAUSE_S
    growing = [backoff.next_pause_s(0.0, 0.0) for _ in range(3)]
    assert growing == sorted(growing)
    assert FIRST_PAUSE_S / 2 <= growing[0] <= FIRST_PAUSE_S


def test_a_crowd_that_lost_its_server_comes_back_evenly() -> None:
    rng = random.Random(1)
    pauses = [Backoff(rng).next_pause_s(60.0, 0.0) for _ in range(2000)]
    in_tenths = Counter(int(10 * pause) for pause in pauses)
    assert sorted(in_tenths) == list(range(10))
    assert max(in_tenths.values()) < 260


@pytest.mark.parametrize(("asked_s", "least_s"), [(0.0, 0.25), (5.0, 5.0), (1e9, 3600.0)])
def test_the_server_may_ask_for_more(asked_s: float, least_s: float) -> None:
    assert Backoff(random.Random(1)).next_pause_s(0.0, asked_s) == pytest.approx(
        max(least_s, Backoff(random.Random(1)).next_pause_s(0.0, 0.0))
    )
