"""The pauses before a client comes back."""

from __future__ import annotations

import random

import pytest

from clients.backoff import FIRST_PAUSE_S, LASTING_S, LONGEST_PAUSE_S, Backoff


def test_pauses_grow_to_the_longest_and_differ() -> None:
    backoff = Backoff(random.Random(1))
    pauses = [backoff.next_pause_s(0.0, 0.0) for _ in range(12)]
    for number, pause in enumerate(pauses):
        full = min(FIRST_PAUSE_S * 2**number, LONGEST_PAUSE_S)
        assert full / 2 <= pause <= full
    assert len(set(pauses)) == len(pauses)


def test_a_connection_that_lasted_resets_the_pauses() -> None:
    backoff = Backoff(random.Random(1))
    for _ in range(8):
        backoff.next_pause_s(LASTING_S - 0.1, 0.0)
    assert backoff.next_pause_s(LASTING_S - 0.1, 0.0) >= LONGEST_PAUSE_S / 2
    assert backoff.next_pause_s(LASTING_S, 0.0) <= FIRST_PAUSE_S


@pytest.mark.parametrize(("asked_s", "least_s"), [(0.0, 0.25), (5.0, 5.0), (1e9, 3600.0)])
def test_the_server_may_ask_for_more(asked_s: float, least_s: float) -> None:
    assert Backoff(random.Random(1)).next_pause_s(0.0, asked_s) == pytest.approx(
        max(least_s, Backoff(random.Random(1)).next_pause_s(0.0, 0.0))
    )
