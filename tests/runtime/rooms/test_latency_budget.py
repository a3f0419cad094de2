"""The latency budget of inputs, with a clock on which nothing takes time but waiting."""

from __future__ import annotations

from collections import deque

import attrs
import pytest
import trio
from trio.testing import MockClock

from gameserver.ops.metrics import STAGES
from gameserver.protocol.latency import Latency
from gameserver.runtime.rooms.latency_budget import InputStages, stages_of
from gameserver.runtime.rooms.schedule import Percentiles
from gameserver.runtime.rooms.scheduler import TickScheduler
from gameserver.simulation.input_times import InputTimes
from tests.support.seated_room import TICK_S, room_loop, running, seat
from tests.support.small_game import Field, Step


class Timed(Field):
    input = Step


def test_the_ways_are_half_of_the_round_trip() -> None:
    times = InputTimes(8)
    times.waits_s.append(0.5)
    times.sends_s.extend((0.1, 0.3))
    latencies = [Latency(), Latency(smoothed_s=0.2), Latency(smoothed_s=0.1)]
    stages = stages_of(times, deque([0.004]), latencies)
    assert stages.up_estimate_s == stages.down_estimate_s
    assert stages.up_estimate_s.max == 0.1
    assert stages.wait_s == Percentiles(0.5, 0.5, 0.5)
    assert stages.simulate_s.p50 == 0.004
    assert stages.send_s.max == 0.3


def test_nothing_known_is_nothing() -> None:
    assert stages_of(InputTimes(8), deque(), []) == InputStages(*[Percentiles()] * 5)


def test_metrics_know_every_stage() -> None:
    assert [field.name for field in attrs.fields(InputStages)] == [f"{s}_s" for s in STAGES]


async def test_a_running_room_measures_its_inputs(autojump_clock: MockClock) -> None:
    async with running(Timed()) as task:
        ann, bob = seat(task, 1, "ann"), seat(task, 2, "bob")
        await trio.sleep(TICK_S / 2)
        ann.seated.commands.take(1, Step(1), tick=3, read_s=trio.current_time())
        bob.seated.commands.take(1, Step(1), tick=1, read_s=trio.current_time())
        await trio.sleep(3 * TICK_S)
        assert task.input_stages(ann.seated).wait_s.max == pytest.approx(2.5 * TICK_S)
        assert task.input_stages(bob.seated).wait_s.max == pytest.approx(0.5 * TICK_S)
        assert task.input_stages().wait_s.max == pytest.approx(2.5 * TICK_S)
        assert task.input_stages().wait_s.p50 == pytest.approx(0.5 * TICK_S)
        assert task.input_stages(ann.seated).send_s.max == pytest.approx(0, abs=1e-9)
        assert task.last_simulate_s == 0


async def test_a_client_that_is_behind_is_told_later(autojump_clock: MockClock) -> None:
    async with running(Timed()) as task:
        ann = seat(task, 1, "ann")
        await trio.sleep(1.5 * TICK_S)
        ann.sink.clear = False
        ann.seated.commands.take(1, Step(1), tick=2, read_s=trio.current_time())
        await trio.sleep(3 * TICK_S)
        assert not list(ann.seated.commands.times.times.sends_s)
        ann.sink.clear = True
        await trio.sleep(TICK_S)
        assert task.input_stages(ann.seated).send_s.max == pytest.approx(3 * TICK_S)


async def test_what_is_read_at_a_tick_after_dropped_ones_is_for_that_tick(
    autojump_clock: MockClock,
) -> None:
    class Slow(Timed):
        def tick(self) -> None:
            if self.tick_number == 3:
                autojump_clock.jump(10 * TICK_S)

    read: list[tuple[int, int | None]] = []

    def read_ready() -> None:
        ticks = task.statistics()
        seated = ann.seated
        if ticks is not None and ticks.dropped and not read:
            seated.commands.take(1, Step(1), tick=task.room.tick_number + 1)
            read.append((task.room.tick_number, seated.seat.margin))

    loop = room_loop()
    loop.scheduler = TickScheduler(read_ready)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        async with running(Slow(), loop) as task:
            ann = seat(task, 1, "ann")
            await trio.sleep(20 * TICK_S)
        nursery.cancel_scope.cancel()
    ((before, margin),) = read
    assert margin is not None
    assert margin < -1, "it is for the tick after the last one, which was dropped"
    assert before + 1 - margin in range(12, 15)
