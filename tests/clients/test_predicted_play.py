"""Predicted play over a connection: a scripted server, virtual time."""

from __future__ import annotations

import contextlib
import itertools
import math
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import trio
from trio_websocket import ConnectionClosed

from clients.errors import ConnectionLost
from clients.game_client import GameClient
from clients.netcode.effects import Effect
from clients.netcode.pings import PING_EVERY_S
from clients.netcode.steering import KEEP_ALIVE_TICKS, Steering, Vehicle
from clients.netcode.tickclock import TickClock
from clients.remote import RemoteEntity, RemoteEvent
from clients.replica import Replica
from gameserver.model.schema import Schema, command, entity, event, number, synced
from gameserver.protocol.messages import (
    CommandMessage,
    Pace,
    Ping,
    Pong,
    Resync,
    Status,
    decode_from_client,
)
from tests.support.scripted_server import (
    Dial,
    Game,
    Server,
    delta,
    dial_fixture,  # noqa: F401 - a fixture
    game_fixture,  # noqa: F401 - a fixture
    serve,
)

RATE = 20


@entity(at=("x", "y"))
class Bead:
    x: int = synced(0)
    y: int = synced(0)


@command
class Pull:
    force: int = number(-3, 3)


@event
class Rang:
    x: int = 0


SCHEMA = Schema.of([Bead, Pull, Rang])


class BeadOnWire(Vehicle[int, Pull]):
    """It moves one step for each pull; at multiples of 50 a bell rings."""

    kinds = ("Bead",)
    jump_distance = 10.0
    snap_distance = 100.0

    def state_of(self, entity: RemoteEntity) -> int:
        return int(entity.x)

    def step(self, state: int, command: Pull) -> int:
        return state + command.force

    def idle(self, last: Pull | None, silent_ticks: int) -> Pull:
        return Pull() if last is None or silent_ticks > 15 else last

    def place(self, state: int) -> tuple[float, float]:
        return state, 0.0

    def effects(self, before: int, after: int, tick: int) -> list[Effect]:
        return [Effect("Rang", tick)] if before // 50 != after // 50 else []

    def effect_of(self, event: RemoteEvent) -> tuple[str, object] | None:
        return ("Rang", None)


class Host(Server):
    """A server that ticks, applies commands, and can pause."""

    def __init__(self, ws: Any) -> None:
        super().__init__(ws)
        self.start_s = trio.current_time()
        self.x = 0
        self.pulls: dict[int, int] = {}
        self.commands: list[tuple[int, int]] = []
        self.heard_at_s: dict[int, float] = {}
        self.pings = 0
        self.held = 0
        self.paused_until_s = 0.0
        self.lost_s = 0.0
        self.margin: int | None = None
        self.resyncs = 0

    def now_ticks(self) -> float:
        return (trio.current_time() - self.start_s - self.lost_s) * RATE

    def pause(self, seconds: float) -> None:
        self.paused_until_s = trio.current_time() + seconds
        self.lost_s += seconds

    async def awake(self) -> None:
        await trio.sleep_until(self.paused_until_s)

    async def listen(self) -> None:
        while True:
            message = decode_from_client(await self.ws.get_message())
            await self.awake()
            if isinstance(message, Ping):
                self.pings += 1
                await self.tell(Pong(message.nonce, message.client_time, self.now_ticks()))
            elif isinstance(message, CommandMessage) and message.tick:
                self.commands.append((message.tick, message.values[0]))
                self.pulls[message.tick] = message.values[0]
                self.margin = message.tick - math.floor(self.now_ticks()) - 1
            elif isinstance(message, Resync):
                self.resyncs += 1

    async def tick(self) -> None:
        number = 1
        await self.tell(delta(1, leaves=None, enters=[1, 0, 0, 0], own=[1]))
        while True:
            number += 1
            await trio.sleep_until(self.start_s + self.lost_s + number / RATE)
            if trio.current_time() < self.paused_until_s:
                await trio.sleep_until(self.start_s + self.lost_s + number / RATE)
            before = self.x
            self.held = self.pulls.get(number, self.held)
            self.x += self.held
            rang = [[0, self.x]] if before // 50 != self.x // 50 else []
            margin, self.margin = self.margin, None
            await self.tell(delta(number, margin=margin, sets=[1, 1, self.x], events=rang))


