"""The pace of a room: when it changes, what is announced, and what stays the same in real time."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from gameserver.protocol.messages import Pace
from gameserver.runtime.rooms.pace import ACK_WINDOW_S, NOTICE_S, QUIET_S, RoomPace
from tests.support.frame_sinks import messages_in

RATE = 20


def announced(frame: bytes | None) -> Pace:
    assert frame is not None
    (message,) = messages_in(frame)
    assert isinstance(message, Pace)
    return message


def test_a_room_begins_at_full_pace_and_announces_nothing() -> None:
    pace = RoomPace(RATE, 2)
    assert (pace.share, pace.publish_interval, pace.tick_s) == (1.0, 2, 1 / RATE)
    assert pace.change(100, 1.0, 2) is None


def test_a_slower_pace_is_announced_before_it_begins() -> None:
    pace = RoomPace(RATE, 1)
    assert announced(pace.change(100, 0.5, 2)) == Pace(100 + round(NOTICE_S * RATE), 0.5, 2)
    assert (pace.share, pace.publish_interval, pace.tick_s) == (0.5, 2, 2 / RATE)
    assert pace.tempo.steady_of(110) == 110
    assert pace.tempo.steady_of(111) == 112


def test_the_same_pace_is_not_announced_again() -> None:
    pace = RoomPace(RATE, 1)
    assert pace.change(100, 0.5, 2) is not None
    assert pace.change(200, 0.5, 2) is None


def test_another_interval_of_deltas_is_announced_and_bends_nothing() -> None:
    pace = RoomPace(RATE, 1)
    assert announced(pace.change(100, 1.0, 2)) == Pace(0, 1.0, 2)
    assert pace.tempo.steady_of(500) == 500


@given(
    rate=st.integers(1, 120),
    share=st.sampled_from([1.0, 0.75, 0.5, 0.375]),
    interval=st.integers(1, 8),
)
def test_quiet_seats_and_acknowledgements_are_awaited_in_real_time(
    rate: int, share: float, interval: int
) -> None:
    pace = RoomPace(rate, 1)
    pace.change(0, share, interval)
    assert pace.window_ticks * pace.tick_s == pytest.approx(ACK_WINDOW_S, abs=pace.tick_s)
    if pace.quiet_ticks > 1:
        latest = pace.quiet_ticks + pace.publish_interval
        assert latest * pace.tick_s == pytest.approx(QUIET_S, abs=pace.tick_s)
