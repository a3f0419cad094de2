"""The latency budget of inputs, with a clock on which nothing takes time but waiting."""

from __future__ import annotations

from collections import deque

import attrs
import pytest
import trio
from playing import Field, Step
from test_room_task import TICK_S, running, seat
from trio.testing import MockClock

from gameserver.ops.metrics import STAGES
from gameserver.player import InputTimes
from gameserver.protocol.latency import Latency
from gameserver.runtime.stages import InputStages, stages_of
from gameserver.runtime.ticker import Percentiles


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
        ann.player.take_command(1, Step(1), tick=3, read_s=trio.current_time())
        bob.player.take_command(1, Step(1), tick=1, read_s=trio.current_time())
        await trio.sleep(3 * TICK_S)
        assert task.input_stages(ann.player).wait_s.max == pytest.approx(2.5 * TICK_S)
        assert task.input_stages(bob.player).wait_s.max == pytest.approx(0.5 * TICK_S)
        assert task.input_stages().wait_s.max == pytest.approx(2.5 * TICK_S)
        assert task.input_stages().wait_s.p50 == pytest.approx(0.5 * TICK_S)
        assert task.input_stages(ann.player).send_s.max == pytest.approx(0, abs=1e-9)
        assert task.last_simulate_s == 0


async def test_who_is_behind_is_told_later(autojump_clock: MockClock) -> None:
    async with running(Timed()) as task:
        ann = seat(task, 1, "ann")
        await trio.sleep(1.5 * TICK_S)
        ann.sink.clear = False
        ann.player.take_command(1, Step(1), tick=2, read_s=trio.current_time())
        await trio.sleep(3 * TICK_S)
        assert not list(ann.player.input_times.sends_s)
        ann.sink.clear = True
        await trio.sleep(TICK_S)
        assert task.input_stages(ann.player).send_s.max == pytest.approx(3 * TICK_S)
