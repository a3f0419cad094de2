"""The token bucket, against a count of what was let through in every window."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from gameserver.protocol.allowance import Allowance, Intake
from gameserver.runtime.sessions.reception import MESSAGES_BURST, MESSAGES_PER_S


def test_a_burst_then_the_rate() -> None:
    allowance = Allowance(rate=2, burst=3, now_s=10.0)
    assert [allowance.spend(10.0) for _ in range(5)] == [True, True, True, False, False]
    assert not allowance.spend(10.4)
    assert allowance.spend(10.5)
    assert not allowance.spend(10.5)


def test_what_is_saved_up_is_bounded() -> None:
    allowance = Allowance(rate=2, burst=3, now_s=0.0)
    assert [allowance.spend(1e9) for _ in range(4)] == [True, True, True, False]


@given(st.lists(st.floats(0, 2), max_size=60), st.integers(1, 5), st.integers(1, 5))
def test_no_window_holds_more_than_burst_and_rate(
    pauses: list[float], rate: int, burst: int
) -> None:
    allowance = Allowance(rate, burst, 0.0)
    now_s, passed = 0.0, []
    for pause_s in pauses:
        now_s += pause_s
        if allowance.spend(now_s):
            passed.append(now_s)
    for i, begin_s in enumerate(passed):
        for count, end_s in enumerate(passed[i:], start=1):
            assert count <= burst + rate * (end_s - begin_s) + 1e-6


def test_more_than_one_may_be_spent_at_once() -> None:
    allowance = Allowance(10, 20, 0.0)
    assert not allowance.spend(0.0, 20.5)
    assert allowance.spend(0.0, 20)
    assert not allowance.spend(0.5, 5.5)
    assert allowance.spend(0.5, 5)


def test_frames_and_bytes_leave_room_for_what_messages_may_come_to() -> None:
    """A client that keeps to the limits on messages, in small ones, never meets these limits."""
    assert Intake().frames_per_s > MESSAGES_PER_S
    assert Intake().frames_burst > MESSAGES_BURST
