"""The latency budget: its shares add up to what was measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.netcode.budget import ESTIMATED, SHARES, WINDOW, LatencyBudget
from tests.support.netcode_vectors.files import check


def answer(budget: LatencyBudget, tick: int, now_s: float, **changes: float) -> None:
    times = {
        "tick_time_s": 1.0,
        "tick_s": 0.05,
        "half_rtt_s": 0.04,
        "simulate_s": 0.002,
        "post_s": 0.001,
        "drawn_s": 0.06,
    }
    budget.answered(tick, now_s, **{**times, **changes})


def test_python_and_the_page_play_the_same_scripts() -> None:
    check("budget")


def test_a_command_in_time() -> None:
    budget = LatencyBudget()
    assert budget.newest is None
    assert budget.percentiles() == {}
    budget.sent(20, 0.95)
    answer(budget, 20, 1.05)
    newest = budget.newest
    assert newest is not None
    assert newest.up == pytest.approx(0.04)
    assert newest.wait == pytest.approx(0.01)
    assert newest.down == pytest.approx(0.047)
    assert newest.total == pytest.approx(0.10 + 0.06)


def test_a_late_one_has_not_waited() -> None:
    budget = LatencyBudget()
    budget.sent(20, 0.98)
    answer(budget, 21, 1.12, tick_time_s=1.05)
    newest = budget.newest
    assert newest is not None
    assert newest.wait == 0
    assert newest.total == pytest.approx(0.14 + 0.06)


def test_a_delta_answers_all_up_to_its_tick_and_no_later_one() -> None:
    budget = LatencyBudget()
    for tick in (20, 21, 22):
        budget.sent(tick, 0.9)
    answer(budget, 21, 1.1, tick_time_s=1.05)
    assert len(budget._budgets) == 2
    answer(budget, 21, 1.1)
    assert len(budget._budgets) == 2


def test_percentiles_are_of_the_last_commands() -> None:
    budget = LatencyBudget()
    for tick in range(WINDOW + 50):
        budget.sent(tick, 0.9)
        answer(budget, tick, 1.0, drawn_s=9.0 if tick < 50 else tick / 1000)
    shares = budget.percentiles()
    assert set(shares) == {*SHARES, "total"}
    assert set(ESTIMATED) < set(SHARES)
    assert shares["drawn"].p50 == pytest.approx((50 + WINDOW / 2) / 1000, abs=0.001)
    assert shares["drawn"].p99 == pytest.approx((50 + 0.99 * WINDOW) / 1000, abs=0.002)


@given(
    way_s=st.floats(0.01, 0.5),
    ahead_s=st.floats(0, 0.5),
    answered_s=st.floats(0.01, 1),
)
def test_the_shares_are_never_negative_and_never_less_than_what_was_measured(
    way_s: float, ahead_s: float, answered_s: float
) -> None:
    budget = LatencyBudget()
    budget.sent(20, 1.0 - ahead_s)
    answer(budget, 20, 1.0 - ahead_s + answered_s, half_rtt_s=way_s, drawn_s=0.0)
    newest = budget.newest
    assert newest is not None
    assert min(getattr(newest, share) for share in SHARES) >= 0
    assert newest.total >= answered_s - 1e-9
    assert newest.total <= answered_s + 0.003 + 1e-9  # only the server's own word can exceed it
