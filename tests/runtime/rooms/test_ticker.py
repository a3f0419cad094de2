"""The schedule's arithmetic, and the ticker on a clock that only moves when told."""

from __future__ import annotations

from collections import deque

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from gameserver.protocol.tempo import Tempo
from gameserver.runtime.rooms.ticker import (
    MAX_CATCH_UP_TICKS,
    WINDOW_TICKS,
    Percentiles,
    Schedule,
    Ticker,
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


async def test_no_drift_over_an_hour(autojump_clock: trio.testing.MockClock) -> None:
    # 1/3 has no exact float, so a sum of intervals would be off by the end.
    begun_s = trio.current_time()
    ticker = Ticker(3, Tempo())
    last = 0
    async for tick in ticker:
        assert tick == last + 1
        last = tick
        if tick == 3 * 3600:
            break
    assert trio.current_time() == begun_s + 3600.0
    statistics = ticker.statistics()
    assert (statistics.ticks, statistics.dropped, statistics.catch_ups) == (10_800, 0, 0)
    assert statistics.lateness_s.max < 1e-9


async def test_a_slow_tick_is_measured_and_what_it_missed_counted(
    mock_clock: trio.testing.MockClock,
) -> None:
    ticker = Ticker(10, Tempo())
    assert ticker.last_work_s is None
    mock_clock.jump(0.125)
    assert await anext(ticker) == 1
    mock_clock.jump(1.0)  # the work of tick 1, until 1.125
    assert [await anext(ticker) for _ in range(3)] == [2, 3, 11]
    assert ticker.last_work_s == 0.0
    statistics = ticker.statistics()
    assert statistics.ticks == 4
    assert statistics.catch_ups == 2
    assert statistics.dropped == 7
    assert statistics.work_s.max == 1.0
    assert statistics.work_s.p50 == 0.0
    # The worst begin is that of tick 2, due at 0.2.
    assert statistics.lateness_s.max == pytest.approx(0.925)


async def test_the_time_in_ticks_has_a_fraction(mock_clock: trio.testing.MockClock) -> None:
    ticker = Ticker(20, Tempo())
    assert ticker.now_ticks == 0.0
    mock_clock.jump(0.125)
    assert ticker.now_ticks == 2.5


async def test_the_window_is_bounded(autojump_clock: trio.testing.MockClock) -> None:
    ticker = Ticker(1000, Tempo())
    for _ in range(WINDOW_TICKS + 10):
        await anext(ticker)
    assert len(ticker._work_s) == len(ticker._lateness_s) == WINDOW_TICKS


async def test_one_slow_room_does_not_touch_another_schedule(
    mock_clock: trio.testing.MockClock,
) -> None:
    slow, quick = Ticker(10, Tempo()), Ticker(10, Tempo())
    mock_clock.jump(0.1)
    assert await anext(slow) == 1
    assert await anext(quick) == 1
    mock_clock.jump(0.15)  # the slow one's work; the quick one's next is late by that, no more
    assert [await anext(quick)] == [2]
    mock_clock.jump(0.05)
    assert await anext(quick) == 3
    assert quick.statistics().dropped == 0
    assert quick.statistics().catch_ups == 0
    assert [await anext(slow) for _ in range(2)] == [2, 3]
    assert slow.statistics().catch_ups == 1


async def test_a_late_ticker_still_lets_others_run(mock_clock: trio.testing.MockClock) -> None:
    ticker = Ticker(10, Tempo())
    mock_clock.jump(60.0)
    order: list[str] = []

    async def other() -> None:
        order.append("other")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        await anext(ticker)
        await anext(ticker)
        order.append("ticks")
    assert order == ["other", "ticks"]
