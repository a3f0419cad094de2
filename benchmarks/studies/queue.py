"""``queue``: the waits, the matches and the cost of a tick while thousands of players wait.

Owns the crowds of this study.  Plays the real room of ``gameserver.games.queue`` tick by tick, with
a publish to every seat, but without sockets.  Matched players leave at once.  Times are of the CPU
clock, so that other programs do not count.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from benchmarks.pilots import FrameSink
from clients.bots.figures import percentile
from gameserver.games.queue import Avoid, Latency, Queue, QueueOptions, Roles, Size, Skill
from gameserver.replication.publisher import Publisher
from gameserver.simulation.stepper import Stepper

TICK_RATE: Final = Queue.tick_rate
#: Ranks are like those of a rating system: half of all players are within 240 of the middle.
MIDDLE_RANK, DEVIATION = 1500.0, 350.0
#: Region → the share of players that live there, and the round trip from each region to it.
REGIONS: Final[Mapping[str, tuple[float, Mapping[str, int]]]] = {
    "eu": (0.5, {"eu": 25, "us": 110, "asia": 190}),
    "us": (0.35, {"eu": 110, "us": 30, "asia": 160}),
    "asia": (0.15, {"eu": 190, "us": 160, "asia": 35}),
}
ROLES: Final = {"tank": 1, "healer": 1, "fighter": 3}
ROLE_SHARES: Final = {"tank": 0.16, "healer": 0.18, "fighter": 0.66}
#: Sizes of parties, and how often each comes.
PARTIES: Final = {1: 0.7, 2: 0.2, 3: 0.1}


class Duels(Queue):
    """One against one."""

    rules = (Size(2), Skill(50, per_s=10, most=500))


class Tens(Queue):
    """Ten players, who reach one region."""

    rules = (Size(10), Skill(100, per_s=10, most=600), Latency(60, per_s=2, most_ms=120))


class Dungeons(Queue):
    """Five players in roles."""

    rules = (
        Size(5),
        Skill(200, per_s=10, most=1000),
        Latency(60, per_s=2, most_ms=120),
        Roles(ROLES),
        Avoid(),
    )


@attrs.frozen
class Crowd:
    """Players who wait at the beginning, and those who come later."""

    name: str
    room: type[Queue]
    parties: Mapping[int, float]
    roles: Mapping[str, float]


CROWDS: Final = (
    Crowd("1 against 1", Duels, {1: 1.0}, {"fighter": 1.0}),
    Crowd("10 in one region", Tens, PARTIES, {"fighter": 1.0}),
    Crowd("5 in roles", Dungeons, PARTIES, ROLE_SHARES),
    Crowd("5 in roles, nobody heals", Dungeons, PARTIES, {"tank": 0.2, "fighter": 0.8}),
)


@attrs.define
class Outcome:
    """The measurements of one crowd."""

    name: str
    waits_s: list[float] = attrs.field(factory=list)
    spreads: list[float] = attrs.field(factory=list)
    latencies_ms: list[float] = attrs.field(factory=list)
    #: For each tick: the players who wait, and the time of the step and of the publish.
    waiting: list[int] = attrs.field(factory=list)
    step_ms: list[float] = attrs.field(factory=list)
    publish_ms: list[float] = attrs.field(factory=list)
    left_waiting: int = 0


class Simulation:
    """A queue with its crowd; ``clock`` measures seconds."""

    def __init__(
        self, crowd: Crowd, seed: int = 1, clock: Callable[[], float] = time.thread_time
    ) -> None:
        self.outcome = Outcome(crowd.name)
        self._crowd = crowd
        self._chance = random.Random(f"{seed} {crowd.name}")
        self._clock = clock
        self.room = crowd.room("queue/main", seed=seed)
        self.stepper = Stepper(self.room)
        self._publisher = Publisher(
            self.room.world, check_every_ticks=10**9, quiet_ticks=10**9, asker=None
        )
        self._sinks: dict[int, FrameSink] = {}
        self._free: list[int] = []
        self._parties = 0
        self._owed = 0.0

    def come(self, players: float) -> None:
        """Let about ``players`` players join, in parties."""
        self._owed += players
        sizes, weights = zip(*self._crowd.parties.items(), strict=True)
        while self._owed >= 1:
            (size,) = self._chance.choices(sizes, weights)
            self._owed -= size
            self._parties += 1
            rank = self._chance.gauss(MIDDLE_RANK, DEVIATION)
            region = self._pick({name: share for name, (share, _) in REGIONS.items()})
            for _ in range(size):
                self._join(size, rank + self._chance.gauss(0, 60), region)

    def _join(self, size: int, rank: float, region: str) -> None:
        number = self._free.pop() if self._free else len(self._sinks) + 1
        sink = self._sinks[number] = FrameSink()
        jitter = self._chance.randint(0, 30)
        options = QueueOptions(
            rank=rank,
            party="" if size == 1 else str(self._parties),
            party_size=size,
            roles=(self._pick(self._crowd.roles),),
            latencies=tuple((name, ms + jitter) for name, ms in REGIONS[region][1].items()),
        )
        seated = self.stepper.join(number, sink, f"p{number}", f"id-{number}", options)
        self._publisher.add(seated.seat)

    def _pick(self, shares: Mapping[str, float]) -> str:
        return self._chance.choices(list(shares), list(shares.values()))[0]

    def tick(self) -> None:
        """Play a tick, publish it, and let matched players go."""
        room, outcome = self.room, self.outcome
        outcome.waiting.append(len(room.players))
        begun_s = self._clock()
        self.stepper.step(room.tick_number + 1)
        stepped_s = self._clock()
        self._publisher.publish(room.tick_number)
        published_s = self._clock()
        self.stepper.published(room.tick_number)
        outcome.step_ms.append((stepped_s - begun_s) * 1000)
        outcome.publish_ms.append((published_s - stepped_s) * 1000)
        for failure in self.stepper.take_failures():
            raise failure.error
        for move in self.stepper.take_moves():
            self._note_match(move.seats)
        self.outcome.left_waiting = len(room.players)

    def _note_match(self, seats: tuple[int, ...]) -> None:
        room, outcome = self.room, self.outcome
        players = [room.players[seat] for seat in seats]
        groups = {id(group): group for group in (room._group_of[seat] for seat in seats)}  # noqa: SLF001
        parties = [group.party for group in groups.values() if group.party is not None]
        ranks = [party.rank for party in parties]
        outcome.spreads.append(max(ranks) - min(ranks))
        now_s = room.tick_number * room.dt
        for party in parties:
            outcome.waits_s += [now_s - party.since_s] * len(party.members)
        near = [dict(player.options.latencies) for player in players]
        outcome.latencies_ms.append(min(max(each[name] for each in near) for name in REGIONS))
        for player in players:
            seated = self.stepper.find(player)
            assert seated is not None
            self._publisher.remove(seated.seat)
            self.stepper.leave(player, "moved")
            self._free.append(player.seat)
            self._sinks[player.seat].frames.clear()


def run(players: int, seconds: float, arrivals_per_s: float) -> list[Outcome]:
    """Play each crowd: ``players`` at the beginning, and the arrivals of ``seconds``."""
    outcomes = []
    for crowd in CROWDS:
        simulation = Simulation(crowd)
        simulation.come(players)
        simulation.tick()
        simulation.outcome.publish_ms.clear()  # a server spreads such a crowd over many ticks
        simulation.outcome.step_ms.clear()
        simulation.outcome.waiting.clear()
        gc.collect()
        gc.freeze()
        gc.disable()
        for _ in range(round(seconds * TICK_RATE)):
            simulation.tick()
            simulation.come(arrivals_per_s / TICK_RATE)
            gc.collect(0)  # between ticks, as the server does
        gc.enable()
        outcomes.append(simulation.outcome)
    return outcomes


def quantile(values: list[float], share: float) -> float:
    """Return the value below which this share of ``values`` lies; 0 if there are none."""
    return percentile(values, share) or 0.0


HEADER: Final = (
    *("crowd", "matched", "still waiting", "wait p50", "p90", "p99", "ranks apart p50", "p90"),
    *("round trip p90", "step p50", "p99", "most", "publish p99", "most"),
)


def row(outcome: Outcome) -> list[Any]:
    """Return the row of a crowd for the table under ``HEADER``."""
    waits = [f"{quantile(outcome.waits_s, share):.1f} s" for share in (0.5, 0.9, 0.99)]
    spreads = [f"{quantile(outcome.spreads, share):.0f}" for share in (0.5, 0.9)]
    steps = [f"{quantile(outcome.step_ms, share):.1f} ms" for share in (0.5, 0.99, 1.0)]
    publishes = [f"{quantile(outcome.publish_ms, share):.1f} ms" for share in (0.99, 1.0)]
    latency = f"{quantile(outcome.latencies_ms, 0.9):.0f} ms"
    matched = len(outcome.waits_s)
    return [
        *(outcome.name, f"{matched:,}", f"{outcome.left_waiting:,}"),
        *(*waits, *spreads, latency, *steps, *publishes),
    ]
