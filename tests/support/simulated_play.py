"""A room and its clients on links with delays, without sockets, in simulated time.

``SimulatedPlay`` steps and publishes a real room; each ``SimulatedClient`` runs the real client
except for the bytes.  Every message takes the time that its link gives it, and messages stay in
order.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from functools import partial
from typing import Any

from clients.bots.arena_ship import ArenaShip
from clients.netcode.steering import Steering, Vehicle
from clients.netcode.tickclock import TickClock, ping_interval_s
from clients.replica import Replica
from gameserver.games.arena.model import Pickup, Play, Steer
from gameserver.games.arena.room import Arena
from gameserver.protocol.frames import binary_frame
from gameserver.protocol.messages import Delta, Pace
from gameserver.protocol.tempo import Tempo
from gameserver.replication.publisher import Publisher
from gameserver.room import Room
from gameserver.simulation.seeing import seeing
from gameserver.simulation.stepper import Stepper
from tests.support.frame_sinks import FakeSink

#: Returns the delay of a message that is sent at the given time.
Delay = Callable[[float], float]

#: The time between the beginning of a tick and its deltas.
WORK_S = 0.002
#: The most by which a client's loop wakes up late.
WAKE_S = 0.002


def between(low_s: float, high_s: float, seed: int = 0) -> Delay:
    rng = random.Random(seed)
    return lambda _: rng.uniform(low_s, high_s)


class Way:
    """One direction of a link, which keeps messages in order."""

    def __init__(self, delay: Delay) -> None:
        self.delay = delay
        self._last_s = 0.0

    def arrival_s(self, now_s: float) -> float:
        self._last_s = max(self._last_s, now_s + self.delay(now_s))
        return self._last_s


class SimulatedPlay:
    """A room that ticks; ``run_until`` lets time pass.

    The server's clock is shifted against that of the clients; a pause of its machine shifts it
    further.
    """

    def __init__(self, room: Room, *, first_tick: int = 1) -> None:
        self.room = room
        self.stepper = Stepper(room)
        self.rate = room.tick_rate
        self.publisher = Publisher(
            room.world, check_every_ticks=150, quiet_ticks=30, asker=seeing(room, lambda: 0.0)
        )
        self.now_s = 0.0
        self.remotes: list[SimulatedClient] = []
        self.paused_until_s = 0.0
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self.tempo = Tempo()
        self.publish_interval = 1
        self._published = 0
        self._first = first_tick
        self._shift_s = 0.0
        self._tick = first_tick - 1
        self.at(self._time_of(first_tick), self._server_tick)

    def at(self, time_s: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (max(time_s, self.now_s), next(self._numbers), what))

    def run_until(self, time_s: float) -> None:
        while self._agenda and self._agenda[0][0] <= time_s:
            self.now_s, _, what = heapq.heappop(self._agenda)
            what()
        self.now_s = time_s

    def server_ticks(self, now_s: float) -> float:
        """Return the server's time in ticks."""
        return self.tempo.tick_of((now_s - self._shift_s) * self.rate + self._first - 1)

    def pause(self, seconds: float, *, clock_too: bool) -> None:
        """Stop the server for some time, and with ``clock_too`` its clock as well."""
        self.paused_until_s = self.now_s + seconds
        if clock_too:
            self._shift_s += seconds

    def slow_down(self, pace: float, publish_interval: int, *, notice_ticks: int) -> None:
        """Change the pace of the room as its task does."""
        room = self.room
        self.publish_interval, room.publish_interval = publish_interval, publish_interval
        room.pace = pace
        bend = self._tick + notice_ticks
        self.tempo.bend(bend, pace)
        for seated in self.stepper.seated.values():
            seated.seat.notify(binary_frame(Pace(bend, pace, publish_interval).encode()))

    def _time_of(self, tick: int) -> float:
        return (self.tempo.steady_of(tick) - self._first + 1) / self.rate + self._shift_s

    def _server_tick(self) -> None:
        if self.now_s < self.paused_until_s:
            self.at(self.paused_until_s, self._server_tick)
            return
        # Like the schedule: ticks that cannot be caught up are dropped.
        tick = self._tick = max(self._tick + 1, int(self.server_ticks(self.now_s) + 1e-6))
        stepper = self.stepper
        stepper.expect(tick)
        pings = [ping for remote in self.remotes for ping in remote.read()]
        stepper.step(tick)
        assert not stepper.failures, stepper.failures
        if tick - self._published >= self.publish_interval:
            self._published = tick
            self.publisher.publish(tick, stepper.take_emissions())
            stepper.published(tick)
        told_s = self.now_s + WORK_S
        for remote in self.remotes:
            remote.tell(told_s)
        for remote, sent_s in pings:
            remote.tell_pong(told_s, sent_s, self.server_ticks(told_s))
        self.at(self._time_of(tick + 1), self._server_tick)


