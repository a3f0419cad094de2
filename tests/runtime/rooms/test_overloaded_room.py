"""An overloaded room: what happens to its deltas, its pace and joins."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
import structlog
import trio
from trio.testing import MockClock

from clients.joining import open_game
from clients.replica import Replica
from gameserver import JoinRefused, Near
from gameserver.config import Settings
from gameserver.ops.core_time import CoreTime
from gameserver.ops.metrics import exposition
from gameserver.protocol.messages import Check, Delta, Pace
from gameserver.runtime.rooms import overload, room_task
from gameserver.runtime.rooms.lobby import OVERLOAD_RETRY_S, Lobby
from gameserver.runtime.rooms.overload import LOW_WINDOWS, STEPS
from gameserver.runtime.rooms.room_loop import RoomLoop
from gameserver.runtime.rooms.room_task import RoomTask
from gameserver.runtime.serving import open_server
from tests.support.seated_room import Client, Sink, running, seat
from tests.support.small_game import Field, Pawn

TICK_S = 1 / 20


class Busy(Field):
    """A field whose ticks take ``work_s`` on the mock clock."""

    view = Near(100)
    max_players = 8

    def on_create(self) -> None:
        super().on_create()
        self.levels: list[int] = []
        self.work_s = 0.0
        self.clock: MockClock | None = None

    def tick(self) -> None:
        for pawn in self.world.of_class(Pawn):
            pawn.y += 1 / 8
        if self.clock is not None and self.work_s:
            self.clock.jump(self.work_s)

    def on_overload(self, level: int) -> None:
        self.levels.append(level)


def busy(task: RoomTask, clock: MockClock, load: float) -> Busy:
    room = task.room
    assert isinstance(room, Busy)
    room.clock, room.work_s = clock, load * TICK_S
    return room


def deltas(seated: Client, after: int = 0) -> list[int]:
    return [m.tick for m in seated.sink.messages if isinstance(m, Delta) and m.tick > after]


@pytest.mark.parametrize(("waited", "climbs"), [(0.0, True), (0.6, False)])
async def test_waiting_for_a_core_is_no_load(
    autojump_clock: MockClock, waited: float, climbs: bool
) -> None:
    """A tick that takes long because something else uses the core gives nothing up."""

    def core_time() -> CoreTime:
        now_s = autojump_clock.current_time()
        return CoreTime(computed_s=(1 - waited) * now_s, waited_s=waited * now_s)

    loop = RoomLoop(ping_interval_s=2.0, polled=False, core_time=core_time)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        async with running(Busy(), loop) as task:
            room = busy(task, autojump_clock, 0.0)
            await trio.sleep(2.5)  # by now the loop knows how much it waits
            room.work_s = 0.96 * TICK_S
            await trio.sleep(4)
            assert bool(room.levels) == climbs
        nursery.cancel_scope.cancel()


async def test_twice_the_load_leaves_a_game_that_works(autojump_clock: MockClock) -> None:
    async with running(Busy()) as task:
        room = busy(task, autojump_clock, 2.0)
        ann, watcher = seat(task, 1, "ann"), seat(task, 2, "watcher")
        replica = Replica(room.schema())
        watcher.player.entity = None
        watcher.player.focus = (0.0, 0.0)
        with structlog.testing.capture_logs() as logs:
            await trio.sleep(20)
        assert room.levels == [1, 2, 3]
        assert [e["level"] for e in logs if e["event"] == "overload"] == [1, 2, 3, 3, 3]
        assert {e["log_level"] for e in logs} == {"warning"}
        assert (room.pace, room.publish_interval) == (0.375, 2)
        tally = task.tally()
        assert (tally.overload_ups, tally.overload_downs) == (5, 0)
        # The ticks fit now: none is dropped, and every second one is published.
        dropped, tick = task.tally().ticks_dropped, room.tick_number
        await trio.sleep(20)
        assert task.tally().ticks_dropped == dropped
        assert room.tick_number - tick == pytest.approx(20 * 20 * 0.375, abs=2)
        assert gaps(deltas(ann, tick)) == {2}
        assert gaps(deltas(watcher, tick)) == {2}
        checked = 0
        for message in ann.sink.messages:
            if isinstance(message, Delta):
                replica.apply(message)
            elif isinstance(message, Check):
                assert message.checksum == replica.checksum()
                checked += 1
        assert checked >= 2
        assert ann.ended == []


def gaps(ticks: list[int]) -> set[int]:
    return {later - tick for tick, later in pairwise(ticks)}


async def test_the_pace_is_told_before_it_changes_and_kept_exactly(
    autojump_clock: MockClock,
) -> None:
    async with running(Busy()) as task:
        room = busy(task, autojump_clock, 1.1)
        ann = seat(task, 1, "ann")
        await trio.sleep(15)
        told = [m for m in ann.sink.messages if isinstance(m, Pace)]
        # It is repeated to seats that catch up, as all do when views change.
        said = dict.fromkeys((m.pace, m.publish_every) for m in told)
        assert list(said) == [(1.0, 2), (0.75, 2)]
        for pace in [next(m for m in told if m.pace < 1)]:
            at = ann.sink.messages.index(pace)
            before = [m.tick for m in ann.sink.messages[:at] if isinstance(m, Delta)]
            assert before[-1] < pace.tick
        room.work_s = 0.0
        began_s, began = trio.current_time(), task.now_ticks
        await trio.sleep(1)
        assert task.now_ticks - began == pytest.approx(20 * room.pace * 1)
        await trio.sleep(LOW_WINDOWS * len(STEPS) * 4)
        assert room.levels == [1, 2, 3, 2, 1, 0]
        assert (room.pace, room.publish_interval) == (1.0, 1)
        began_s, began = trio.current_time(), task.now_ticks
        await trio.sleep(10)
        assert task.now_ticks - began == pytest.approx(200)
        assert trio.current_time() - began_s == pytest.approx(10)
        last = [m for m in ann.sink.messages if isinstance(m, Pace)][-1]
        assert (last.pace, last.publish_every) == (1.0, 1)


async def test_a_rush_of_players_does_not_slow_the_room(autojump_clock: MockClock) -> None:
    async with running(Busy()) as task:
        room = busy(task, autojump_clock, 1.2)
        await trio.sleep(0.1)
        for number in range(1, 9):
            seat(task, number, f"player {number}")
        await trio.sleep(1.2)
        assert room.tick_number > 20
        room.work_s = 0.5 * TICK_S
        await trio.sleep(10)
        assert room.levels == []


async def test_a_crowd_that_comes_back_is_a_rush_as_well(autojump_clock: MockClock) -> None:
    async with running(Busy()) as task:
        room = busy(task, autojump_clock, 0.5)
        clients = [seat(task, number, f"player {number}") for number in range(1, 9)]
        await trio.sleep(1.0 + 1.5 * TICK_S)
        assert room.tick_number == 21
        room.work_s = 1.2 * TICK_S
        for client in clients:
            task.roster.take_over(client.member, Sink(), lambda *_: None)
            task.roster.start_deltas(client.member)
        await trio.sleep(1.2)
        assert room.tick_number > 40
        room.work_s = 0.5 * TICK_S
        await trio.sleep(10)
        assert room.levels == []


async def test_a_room_is_back_soon_after_it_was_overloaded(autojump_clock: MockClock) -> None:
    async with running(Busy()) as task:
        room = busy(task, autojump_clock, 1.2)
        await trio.sleep(1.5)
        assert room.levels == [1]
        room.work_s = 0.5 * TICK_S
        await trio.sleep(3.0)
        assert room.levels == [1, 0]


async def test_a_player_who_joins_a_slow_room_is_told_the_pace(autojump_clock: MockClock) -> None:
    async with running(Busy()) as task:
        busy(task, autojump_clock, 2.0)
        await trio.sleep(20)
        bob = seat(task, 1, "bob")
        await trio.sleep(1)
        first, second, *_ = bob.sink.messages
        assert isinstance(first, Delta)
        assert isinstance(second, Pace)
        assert (second.pace, second.publish_every) == (0.375, 2)
        assert second.tick < first.tick


async def test_on_overload_that_raises_ends_the_room(autojump_clock: MockClock) -> None:
    class Fragile(Busy):
        def on_overload(self, level: int) -> None:
            raise ZeroDivisionError("a bug in on_overload")

    async with running(Fragile()) as task:
        busy(task, autojump_clock, 2.0)
        ann = seat(task, 1, "ann")
        await trio.sleep(5)
        assert ann.ended == [(1011, "the room failed in on_overload")]


async def test_an_overloaded_room_refuses_joins_until_it_recovers(
    autojump_clock: MockClock,
) -> None:
    lobby = Lobby({"busy": Busy, "field": Field}, Settings())
    async with trio.open_nursery() as nursery:
        lobby.start(nursery)
        with (
            lobby.reserve(lobby.request("field/calm")),
            lobby.reserve(lobby.request("busy/1")) as place,
        ):
            await place.task.ready.wait()
            room = busy(place.task, autojump_clock, 10.0)
            await trio.sleep(60)
            assert place.task.ladder.step == STEPS[-1]
            refusals = []
            for request in ("busy/1", "busy", "", "field/2"):
                with pytest.raises(JoinRefused) as refusal, lobby.reserve(lobby.request(request)):
                    pass
                refusals.append(refusal.value)
            assert {r.code for r in refusals} == {4005}
            waits = [r.retry_after_s for r in refusals]
            assert all(w is not None and w >= OVERLOAD_RETRY_S for w in waits)
            assert len(set(waits)) == len(waits)
            assert lobby.overload_refusals == 4
            with lobby.reserve(
                lobby.request("field/calm")
            ):  # it has a free seat and is not overloaded
                pass
            place.task.roster.join(place.number, Sink(), "ann", "account-17", lambda *_: None)
            with lobby.reserve(
                lobby.request("busy/1"), identity="account-17"
            ):  # this account plays there already
                pass
            room.work_s = 0.0
            await trio.sleep(30)
            with lobby.reserve(lobby.request("busy/1")):
                pass
        nursery.cancel_scope.cancel()


# ---------------------------------------------------------------- for real


class Heavy(Field):
    """Its ticks take twice the time between two ticks, once ``heavy`` is set."""

    tick_rate = 50
    view = Near(100)
    heavy = False

    def tick(self) -> None:
        for pawn in self.world.of_class(Pawn):
            pawn.y += 1 / 8
        if self.heavy:
            time.sleep(2 / self.tick_rate)


async def test_honest_players_play_on_at_twice_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real sockets, real time: the ladder goes as far as necessary, and every client is right."""
    monkeypatch.setattr(overload, "WINDOW_S", 0.2)
    monkeypatch.setattr(room_task, "CHECK_EVERY_S", 0.5)
    async with open_server({"heavy": Heavy}, Settings(port=0)) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        with trio.fail_after(60):
            async with open_game(url, name="ann") as ann, open_game(url, name="bob") as bob:
                await ann.wait_for_clock()
                ((_, task),) = server.lobby.rooms
                task.room.heavy = True
                while task.ladder.step.pace > 0.375:
                    await ann.next_delta()
                ticks, checks = [], ann.statistics().checks + 3
                while min(player.statistics().checks for player in (ann, bob)) < checks:
                    ticks.append((await ann.next_delta()).tick)
                assert min(gaps(ticks)) == 2
                for player in (ann, bob):
                    statistics = player.statistics()
                    assert (statistics.checksum_failures, statistics.resyncs) == (0, 0)
                    assert statistics.checks >= 2
                    assert player.clock.pace == 0.375
                level = int(task.ladder.step.level)
                told = f'gameserver_overload_level{{kind="heavy"}} {level}.0'
                assert told.encode() in exposition(server.figures())
