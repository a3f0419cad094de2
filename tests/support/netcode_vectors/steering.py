"""Scripts for steering: a bead with a bell on a wire, and another bead that is drawn in the past.

A delta of a script is the whole state: the own entity's id, each bead as ``[id, place, speed,
pushes]``, and the places at which a bell rang.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

import attrs

from clients.netcode.effects import Effect
from clients.netcode.steering import Steering, Vehicle
from clients.netcode.tickclock import TickClock
from clients.remote import RemoteEntity, RemoteEvent
from clients.replica import Replica
from gameserver.model.schema import Schema, command, entity, event, number, synced
from gameserver.protocol.messages import Delta
from tests.support.netcode_vectors.prediction import Bead as BeadState
from tests.support.netcode_vectors.prediction import push_bead
from tests.support.netcode_vectors.script import Case, Step, steps_of

#: A bell hangs at each multiple of this place.
BELLS = 50
#: For this long after the last push the server repeats it.
REPEAT_TICKS = 6


@entity(at=("place", "side"))
class Bead:
    place: int = synced(0)
    side: int = synced(0)
    speed: int = synced(0)
    pushes: int = synced(0)


@command
class Push:
    force: int = number(-3, 3)


@event
class Rang:
    place: int = 0


SCHEMA = Schema.of([Bead, Push, Rang])


class BeadWithBells(Vehicle[BeadState, Push]):
    """The vehicle: a pushed bead rings the bell that it passes."""

    kinds = ("Bead",)
    jump_distance = 12.0
    snap_distance = 60.0

    def state_of(self, entity: RemoteEntity) -> BeadState:
        return entity.place, entity.speed, entity.pushes

    def step(self, state: BeadState, command: Push) -> BeadState:
        return push_bead(state, command.force)

    def idle(self, last: Push | None, silent_ticks: int) -> Push:
        return Push() if last is None or silent_ticks > REPEAT_TICKS else last

    def place(self, state: BeadState) -> tuple[float, float]:
        return state[0], 0.0

    def effects(self, before: BeadState, after: BeadState, tick: int) -> Iterator[Effect]:
        if before[0] // BELLS != after[0] // BELLS:
            yield Effect("Rang", tick, what=tick)

    def effect_of(self, event: RemoteEvent) -> tuple[str, object] | None:
        return ("Rang", None)


class SteeringStage:
    """One client, to which the steps of a script happen."""

    def __init__(self, case: Case) -> None:
        self.replica = Replica(SCHEMA)
        self.clock = TickClock(case["tick_rate"], case["tick"], case["now_ms"] / 1000)
        self.steering: Steering[BeadState, Push] = Steering(
            BeadWithBells(), self.replica, self.clock
        )

    def act(self, what: str, *arguments: Any) -> dict[str, Any]:
        """Do one step, and return the expected state after it."""
        returned = getattr(self, f"_{what}")(*arguments)
        steering = self.steering
        return {
            "returned": returned,
            "tick": steering.tick,
            "own": None if steering.own is None else list(steering.own),
            "rendered": None if math.isnan(steering.rendered_tick) else steering.rendered_tick,
            "missed": steering.missed_ticks,
            "counts": list(attrs.astuple(steering.predictor.counts)),
            "snaps": steering.smoothing.snaps,
            "effects": [steering.effects.confirmed, steering.effects.undone],
        }

    def _pong(self, sent_ms: float, received_ms: float, tick: float) -> None:
        self.clock.pong(sent_ms / 1000, received_ms / 1000, tick)

    def _pace(self, tick: int, pace: float, publish_every: int) -> None:
        self.clock.change_pace(tick, pace, publish_every)

    def _due(self, now_ms: float) -> int | None:
        return self.steering.due(now_ms / 1000)

    def _steer(self, force: int, now_ms: float) -> list[int] | None:
        order = self.steering.steer(Push(force=force), now_ms / 1000)
        return None if order is None else [order.command.force, order.tick, order.rendered]

    def _delta(
        self,
        tick: int,
        own: int,
        beads: list[list[int]],
        rang: list[int],
        margin: int | None,
        now_ms: float,
    ) -> list[int]:
        enters = [x for n, place, speed, pushes in beads for x in (n, 0, place, 0, speed, pushes)]
        events = [[0, place] for place in rang]
        whole = Delta(tick, 0, margin, None, enters, [], [], [own], events)
        happened = self.replica.apply(whole)
        self.clock.delta(tick, now_ms / 1000)
        return [event.place for event in self.steering.delta(margin, happened, now_ms / 1000)]

    def _own_place(self, now_ms: float, force: int | None) -> list[float] | None:
        command = None if force is None else Push(force=force)
        place = self.steering.own_place(now_ms / 1000, command)
        return None if place is None else list(place)

    def _place_of(self, entity_id: int) -> list[float] | None:
        entity = self.replica.entities.get(entity_id)
        place = None if entity is None else self.steering.place_of(entity)
        return None if place is None else list(place)

    def _changes(self) -> list[list[Any]]:
        return [[change.effect.what, change.undo] for change in self.steering.take_changes()]

    def _reconnected(self) -> None:
        self.steering.reconnected()


def play_steering(case: Case) -> Iterator[Any]:
    stage = SteeringStage(case)
    for what, *arguments in steps_of(case):
        yield stage.act(what, *arguments)


# ---------------------------------------------------------------- recording a game


@attrs.define
class Link:
    """How a link and its server behave: one way in ticks, and how often something goes wrong."""

    delay_ticks: int = 2
    #: The share of ticks at which the own bead is moved by something that no command explains.
    shoves: float = 0.0
    #: The share of frames in which the loop of the client is too late.
    sleeps: float = 0.0
    #: The share of commands that arrive after their tick.
    late: float = 0.0


class Recording:
    """A game of 100 ticks at 20 a second; the steps of its client are noted as they happen."""

    RATE = 20

    def __init__(self, link: Link, seed: int) -> None:
        self.link = link
        self.rng = random.Random(seed)
        self.case: Case = {"tick_rate": self.RATE, "tick": 0, "now_ms": 0, "steps": []}
        self.stage = SteeringStage(self.case)
        self.steps: list[Step] = self.case["steps"]
        self.pushed: dict[int, int] = {}
        self.margins: dict[int, int] = {}
        self.own: BeadState = (0, 0, 0)
        self.silent = 99
        self.last = 0
        self.other = 10
        self.own_id = 1
        self.force = 0

    def do(self, what: str, *arguments: Any) -> Any:
        self.steps.append([what, *arguments])
        return self.stage.act(what, *arguments)["returned"]

    def run(self) -> Case:
        tick_ms = 1000 / self.RATE
        delay = self.link.delay_ticks
        delay_ms = delay * tick_ms
        deltas: list[Step] = []
        for tick in range(1, 101):
            now_ms = tick * tick_ms
            if tick % 20 == 5:
                sent_ms = now_ms - 2 * delay_ms
                self.do("pong", sent_ms, now_ms, (sent_ms + delay_ms) / tick_ms)
            deltas.append([tick, *self._server(tick)])
            if tick > delay and self.rng.random() > 0.05:
                arriving, deltas = deltas[:-delay], deltas[-delay:]
                for delta in arriving:
                    self.do("delta", *delta, now_ms)
            self._client(now_ms + 3)
            if tick == 80:
                self.do("reconnected")
        return self.case

    def _server(self, tick: int) -> list[Any]:
        """Step the server to ``tick``; return the rest of its delta."""
        if tick in self.pushed:
            self.last, self.silent = self.pushed[tick], 0
        else:
            self.silent += 1
        before = self.own
        self.own = push_bead(self.own, self.last if self.silent <= REPEAT_TICKS else 0)
        rang = [self.own[0]] if before[0] // BELLS != self.own[0] // BELLS else []
        if self.rng.random() < self.link.shoves:
            place, speed, pushes = self.own
            self.own = (place + self.rng.choice([0, 5, 90]), speed, pushes + 1)
        if tick == 60:
            self.own, self.own_id = (0, 0, 0), 3
        self.other += self.rng.choice([3, 4, 4, 40 if self.rng.random() < 0.1 else 5])
        beads = [[self.own_id, *self.own], [2, self.other, 0, 0]]
        if 40 <= tick < 45:
            del beads[0]
        return [self.own_id if len(beads) > 1 else 0, beads, rang, self.margins.pop(tick, None)]

    def _client(self, now_ms: float) -> None:
        if self.rng.random() < self.link.sleeps:
            return
        if self.do("due", now_ms) is not None:
            if self.rng.random() < 0.3:
                self.force = self.rng.randint(-3, 3)
            order = self.do("steer", self.force, now_ms)
            if order is not None:
                self._arrives(order[1], order[0])
        if self.rng.random() < 0.3:
            self.do("own_place", now_ms + 20, self.force if self.rng.random() < 0.7 else None)
            self.do("place_of", self.rng.choice([1, 2]))
            self.do("changes")

    def _arrives(self, tick: int, force: int) -> None:
        late = self.rng.random() < self.link.late
        self.pushed[tick + late] = force
        self.margins[tick + late] = -1 if late else 0


def steering_cases() -> Iterator[Case]:
    yield {
        "name": "the server's time jumps, and the room slows down",
        "tick_rate": 20,
        "tick": 0,
        "now_ms": 0,
        "steps": [
            ["due", 10],
            ["own_place", 10, 1],
            ["steer", 1, 10],
            ["pong", 20, 60, 1.2],
            ["delta", 1, 1, [[1, 5, 0, 0]], [], None, 60],
            ["due", 61],
            ["steer", 2, 61],
            ["own_place", 80, 2],
            ["own_place", 500, 2],
            ["due", 105],
            ["steer", 3, 105],
            ["pong", 110, 150, 300.5],
            ["due", 160],
            ["steer", 3, 160],
            ["delta", 301, 1, [[1, 5, 0, 0]], [], -1, 165],
            ["due", 205],
            ["steer", 3, 205],
            ["pace", 305, 0.5, 2],
            *[step for at in range(255, 1255, 100) for step in (["due", at], ["steer", 3, at])],
        ],
    }
    links = {
        "a clean link": Link(),
        "a long clean link, and a loop that sleeps": Link(delay_ticks=6, sleeps=0.1),
        "a world that shoves": Link(shoves=0.05),
        "late commands": Link(late=0.1, shoves=0.01),
    }
    for seed, (name, link) in enumerate(links.items()):
        yield {"name": name, **Recording(link, seed).run()}
