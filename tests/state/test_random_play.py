"""A room and its copies play on alike, whatever happens in it: seats, links, views, publishes."""

from __future__ import annotations

import random
from typing import Any

import pytest

from gameserver.state.restore import load
from tests.support.frame_sinks import FakeSink
from tests.support.kept_game import Zoo
from tests.support.zoo_stage import Stage

TICKS = 180
COPY_EVERY_TICKS, COPY_PLAYS_TICKS = 9, 6
LONG = pytest.mark.long


def act(stage: Stage, rng: random.Random) -> None:
    """Let something happen, and play one tick."""
    chance = rng.random()
    seated = stage.stepper.seated
    free = [number for number in range(1, 7) if number not in seated]
    if free and (chance < 0.12 or not seated):
        sink = stage.sinks[free[0]] = FakeSink()
        stage.publisher.add(stage.stepper.join(free[0], sink, f"p{free[0]}").seat)
    elif chance < 0.3:
        act_in_seat(stage, rng.choice(sorted(seated)), chance, rng)
    elif chance < 0.32:
        stage.publisher.view_share = rng.choice([1.0, 0.5])
    stage.play(rng, publish=rng.random() < 0.8)


def act_in_seat(stage: Stage, number: int, chance: float, rng: random.Random) -> None:
    one, tick = stage.stepper.seated[number], stage.room.tick_number
    if chance < 0.15:
        stage.publisher.remove(one.seat)
        stage.stepper.leave(one.player, "left")
    elif chance < 0.21 and one.player.connected:
        stage.publisher.remove(one.seat)
        one.seat.lose_sink()
        stage.stepper.drop(one.player)
    elif chance < 0.21:
        known = set(list(stage.room.world.records)[:3])
        one.seat.resume(stage.sinks[number], known, tick - 2)
        stage.stepper.resume(one.player)
        stage.publisher.add(one.seat)
    elif chance < 0.24:
        stage.sinks[number].clear ^= True
    elif chance < 0.27:
        one.player.focus = rng.choice([None, (rng.uniform(0, 300), rng.uniform(0, 300))])
    else:
        one.seat.acknowledge(tick - 1)


def copied(stage: Stage) -> Stage:
    """Return a copy whose links are as those of ``stage``."""
    copy = Stage.of(load(Zoo, stage.bytes()))
    for number, sink in stage.sinks.items():
        copy.sinks.setdefault(number, FakeSink()).clear = sink.clear
    for number, seated in copy.stepper.seated.items():
        if not seated.player.connected:
            seated.seat.sink = stage.stepper.seated[number].seat.sink
    return copy


def told(stage: Stage) -> dict[int, list[Any]]:
    """Return what every client was told; in which order entities leave means nothing."""
    messages = {number: sink.take_messages() for number, sink in stage.sinks.items()}
    for message in (m for each in messages.values() for m in each):
        if getattr(message, "leaves", None):
            message.leaves.sort()
    return messages


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(n, marks=LONG) for n in (2, 3, 4, 5))])
def test_copies_play_on_as_the_original(seed: int) -> None:
    stage, rng = Stage.new(), random.Random(seed)
    for tick in range(TICKS // COPY_EVERY_TICKS):
        for _ in range(COPY_EVERY_TICKS - COPY_PLAYS_TICKS):
            act(stage, rng)
        told(stage)
        copy, copied_rng = copied(stage), random.Random()
        copied_rng.setstate(rng.getstate())
        assert copy.bytes() == stage.bytes(), tick
        for _ in range(COPY_PLAYS_TICKS):
            act(stage, rng)
            act(copy, copied_rng)
            assert told(copy) == told(stage), tick
            assert copy.bytes() == stage.bytes(), tick