async def until_closed(task: Callable[[], Awaitable[None]]) -> None:
    with contextlib.suppress(ConnectionClosed):
        await task()


def hosting(hosts: list[Host]) -> Callable[[Server], Awaitable[None]]:
    async def script(server: Server) -> None:
        host = Host(server.ws)
        hosts.append(host)
        await host.let_in(tick=0, tick_rate=RATE, schema=SCHEMA.describe(), own_entity=1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(until_closed, host.tick)
            await until_closed(host.listen)
            nursery.cancel_scope.cancel()

    return script


async def play_until(client: GameClient, play: Any, time_s: float, force: int = 1) -> None:
    async for _ in play:
        if play.own is not None:
            await play.steer(Pull(force=force))
        if trio.current_time() >= time_s:
            return


async def test_a_command_shows_at_once_and_the_server_agrees(
    game: Game,
    autojump_clock: trio.testing.MockClock,
) -> None:
    hosts: list[Host] = []
    async with game(hosting(hosts)) as client:
        play = client.steering(BeadOnWire())
        began_s = trio.current_time()
        ticks = []
        async for tick in play:
            ticks.append(tick)
            before = play.own
            if before is not None and client.replica.tick < tick:
                await play.steer(Pull(force=2))
                assert play.own == before + 2
            if trio.current_time() > began_s + 10:
                break
        counts = play.steering.predictor.counts
        assert (counts.corrections, counts.adjustments) == (0, 0)
        assert ticks == list(range(ticks[0], ticks[0] + len(ticks)))
        assert hosts[0].commands[0][1] == 2
        sent = [tick for tick, _ in hosts[0].commands]
        assert {b - a for a, b in itertools.pairwise(sent[2:])} == {KEEP_ALIVE_TICKS}
        assert play.place_of(client.replica.entities[1]) is not None
        assert hosts[0].pings == pytest.approx(8 + 8 / PING_EVERY_S, abs=2)


async def test_a_predicted_event_is_no_news(
    game: Game,
    autojump_clock: trio.testing.MockClock,
) -> None:
    hosts: list[Host] = []
    async with game(hosting(hosts)) as client:
        play = client.steering(BeadOnWire())
        await play_until(client, play, trio.current_time() + 5, 3)
        shown = play.steering.take_changes()
        assert len(shown) >= 4
        assert not any(change.undo for change in shown)
        heard = [await client.next_delta() for _ in range(60)]
        assert any(applied.events for applied in heard)
        assert not any(applied.news for applied in heard)


@pytest.mark.parametrize("pause_s", [5.0])
async def test_a_pause_of_the_server_is_over_within_a_second(
    game: Game,
    autojump_clock: trio.testing.MockClock,
    pause_s: float,
) -> None:
    hosts: list[Host] = []
    async with game(hosting(hosts)) as client:
        play = client.steering(BeadOnWire())
        now_s = trio.current_time()
        await play_until(client, play, now_s + 5)
        hosts[0].pause(pause_s)
        await play_until(client, play, now_s + 5 + pause_s + 1.0)
        error = client.clock.tick_at(trio.current_time()) - hosts[0].now_ticks()
        assert abs(error) < 0.5
        corrected = play.steering.predictor.counts.corrections
        await play_until(client, play, now_s + 5 + pause_s + 4.0)
        assert play.steering.predictor.counts.corrections == corrected
        behind = client.replica.tick - play.steering.rendered_tick
        assert 0 < behind < 6


async def test_a_loop_that_slept_goes_on_where_the_server_is(
    game: Game,
    autojump_clock: trio.testing.MockClock,
) -> None:
    hosts: list[Host] = []
    async with game(hosting(hosts)) as client:
        play = client.steering(BeadOnWire())
        now_s = trio.current_time()
        await play_until(client, play, now_s + 5)
        await trio.sleep(10)
        await play_until(client, play, now_s + 16)
        assert play.steering.missed_ticks == pytest.approx(10 * RATE, abs=3)
        counts = play.steering.predictor.counts.corrections
        await play_until(client, play, now_s + 20)
        assert play.steering.predictor.counts.corrections == counts
        assert abs(play.steering.tick - hosts[0].now_ticks()) < 3


async def test_the_servers_shares_of_the_latency_come_with_its_status(
    game: Game,
    autojump_clock: trio.testing.MockClock,
) -> None:
    hosts: list[Host] = []
    async with game(hosting(hosts)) as client:
        play = client.steering(BeadOnWire())
        now_s = trio.current_time()
        await play_until(client, play, now_s + 2)
        await hosts[0].tell(
            Status(1, 1, 1, 1, 700, 3, 0, 0, 0, 0, 100, simulate_us=2_000, send_us=3_000)
        )
        await play_until(client, play, now_s + 4)
        newest = play.steering.budget.newest
        assert newest is not None
        assert (newest.simulate, newest.post) == (0.002, 0.003)


@pytest.mark.parametrize(("code", "ends"), [(1000, True), (1001, False)])
async def test_the_loop_ends_on_a_normal_close_or_raises(
    game: Game,
    autojump_clock: trio.testing.MockClock,
    code: int,
    ends: bool,
) -> None:
    async def script(server: Server) -> None:
        await server.let_in(tick_rate=RATE, schema=SCHEMA.describe())
        ping = await server.hear(Ping)
        await server.tell(Pong(ping.nonce, ping.client_time, 1.0))
        await trio.sleep(1)
        await server.ws.aclose(code)

    async with game(script) as client:
        play = client.steering(BeadOnWire())
        if ends:
            assert len([tick async for tick in play]) == pytest.approx(RATE, abs=2)
        else:
            with pytest.raises(ConnectionLost):
                assert [tick async for tick in play]


async def test_without_a_pong_the_loop_waits_until_the_connection_ends(
    game: Game,
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def script(server: Server) -> None:
        await server.let_in(tick_rate=RATE, schema=SCHEMA.describe())
        await trio.sleep(3)
        await server.ws.aclose(1001)

    async with game(script) as client:
        with pytest.raises(ConnectionLost):
            await client.steering(BeadOnWire()).__anext__()


@pytest.mark.parametrize("seed", range(20))
def test_a_tick_is_due_at_its_due_time(seed: int) -> None:
    """Otherwise a rounding error lets a loop wait for it again and again."""
    chance = random.Random(seed)
    started_s, tick = chance.uniform(0, 1000), chance.uniform(0, 50)
    clock = TickClock(RATE, tick, started_s)
    clock.pong(started_s, started_s + 0.1, tick + 1.1)
    steering = Steering(BeadOnWire(), Replica(SCHEMA), clock)
    now_s = started_s + 0.1
    steering.due(now_s)
    for _ in range(200):
        before = steering.tick
        for _ in range(5):  # the lead may slow down meanwhile
            now_s = max(now_s, steering.next_due_s())
            steering.due(now_s)
        assert steering.tick > before


async def test_in_another_room_the_clock_of_the_first_is_forgotten(
    game: Game, dial: Dial, autojump_clock: trio.testing.MockClock
) -> None:
    """The server was restarted: its ticks are lower, and it has another pace."""
    hosts: list[Host] = []
    async with game(hosting(hosts), resume=True) as client:
        play = client.steering(BeadOnWire())
        await play_until(client, play, 1)
        delay_s = play.steering.playback.delay_s
        await hosts[0].tell(Pace(10_000, 0.5, 3))
        await play_until(client, play, 20)
        assert play.steering.playback.delay_s > 2 * delay_s
        assert play.steering.rendered_tick > 300
        dial(partial(serve, script=hosting(hosts)))
        await hosts[0].ws.aclose(1001)
        await play_until(client, play, 25)
        assert client.rejoins == 1
        now_ticks = hosts[1].now_ticks()
        assert play.steering.playback.delay_s <= delay_s
        assert now_ticks - 10 < play.steering.rendered_tick < now_ticks
        assert play.own is not None
        bead = client.replica.own
        assert bead is not None
        place = play.place_of(bead)
        assert place is not None
        assert abs(place[0] - bead.x) < 10
