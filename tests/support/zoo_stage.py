"""The room of ``kept_game`` with its publisher, played by hand."""

from __future__ import annotations

import random
from typing import Any

from gameserver import Player
from gameserver.protocol.latency import Latency
from gameserver.replication.publisher import Publisher
from gameserver.simulation.stepper import Stepper
from gameserver.state.restore import Loaded, load
from gameserver.state.snapshot import capture
from tests.support.frame_sinks import FakeSink
from tests.support.kept_game import Lead, Shout, Zoo


class Stage:
    """A room with its publisher, played by hand."""

    def __init__(self, stepper: Stepper[Zoo]) -> None:
        self.stepper = stepper
        self.room = stepper.room
        self.publisher = Publisher(
            self.room.world, check_every_ticks=10, quiet_ticks=20, window_ticks=40
        )
        self.sinks: dict[int, FakeSink] = {}

    @classmethod
    def new(cls) -> Stage:
        return cls(Stepper(Zoo("zoo/1", seed=3)))

    @classmethod
    def of(cls, loaded: Loaded[Zoo]) -> Stage:
        stage = cls(loaded.stepper)
        loaded.continue_publishing(stage.publisher)
        for number, seated in loaded.stepper.seated.items():
            seated.seat.sink = stage.sinks[number] = FakeSink()
        return stage

    def join(self, name: str) -> Player:
        number = len(self.stepper.seated) + 1
        sink = self.sinks[number] = FakeSink()
        seated = self.stepper.join(number, sink, name, f"id-{name}")
        seated.player.latency = Latency(0.1, 0.1, 0.02, 0.01, 0.08, 3)
        self.publisher.add(seated.seat)
        return seated.player

    def give(self, seat: int, command: Any, tick: int = 0, rendered: int = 0) -> None:
        commands = self.stepper.seated[seat].commands
        commands.take(commands.newest_seq + 1, command, tick, rendered, 5.0)

    def step(self, *, publish: bool = True) -> None:
        tick = self.room.tick_number + 1
        self.stepper.step(tick)
        for failure in self.stepper.take_failures():
            raise failure.error
        if publish:
            self.publisher.publish(tick, self.stepper.take_emissions())
            self.stepper.published(tick)

    def play(self, rng: random.Random, *, publish: bool = True) -> None:
        for seat in sorted(self.stepper.seated):
            tick = self.room.tick_number + rng.randint(1, 3)
            self.give(seat, Lead(rng.randint(-1, 1), rng.randint(-1, 1)), tick, (tick - 3) * 32)
            if rng.random() < 0.3:
                self.give(seat, Shout(rng.random() < 0.5))
        self.step(publish=publish)

    def bytes(self) -> bytes:
        return capture(self.stepper, self.publisher, {"held": {2: 1.5}}).encode()

    def frames(self) -> dict[int, list[bytes]]:
        taken = {number: list(sink.frames) for number, sink in self.sinks.items()}
        for sink in self.sinks.values():
            sink.frames.clear()
        return taken


def played(ticks: int = 30) -> Stage:
    stage = Stage.new()
    for name in ("ann", "bob", "cat"):
        stage.join(name)
    rng = random.Random(1)
    for _ in range(ticks):
        stage.play(rng)
    return stage


def copy_of(stage: Stage) -> Stage:
    return Stage.of(load(Zoo, stage.bytes()))
