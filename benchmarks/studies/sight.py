"""A part of ``micro``: the cost of interest, for each grade of view and for two teams.

Owns the worlds of this study.  Publishes without sockets, and takes the CPU time of the thread, the
best of several runs.  The cost per seat is the time of a publish less that of the same world
without seats, by seat.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any, Final

from benchmarks.pilots import FrameSink
from gameserver import Exact, Near, Player, Room, entity, synced
from gameserver.replication.publisher import Publisher
from gameserver.simulation.seeing import seeing
from gameserver.simulation.stepper import Stepper

#: How many entities are within the radius of a seat.
NEAR: Final = (20, 100, 400)
RADIUS: Final = 400.0
SEATS: Final = 50
#: The side of the field in radii: few seats share a cell.
SIDE: Final = 6.0
TEAM_PLAYERS: Final = 200
RUNS: Final = 5
TICKS: Final = 20


@entity(at=("x", "y"))
class Walker:
    """Something that moves at every tick."""

    x: float = synced(0.0, step=1 / 32)
    y: float = synced(0.0, step=1 / 32)
    heading: int = synced(0)


class Field(Room):
    """Walkers all over a square."""

    view = Near(RADIUS)
    max_players = TEAM_PLAYERS
    tick_rate = 30
    classes = (Walker,)
    walkers: list[Walker]

    def on_create(self) -> None:
        """Start without walkers."""
        self.walkers = []

    def walker(self, margin: float = 0.0, **spawned: Any) -> Walker:
        """Spawn a walker at a random place that is at least ``margin`` from the border."""
        low, high = margin, SIDE * RADIUS - margin
        walker = Walker(self.random.uniform(low, high), self.random.uniform(low, high))
        self.walkers.append(self.spawn(walker, **spawned))
        return walker

    def on_join(self, player: Player) -> None:
        """Spawn the player's walker where its whole view radius lies within the field."""
        player.entity = self.walker(RADIUS)

    def tick(self) -> None:
        """Move every walker a little."""
        step = 1.5 if self.tick_number % 2 else -1.5
        for walker in self.walkers:
            walker.x += step
            walker.y -= step


class ExactField(Field):
    """The same field with an ``Exact`` view."""

    view = Exact(RADIUS)  # type: ignore[assignment]


def _not_behind_the_wall(_room: Room, player: Player, other: Any) -> bool:
    return bool((player.entity.x < RADIUS) == (other.x < RADIUS))


class WalledField(Field):
    """A ``Near`` view, narrowed by a ``sees`` of one comparison."""

    sees = _not_behind_the_wall  # type: ignore[assignment]


class ExactWalledField(ExactField):
    """An ``Exact`` view, narrowed by the same ``sees``."""

    sees = _not_behind_the_wall  # type: ignore[assignment]


class TeamField(Field):
    """Two teams, whose members see each other wherever they are."""

    def on_join(self, player: Player) -> None:
        """Join the smaller team."""
        team = self.group("red" if player.seat % 2 else "blue")
        team.add(player)
        player.entity = self.walker(owner=player, group=team)


class ExactTeamField(TeamField):
    """The same two teams with an ``Exact`` view of the other team."""

    view = Exact(RADIUS)  # type: ignore[assignment]


class Bench:
    """A room with seats that are always clear."""

    def __init__(self, room: type[Field], seats: int, walkers: int) -> None:
        self.room = room("sight", seed=1)
        self.stepper = Stepper(self.room)
        self.publisher = Publisher(
            self.room.world,
            check_every_ticks=10**9,
            quiet_ticks=10**9,
            asker=seeing(self.room, time.perf_counter),
        )
        self.sinks = [FrameSink() for _ in range(seats)]
        for number, sink in enumerate(self.sinks, 1):
            self.publisher.add(self.stepper.join(number, sink, "").seat)
        for _ in range(walkers - seats):
            self.room.walker()
        for _ in range(3):
            self.tick()

    def tick(self) -> tuple[float, float, int]:
        """Play a tick; return the seconds of the step and of the publish, and the bytes posted."""
        begun_s = time.thread_time()
        self.stepper.step(self.room.tick_number + 1)
        stepped_s = time.thread_time()
        self.publisher.publish(self.room.tick_number)
        published_s = time.thread_time()
        posted = 0
        for sink in self.sinks:
            posted += sum(map(len, sink.frames))
            sink.frames.clear()
        return stepped_s - begun_s, published_s - stepped_s, posted

    def best_publish_s(self) -> float:
        """Return the median publish of the best run."""
        runs = (sorted(self.tick()[1] for _ in range(TICKS)) for _ in range(RUNS))
        return min(run[TICKS // 2] for run in runs)


def per_seat_us(room: type[Field], near: int) -> float:
    """Return the time that one seat with ``near`` entities around it adds to a publish."""
    walkers = round(near * SIDE**2 / math.pi)
    without = Bench(room, 0, walkers).best_publish_s()
    seats = min(SEATS, walkers)
    return (Bench(room, seats, walkers).best_publish_s() - without) / seats * 1e6


GRADES: Final[dict[str, type[Field]]] = {
    "Near": Field,
    "Exact": ExactField,
    "Near with sees": WalledField,
    "Exact with sees": ExactWalledField,
}


def run() -> Iterator[tuple[str, float, str]]:
    """Yield the name, the figure and the unit of each measurement."""
    for name, room in GRADES.items():
        for near in NEAR:
            what = f"view, per seat and publish: {name}, {near} within the radius"
            yield what, per_seat_us(room, near), "µs"
    for name, room in {"Near": TeamField, "Exact": ExactTeamField}.items():
        bench = Bench(room, TEAM_PLAYERS, TEAM_PLAYERS)
        ticks = [bench.tick() for _ in range(RUNS * TICKS)]
        where = f"{TEAM_PLAYERS} players in two teams, {name}"
        work_ms = sorted(step_s + publish_s for step_s, publish_s, _ in ticks)[len(ticks) // 2]
        yield f"{where}: a tick and its publish", work_ms * 1000, "ms"
        yield f"{where}: bytes of a delta", ticks[-1][2] / TEAM_PLAYERS, "B"
