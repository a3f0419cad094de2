"""The arithmetic of a schedule, and the windows of what was measured."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.runtime.rooms.schedule import (
    MAX_CATCH_UP_TICKS,
    WINDOW_TICKS,
    Percentiles,
    Schedule,
    TickTimes,
)


def test_nothing_is_due_before_the_first_deadline() -> None:
    schedule = Schedule(10, start_s=100.0)
    assert schedule.take(100.0) is None
    assert schedule.take(100.0999) is None
    assert schedule.take(100.1) == 1
    assert schedule.take(100.1) is None


def test_a_tick_that_is_a_little_late_is_no_catch_up() -> None:
    schedule = Schedule(10, start_s=0.0)
    assert schedule.take(0.19) == 1
    assert schedule.take(0.29) == 2
    assert (schedule.catch_ups, schedule.dropped) == (0, 0)


def test_two_ticks_are_caught_up_and_the_rest_dropped_exactly() -> None:
    schedule = Schedule(10, start_s=0.0)
    taken = [schedule.take(1.05) for _ in range(4)]
    # 1 and 2 are caught up, 3 to 9 are dropped, 10 is the newest that is due.
    assert taken == [1, 2, 10, None]
    assert (schedule.ticks, schedule.catch_ups, schedule.dropped) == (3, 2, 7)


def test_catching_up_that_succeeds_drops_nothing() -> None:
    schedule = Schedule(10, start_s=0.0)
    assert [schedule.take(0.35) for _ in range(4)] == [1, 2, 3, None]
    assert schedule.dropped == 0
    assert [schedule.take(0.65) for _ in range(4)] == [4, 5, 6, None]
    assert (schedule.catch_ups, schedule.dropped) == (4, 0)


@given(
    rate=st.integers(1, 240),
    start_s=st.floats(0, 1e6),
    waits=st.lists(st.floats(0, 3), max_size=60),
)
def test_any_course_of_time_keeps_the_numbers_on_the_clock(
    rate: int, start_s: float, waits: list[float]
) -> None:
    schedule = Schedule(rate, start_s)
    now_s, last, in_a_row = start_s, 0, 0
    for wait in waits:
        now_s += wait
        while (tick := schedule.take(now_s)) is not None:
            assert tick > last
            assert schedule.deadline_s(tick) <= now_s
            whole_tick_late = schedule.deadline_s(tick + 1) <= now_s
            in_a_row = in_a_row + 1 if whole_tick_late else 0
            assert in_a_row <= MAX_CATCH_UP_TICKS
            last = tick
        # Nothing is due any more: the number says what time it is.
        assert schedule.deadline_s(last + 1) > now_s
        assert schedule.ticks + schedule.dropped == last


def test_percentiles_are_by_nearest_rank() -> None:
    assert Percentiles.of(deque()) == Percentiles(0.0, 0.0, 0.0)
    assert Percentiles.of(deque([5.0])) == Percentiles(5.0, 5.0, 5.0)
    values = deque(float(n) for n in range(100, -1, -1))
    assert Percentiles.of(values) == Percentiles(50.0, 99.0, 100.0)


def test_no_drift_over_an_hour() -> None:
    # 1/3 has no exact float, so a sum of intervals would be off by the end.
    schedule = Schedule(3, start_s=5.0)
    for tick in range(1, 3 * 3600 + 1):
        assert schedule.take(schedule.next_deadline_s) == tick
    assert schedule.deadline_s(3 * 3600) == 3605.0
    assert (schedule.ticks, schedule.dropped, schedule.catch_ups) == (10_800, 0, 0)


def test_the_time_in_ticks_has_a_fraction() -> None:
    schedule = Schedule(20, start_s=7.0)
    assert schedule.now_ticks(7.0) == 0.0
    assert schedule.now_ticks(7.125) == 2.5


def test_a_shift_makes_all_deadlines_later() -> None:
    schedule = Schedule(10, start_s=0.0)
    assert schedule.take(0.1) == 1
    schedule.shift(0.05)
    assert schedule.take(0.24) is None
    assert schedule.take(0.26) == 2
    assert schedule.next_deadline_s == pytest.approx(schedule.deadline_s(3))
    assert schedule.deadline_s(3) == pytest.approx(0.35)


@given(
    bends=st.lists(st.tuples(st.integers(1, 30), st.sampled_from([0.375, 0.5, 1.0])), max_size=8)
)
def test_a_change_of_pace_never_moves_the_next_deadline(bends: list[tuple[int, float]]) -> None:
    schedule = Schedule(20, start_s=3.0)
    for later, pace in bends:
        tick = schedule.take(schedule.next_deadline_s)
        assert tick is not None
        schedule.tempo.bend(tick + later, pace)
        assert schedule.next_deadline_s == schedule.deadline_s(tick + 1)


def test_times_are_kept_for_a_window_of_ticks() -> None:
    times = TickTimes()
    assert (times.last_work_s, times.last_simulate_s) == (None, None)
    assert times.statistics(Schedule(1, 0.0)).work_s == Percentiles()
    count = WINDOW_TICKS + 10
    for number in range(count):
        times.note(number + 0.25, number + 0.5, float(number))
        assert (times.last_work_s, times.last_simulate_s) == (number, number + 0.5)
    kept = range(10, count)
    assert sorted(times.work_s) == list(kept)
    assert sorted(times.lateness_s) == [number + 0.25 for number in kept]
    assert sorted(times.simulate_s) == [number + 0.5 for number in kept]
    schedule = Schedule(1, 0.0)
    schedule.take(100.0)
    statistics = times.statistics(schedule)
    assert (statistics.ticks, statistics.catch_ups, statistics.dropped) == (1, 1, 0)
    assert statistics.work_s.max == count - 1
    assert statistics.lateness_s.max == count - 1 + 0.25