class SimulatedClient:
    """A client on a link; ``choose`` gives its command at each tick of its loop.

    ``worst_clock_error`` is in ticks, measured from ``settled_s`` on.
    """

    settled_s = 3.0

    def __init__(
        self,
        field: SimulatedPlay,
        number: int,
        up: Delay,
        down: Delay,
        choose: Callable[[SimulatedClient, int], Any],
        *,
        seed: int = 0,
        vehicle: Callable[[Replica], Vehicle[Any, Any]] | None = None,
    ) -> None:
        self.field = field
        self.up, self.down = Way(up), Way(down)
        self.choose = choose
        self.sink = FakeSink()
        self.seated = field.stepper.join(number, self.sink, f"pilot {number}")
        self.player: Any = self.seated.player
        field.publisher.add(self.seated.seat)
        field.remotes.append(self)
        self.replica = Replica(type(field.room).schema())
        # The welcome also took some time.
        welcome_tick = field.server_ticks(field.now_s - down(field.now_s))
        self.clock = TickClock(field.rate, welcome_tick, field.now_s)
        made = ArenaShip(self.replica, number) if vehicle is None else vehicle(self.replica)
        self.steering: Steering[Any, Any] = Steering(made, self.replica, self.clock)
        self.sent = 0
        self.heard_s = -1.0
        self.asleep_until_s = 0.0
        self.worst_clock_error = 0.0
        self.news: list[Any] = []
        self._rng = random.Random(seed)
        self._seq = 0
        self._pings = 0
        self._inbox: list[tuple[str, Any]] = []
        field.at(field.now_s, self._ping)
        field.at(field.now_s, self._loop)

    # ------------------------------------------------------------ the client

    def send(self, command: Any, tick: int = 0, rendered: int = 0) -> None:
        self._seq += 1
        self._send(("command", (self._seq, command, tick, rendered)))

    def sleep(self, seconds: float) -> None:
        """Stop this client for some time; it reads what came when it wakes."""
        self.asleep_until_s = self.field.now_s + seconds

    def _send(self, message: tuple[str, Any]) -> None:
        arrival_s = self.up.arrival_s(self.field.now_s)
        self.field.at(arrival_s, lambda: self._inbox.append(message))

    def _awake(self, then: Callable[[], None]) -> bool:
        if self.field.now_s < self.asleep_until_s:
            self.field.at(self.asleep_until_s, then)
            return False
        return True

    def _ping(self) -> None:
        if self._awake(self._ping):
            self._pings += 1
            self._send(("ping", self.field.now_s))
            about_s = 0.25 if self._pings < 8 else 1.0
            self.field.at(self.field.now_s + ping_interval_s(about_s, self.field.rate), self._ping)

    def _loop(self) -> None:
        if not self._awake(self._loop):
            return
        now_s = self.field.now_s
        tick = self.steering.due(now_s)
        if tick is not None:
            command = self.choose(self, tick)
            if command is not None and (order := self.steering.steer(command, now_s)) is not None:
                self.sent += 1
                self.send(order.command, order.tick, order.rendered)
        due_s = self.steering.next_due_s() if self.clock.known else now_s + 0.01
        self.field.at(max(due_s, now_s + 1e-4) + self._rng.uniform(0, WAKE_S), self._loop)

    def _hear_delta(self, delta: Delta) -> None:
        if not self._awake(lambda: self._hear_delta(delta)):
            return
        now_s = self.field.now_s
        events = self.replica.apply(delta)
        self.clock.delta(delta.tick, now_s)
        self.news += self.steering.delta(delta.margin, events, now_s)
        self.heard_s = now_s
        self._note_clock(now_s)

    def _hear_pace(self, pace: Pace) -> None:
        if self._awake(lambda: self._hear_pace(pace)):
            self.clock.change_pace(pace.tick, pace.pace, pace.publish_every)

    def _hear_pong(self, sent_s: float, tick: float) -> None:
        if not self._awake(lambda: self._hear_pong(sent_s, tick)):
            return
        self.clock.pong(sent_s, self.field.now_s, tick)
        self._note_clock(self.field.now_s)

    def _note_clock(self, now_s: float) -> None:
        if now_s > self.settled_s:
            error = abs(self.clock.tick_at(now_s) - self.field.server_ticks(now_s))
            self.worst_clock_error = max(self.worst_clock_error, error)

    # ------------------------------------------------------------ the server's side of it

    def read(self) -> list[tuple[SimulatedClient, float]]:
        """Pass commands that have arrived to the room, and return the pings."""
        inbox, self._inbox = self._inbox, []
        pings = []
        for what, content in inbox:
            if what == "ping":
                pings.append((self, content))
            else:
                seq, command, tick, rendered = content
                self.seated.commands.take(seq, command, tick=tick, rendered=rendered)
        return pings

    def tell(self, now_s: float) -> None:
        for message in self.sink.take_messages():
            if isinstance(message, Delta):
                self.field.at(self.down.arrival_s(now_s), partial(self._hear_delta, message))
            elif isinstance(message, Pace):
                self.field.at(self.down.arrival_s(now_s), partial(self._hear_pace, message))

    def tell_pong(self, now_s: float, sent_s: float, tick: float) -> None:
        self.field.at(self.down.arrival_s(now_s), lambda: self._hear_pong(sent_s, tick))

    # ------------------------------------------------------------ for the tests

    @property
    def ship(self) -> Any:
        """The own ship in the room, or None."""
        return self.player.entity

    @property
    def counts(self) -> Any:
        return self.steering.predictor.counts


def quiet_arena(seed: int = 1) -> Arena:
    """Return an arena in which only its pilot affects a ship."""
    room = Arena(seed=seed)
    for pickup in list(room.world.of_class(Pickup)):
        room.pickups._grid.remove(pickup)
        room.despawn(pickup)
    room.pickups._next_at = 1 << 40
    room.rounds.round.ends_at = 1 << 40
    return room


def restless(seed: int) -> Callable[[SimulatedClient, int], Steer | None]:
    """Return a pilot that changes the controls every second or so, at random."""
    rng = random.Random(seed)
    held = Steer()
    until = 0

    def choose(remote: SimulatedClient, tick: int) -> Steer | None:
        nonlocal held, until
        if remote.steering.own is None:
            if remote.ship is None and tick % 30 == 0:
                remote.send(Play(name="pilot", colour=1))
            return None
        if tick >= until:
            until = tick + rng.randrange(1, 25)
            held = Steer(
                turn=rng.randint(-1, 1),
                thrust=rng.random() < 0.7,
                dash=rng.random() < 0.2,
                fire=rng.random() < 0.4,
                mine=rng.random() < 0.1,
                aim=rng.randrange(256),
            )
        return held

    return choose
