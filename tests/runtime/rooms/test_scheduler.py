"""The scheduler of all rooms, on a clock that only moves when told."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from gameserver.runtime.rooms.schedule import Schedule
from gameserver.runtime.rooms.scheduler import (
    GLIDE_S,
    LONGEST_TURN_S,
    SLOT_S,
    ScheduledRoom,
    Slots,
    TickScheduler,
)

MockClock = trio.testing.MockClock


def add(
    scheduler: TickScheduler,
    rate: float,
    tick: Callable[[int, float, float], object],
    expect: Callable[[int], object] = lambda _number: None,
) -> ScheduledRoom:
    def timed(number: int, begun_s: float, lateness_s: float) -> float:
        tick(number, begun_s, lateness_s)
        return trio.current_time()

    return scheduler.add(rate, timed, expect)  # type: ignore[arg-type]


class Record:
    """Ticks of one room: (number, lateness, when)."""

    def __init__(self) -> None:
        self.ticks: list[tuple[int, float, float]] = []

    def __call__(self, number: int, begun_s: float, lateness_s: float) -> None:
        assert begun_s == trio.current_time()
        self.ticks.append((number, lateness_s, begun_s))

    @property
    def numbers(self) -> list[int]:
        return [number for number, _, _ in self.ticks]


async def test_rooms_of_different_rates_keep_their_time(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    scheduler = TickScheduler()
    nursery.start_soon(scheduler.run)
    slow, fast = Record(), Record()
    add(scheduler, 3, slow)  # 1/3 has no exact float
    add(scheduler, 20, fast)
    begun_s = trio.current_time()
    await trio.sleep(600.001)
    assert slow.numbers == list(range(1, 1801))
    assert fast.numbers == list(range(1, 12_001))
    assert slow.ticks[-1][2] == pytest.approx(begun_s + 600, abs=0.05)
    assert all(lateness_s < 1e-9 for _, lateness_s, _ in slow.ticks + fast.ticks)


async def test_a_scheduler_without_rooms_sleeps_and_a_new_room_wakes_it(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    scheduler = TickScheduler()
    nursery.start_soon(scheduler.run)
    await trio.sleep(1000)
    assert scheduler.rounds == 0
    room = Record()
    added = add(scheduler, 10, room)
    await trio.sleep(0.501)
    assert room.numbers == [1, 2, 3, 4, 5]
    scheduler.remove(added)
    scheduler.remove(added)
    await trio.sleep(10)
    assert len(room.numbers) == 5
    assert len(scheduler) == 0


async def test_a_room_with_an_earlier_deadline_shortens_the_sleep(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    scheduler = TickScheduler()
    nursery.start_soon(scheduler.run)
    add(scheduler, 0.01, Record())
    await trio.sleep(1)
    room = Record()
    add(scheduler, 10, room)
    await trio.sleep(1.001)
    assert len(room.numbers) == 10


async def test_rooms_of_one_slot_share_a_round(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    reads: list[float] = []
    scheduler = TickScheduler(lambda: reads.append(trio.current_time()))
    nursery.start_soon(scheduler.run)
    slots = round(1 / 20 / SLOT_S)
    rooms = [Record() for _ in range(5 * slots)]
    for room in rooms:
        add(scheduler, 20, room)
    await trio.sleep(0.5)
    assert all(len(room.ticks) in (9, 10) for room in rooms)
    whole = [at for at in reads if at < reads[0] + 0.05 - 1e-6]
    assert len({round(at, 6) for at in whole}) == slots
    assert len(reads) <= 11 * slots + 11


async def test_a_slow_room_is_caught_up_between_the_ticks_of_others(
    mock_clock: MockClock, nursery: trio.Nursery
) -> None:
    order: list[tuple[str, int]] = []

    def slow(number: int, _begun_s: float, _lateness_s: float) -> None:
        order.append(("slow", number))
        if number == 1:
            mock_clock.jump(1.0)

    def other(number: int, _begun_s: float, _lateness_s: float) -> None:
        order.append(("other", number))

    scheduler = TickScheduler()
    nursery.start_soon(scheduler.run)
    one, two = add(scheduler, 10, slow), add(scheduler, 10, other)
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(0.1)
    for _ in range(10):
        await trio.testing.wait_all_tasks_blocked()
    rest = order[order.index(("slow", 1)) + 1 :]
    # In the order of their deadlines two of each are caught up in turn; the rest is dropped.
    turns = [name for name, _ in rest[:4]]
    assert turns[0] != turns[1]
    assert turns == turns[:2] * 2
    for room in (one, two):
        assert room.schedule.catch_ups == 2
        assert room.schedule.dropped > 0


async def test_other_tasks_get_their_turn_within_a_round(
    mock_clock: MockClock, nursery: trio.Nursery
) -> None:
    turns = 0
    seen: list[int] = []

    def work_long(_number: int, _begun_s: float, _lateness_s: float) -> None:
        seen.append(turns)
        mock_clock.jump(2 * LONGEST_TURN_S)

    async def other() -> None:
        nonlocal turns
        while len(seen) < 3:
            await trio.lowlevel.checkpoint()
            turns += 1

    scheduler = TickScheduler()
    nursery.start_soon(scheduler.run)
    for _ in range(3):
        add(scheduler, 0.1, work_long)
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(10.0)
    await other()
    assert scheduler.rounds == 1
    assert seen[2] > seen[0]


async def test_a_room_may_be_removed_in_any_tick(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    scheduler = TickScheduler()
    nursery.start_soon(scheduler.run)
    rooms: list[ScheduledRoom] = []
    record = Record()

    def remove_all(_number: int, _begun_s: float, _lateness_s: float) -> None:
        for room in rooms:
            scheduler.remove(room)

    rooms += [add(scheduler, 200, remove_all), add(scheduler, 200, record)]
    assert rooms[0].schedule.next_deadline_s == rooms[1].schedule.next_deadline_s
    await trio.sleep(20)
    assert record.ticks == []
    assert len(scheduler) == 0


async def test_a_room_at_slower_time_has_deadlines_of_its_own(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    scheduler = TickScheduler()
    nursery.start_soon(scheduler.run)
    slowed, other = Record(), Record()
    room = add(scheduler, 10, slowed)
    add(scheduler, 10, other)
    room.schedule.tempo.bend(10, 0.5)
    await trio.sleep(11)
    assert slowed.numbers == list(range(1, len(slowed.ticks) + 1))
    assert len(slowed.ticks) in (59, 60)
    assert len(other.ticks) in (109, 110)


async def test_a_room_glides_to_a_slot_with_less_work(
    mock_clock: MockClock, nursery: trio.Nursery
) -> None:
    scheduler = TickScheduler()
    record = Record()
    moving, heavy = add(scheduler, 20, record), add(scheduler, 20, Record())
    slots = scheduler._slots[20]
    # As if they had come to share a slot.
    assert moving.slot is not None
    slots.take_out(heavy)
    slots.put(heavy, moving.slot)
    moving.work_s, heavy.work_s = 0.002, 0.01
    before_s = moving.schedule.start_s
    slots.balance()
    assert moving.slot != heavy.slot
    assert 0 < moving.glide_s < 1 / 20
    wanted_s = moving.glide_s
    nursery.start_soon(scheduler.run)
    last_s = moving.schedule.next_deadline_s
    for _ in range(round(wanted_s / GLIDE_S) + 2):
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(max(0.0, moving.schedule.next_deadline_s - trio.current_time()))
        await trio.testing.wait_all_tasks_blocked()
        next_s = moving.schedule.next_deadline_s
        assert next_s - last_s <= 1 / 20 + GLIDE_S + 1e-9
        last_s = next_s
    assert moving.schedule.start_s == pytest.approx(before_s + wanted_s)
    assert moving.schedule.dropped == 0


def test_removed_rooms_leave_nothing_behind_in_their_slots() -> None:
    slots = Slots(20)
    rooms = [room_of(0.001) for _ in range(25)]
    for room in rooms:
        slots.put(room, slots.lightest())
    assert sorted(map(len, slots.rooms)) == [2] * 5 + [3] * 5
    for room in rooms:
        slots.take_out(room)
        slots.take_out(room)
    assert not slots


def room_of(work_s: float) -> ScheduledRoom:
    room = ScheduledRoom(1, Schedule(20, 0.0), lambda *_: 0.0, lambda _: None)
    room.work_s = work_s
    return room


def loads(slots: Slots) -> list[float]:
    return [sum(room.work_s for room in rooms) for rooms in slots.rooms]


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(1e-5, 0.02)), max_size=40))
def test_balancing_ends_and_never_makes_the_fullest_slot_fuller(
    placed: list[tuple[int, float]],
) -> None:
    slots = Slots(20)
    for slot, work_s in placed:
        slots.put(room_of(work_s), slot)
    fullest = max(loads(slots))
    for _ in range(2 * len(placed) + 1):
        slots.balance()
        for rooms in slots.rooms:
            for room in rooms:
                room.glide_s = 0.0
        assert max(loads(slots)) <= fullest + 1e-12
        fullest = max(loads(slots))
    settled = [list(rooms) for rooms in slots.rooms]
    slots.balance()
    assert [list(rooms) for rooms in slots.rooms] == settled
    assert len(slots) == len(placed)


@given(st.integers(1, 240), st.integers(0, 40), st.floats(0, 1e4))
def test_a_new_room_starts_in_its_slot(rate: int, slot: int, now_s: float) -> None:
    slots = Slots(rate)
    slot %= len(slots.rooms)
    start_s = slots.start_s(slot, now_s)
    assert now_s - 1 / rate - 1e-9 <= start_s <= now_s + 1e-9
    in_interval = (start_s - slot * slots.width_s) * rate
    assert in_interval == pytest.approx(round(in_interval), abs=1e-5)


@given(st.integers(1, 240), st.integers(0, 40), st.floats(0, 1e4))
def test_a_glide_ends_in_the_slot(rate: int, slot: int, deadline_s: float) -> None:
    slots = Slots(rate)
    slot %= len(slots.rooms)
    glide_s = slots.glide_s(slot, deadline_s)
    assert 0 <= glide_s <= 1 / rate
    in_interval = (deadline_s + glide_s - slot * slots.width_s) * rate
    assert in_interval == pytest.approx(round(in_interval), abs=1e-5)


async def test_a_room_that_is_back_at_full_speed_glides_into_a_slot(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    scheduler = TickScheduler()
    nursery.start_soon(scheduler.run)
    record, other = Record(), Record()
    room = add(scheduler, 20, record)
    add(scheduler, 20, other)
    await trio.sleep(1.01)
    schedule = room.schedule
    schedule.tempo.bend(30, 0.75)
    scheduler.pace_changed(room)
    assert room.slot is None
    await trio.sleep(3.0)
    back = record.numbers[-1] + 10
    schedule.tempo.bend(back, 1.0)
    scheduler.pace_changed(room)
    scheduler.pace_changed(room)
    assert room.slot is not None
    await trio.sleep(20.0)
    assert record.numbers == list(range(1, len(record.numbers) + 1)), "none is dropped"
    assert room.glide_s == 0.0
    slots = scheduler._slots[20]
    late_s = (record.ticks[-1][2] - room.slot * slots.width_s) % (1 / 20)
    assert min(late_s, 1 / 20 - late_s) < 1e-6
    whens = [when for number, _, when in record.ticks if number > back]
    assert all(0 < b - a <= 1 / 20 + GLIDE_S + 1e-9 for a, b in pairwise(whens))
    assert all(lateness_s < 1e-9 for _, lateness_s, _ in record.ticks)


async def test_numbers_are_told_before_commands_are_read(
    mock_clock: MockClock, nursery: trio.Nursery
) -> None:
    calls: list[object] = []
    scheduler = TickScheduler(lambda: calls.append("read"))
    nursery.start_soon(scheduler.run)
    for name in "ab":
        add(
            scheduler,
            10,
            lambda number, *_, name=name: calls.append((name, number)),
            lambda number, name=name: calls.append((name, "expects", number)),
        )
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(0.2)
    await trio.testing.wait_all_tasks_blocked()
    assert sorted(calls[:2]) == [("a", "expects", 1), ("b", "expects", 1)]
    assert calls[2] == "read"
    assert sorted(calls[3:5]) == [("a", 1), ("b", 1)]


async def test_the_time_of_reading_is_shared_by_the_rooms_of_a_round(
    mock_clock: MockClock, nursery: trio.Nursery
) -> None:
    reading_s = [0.004]
    scheduler = TickScheduler(lambda: mock_clock.jump(reading_s.pop() if reading_s else 0.0))
    nursery.start_soon(scheduler.run)
    shares: list[float] = []
    rooms = [
        add(scheduler, 200, lambda *_, number=number: shares.append(rooms[number].reading_s))
        for number in range(2)
    ]
    for room, work_s in zip(rooms, (0.001, 0.003), strict=True):
        room.work_s = work_s
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(0.005)
    await trio.testing.wait_all_tasks_blocked()
    assert shares == pytest.approx([0.001, 0.003])
