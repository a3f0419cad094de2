"""The task of one room, stepped by a mock clock, with sinks that only remember."""

from __future__ import annotations

from typing import Any

import pytest
import structlog
import trio
from trio.testing import MockClock

from gameserver import JoinRefused, Player
from gameserver.protocol.messages import Check, Delta, Said
from gameserver.runtime.rooms.hook_watch import MAX_BLOCKS
from gameserver.runtime.rooms.room_task import STOP_TIMEOUT_S
from tests.support.seated_room import (
    TICK_S,
    room_task,
    run_alone,
    running,
    seat,
    seat_without_deltas,
)
from tests.support.small_game import Field, Pawn, Rang, Step


async def test_ticks_and_deltas_keep_the_rate(autojump_clock: MockClock) -> None:
    async with running(Field()) as task:
        ann = seat(task, 1, "ann")
        await trio.sleep(1.0 + TICK_S / 2)
        assert task.room.tick_number == 20
        ticks = [m.tick for m in ann.sink.messages if isinstance(m, Delta)]
        assert ticks[0] == 1
        statistics = task.statistics()
        assert statistics is not None
        assert (statistics.ticks, statistics.dropped) == (20, 0)
        assert task.last_work_s is not None
        assert task.now_ticks == pytest.approx(20.5)
        assert task.tally().ticks == 20


async def test_a_room_may_publish_less_often_than_it_ticks(autojump_clock: MockClock) -> None:
    class Seldom(Field):
        publish_every = 4

        def tick(self) -> None:
            for pawn in self.world.of_class(Pawn):
                pawn.y += 1

    async with running(Seldom()) as task:
        ann = seat(task, 1, "ann")
        await trio.sleep(1.0 + TICK_S / 2)
        assert [m.tick for m in ann.sink.messages if isinstance(m, Delta)] == [4, 8, 12, 16, 20]


async def test_events_are_handed_over_once(autojump_clock: MockClock) -> None:
    async with running(Field()) as task:
        ann = seat(task, 1, "ann")
        await trio.sleep(TICK_S)
        task.room.emit(Rang(3))
        task.room.say("once")
        await trio.sleep(3 * TICK_S)
        assert [e for m in ann.sink.messages if isinstance(m, Delta) for e in m.events] == [[0, 3]]
        assert ann.sink.of(Said) == [Said(0, "", "once")]


async def test_checks_go_out_every_few_seconds(autojump_clock: MockClock) -> None:
    async with running(Field()) as task:
        ann = seat(task, 1, "ann")
        await trio.sleep(10.5)  # amid two turns: tick 220 would be a toss-up
        assert [m.tick for m in ann.sink.messages if isinstance(m, Check)] == [20, 120]


async def test_texts_reach_all_or_one(autojump_clock: MockClock) -> None:
    async with running(Field()) as task:
        ann, bob = seat(task, 1, "ann"), seat(task, 2, "bob")
        task.stepper.hear(ann.player, "to all")
        task.room.say("to bob", to=bob.player)
        await trio.sleep(2 * TICK_S)
        assert ann.sink.of(Said) == [Said(1, "ann", "to all")]
        assert bob.sink.of(Said) == [Said(0, "", "to bob"), Said(1, "ann", "to all")]


async def test_no_delta_before_the_welcome(autojump_clock: MockClock) -> None:
    async with running(Field()) as task:
        ann = seat_without_deltas(task, 1, "ann")
        await trio.sleep(3 * TICK_S)
        assert ann.sink.messages == []
        task.roster.start_deltas(ann.member)
        await trio.sleep(2 * TICK_S)
        assert ann.sink.of(Delta)


async def test_no_delta_after_leave(autojump_clock: MockClock) -> None:
    async with running(Field()) as task:
        ann = seat(task, 1, "ann")
        await trio.sleep(2 * TICK_S)
        task.roster.leave(ann.member, "left")
        task.roster.leave(ann.member, "left again")
        task.roster.start_deltas(ann.member)  # as a session does that was ended during its welcome
        count = len(ann.sink.messages)
        await trio.sleep(2)
        assert len(ann.sink.messages) == count
        assert isinstance(task.room, Field)
        assert task.room.left == [("ann", "left")]
        assert ann.ended == []


# ---------------------------------------------------------------- hooks that raise


async def test_on_command_that_raises_ends_that_player_only(autojump_clock: MockClock) -> None:
    async with running(Field()) as task:
        ann, bad = seat(task, 1, "ann"), seat(task, 2, "command-bug")
        bad.seated.commands.take(1, Step(1))
        with structlog.testing.capture_logs() as logs:
            await trio.sleep(2 * TICK_S)
        assert bad.ended == [(1011, "the game failed on you")]
        assert ann.ended == []
        assert task.ended is None
        assert task.hooks.failures == 1
        (entry,) = [e for e in logs if e["event"] == "hook failed"]
        assert entry["room"] == "field/1"
        assert entry["hook"] == "on_command"
        assert entry["tick"] == 1
        assert (entry["seat"], entry["player"]) == (2, "command-bug")
        assert isinstance(entry["exc_info"], ZeroDivisionError)
        ann.seated.commands.take(1, Step(1))
        await trio.sleep(2 * TICK_S)
        assert ann.player.entity.x == 1.0


async def test_a_tick_that_raises_ends_the_room(autojump_clock: MockClock) -> None:
    room = Field()
    task = room_task(room)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_alone, task)
        await task.ready.wait()
        ann, bob = seat(task, 1, "ann"), seat(task, 2, "bob")
        room.log.append("tick-bug")
        # Leaves the nursery by itself: a failed room's task ends.
    assert ann.ended == bob.ended == [(1011, "the room failed in tick")]
    assert task.ended == "the room failed in tick"
    assert room.log == ["start", "tick-bug", "stop"]
    with pytest.raises(JoinRefused) as refusal:
        seat(task, 3, "cal")
    assert refusal.value.code == 1011


@pytest.mark.parametrize("wrong", [float("nan"), "text", None])
async def test_a_field_that_cannot_be_sent_ends_the_room(
    autojump_clock: MockClock, wrong: object
) -> None:
    task = room_task(Field())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_alone, task)
        await task.ready.wait()
        ann = seat(task, 1, "ann")
        ann.player.entity.x = wrong
    assert [code for code, _ in ann.ended] == [1011]
    assert task.ended is not None
    assert task.hooks.failures == 1


async def test_a_name_that_cannot_be_sent_ends_the_room(autojump_clock: MockClock) -> None:
    task = room_task(Field())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_alone, task)
        await task.ready.wait()
        ann = seat(task, 1, "ann")
        ann.player.name = "\ud800"
        task.stepper.hear(ann.player, "hello")
    assert ann.ended == [(1011, "the room failed: a value that cannot be sent")]


async def test_on_join_that_raises_leaves_no_trace(autojump_clock: MockClock) -> None:
    async with running(Field()) as task:
        with pytest.raises(JoinRefused) as refusal:
            seat(task, 1, "join-bug")
        assert refusal.value.code == 1011
        assert task.room.players == {}
        assert task.stepper.failures == []
        assert task.ended is None


async def test_on_leave_that_raises_is_reported_at_once(autojump_clock: MockClock) -> None:
    class Clingy(Field):
        def on_leave(self, player: Player, reason: str) -> None:
            raise ZeroDivisionError("a bug in on_leave")

    async with running(Clingy()) as task:
        ann = seat(task, 1, "ann")
        task.roster.leave(ann.member, "left")
        assert task.hooks.failures == 1
        assert task.stepper.failures == []
        assert task.ended is None


async def test_on_start_that_raises_ends_the_room_before_it_began() -> None:
    class Stillborn(Field):
        async def on_start(self) -> None:
            raise ZeroDivisionError("a bug in on_start")

    room = Stillborn()
    task = room_task(room)
    await task.run()
    assert task.ready.is_set()
    assert task.ended == "the room failed in on_start"
    assert room.log == []  # on_stop is for rooms that started
    assert task.statistics() is None
    assert task.now_ticks == 0.0


async def test_stop_runs_on_stop_once(autojump_clock: MockClock) -> None:
    room = Field()
    task = room_task(room)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_alone, task)
        await trio.sleep(1)
        task.stop()
    assert room.log == ["start", "stop"]
    assert task.ended == "the room is closed"


async def test_on_stop_has_a_deadline(autojump_clock: MockClock) -> None:
    class Slow(Field):
        async def on_stop(self) -> None:
            await trio.sleep_forever()

    task = room_task(Slow())
    begun_s = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_alone, task)
        await task.ready.wait()
        task.stop()
    assert trio.current_time() - begun_s == pytest.approx(STOP_TIMEOUT_S)


async def test_kicked_players_are_ended_after_the_tick(autojump_clock: MockClock) -> None:
    async with running(Field()) as task:
        ann, bob = seat(task, 1, "ann"), seat(task, 2, "bob")
        bob.player.kick("enough")
        assert bob.ended == []
        await trio.sleep(3 * TICK_S)
        assert bob.ended == [(4010, "enough")]  # once, though the session takes its time
        assert ann.ended == []


# ---------------------------------------------------------------- hooks that block


class Blocking(Field):
    """A field whose hooks take their time, on the mock clock."""

    def on_create(self) -> None:
        super().on_create()
        self.clock: MockClock | None = None
        self.slow: dict[str, float] = {}

    def take_time(self, hook: str) -> None:
        if self.clock is not None:
            self.clock.jump(self.slow.pop(hook, 0.0))

    def on_join(self, player: Player) -> None:
        super().on_join(player)
        self.take_time("on_join")

    def on_leave(self, player: Player, reason: str) -> None:
        self.take_time("on_leave")
        super().on_leave(player, reason)

    def on_command(self, player: Player, command: Step) -> None:
        self.take_time("on_command")

    def on_say(self, player: Player, text: str) -> str | None:
        self.take_time("on_say")
        return text

    def tick(self) -> None:
        self.take_time("tick")


def blocked(logs: list[Any]) -> list[tuple[str, float]]:
    entries = [e for e in logs if e["event"] == "a hook blocked the server"]
    assert all(e["log_level"] == "error" and e["room"] == "field/1" for e in entries)
    return [(e["hook"], e["took_s"]) for e in entries]


@pytest.mark.parametrize("hook", ["on_join", "on_leave", "on_command", "on_say", "tick"])
async def test_a_hook_that_blocks_is_named_and_its_room_goes_on(
    autojump_clock: MockClock, hook: str
) -> None:
    room = Blocking()
    async with running(room) as task:
        ann = seat(task, 1, "ann")
        await trio.sleep(2 * TICK_S)
        room.clock, room.slow = autojump_clock, {hook: 2.0}
        with structlog.testing.capture_logs() as logs:
            bob = seat(task, 2, "bob")
            bob.seated.commands.take(1, Step(1))
            task.stepper.hear(bob.player, "hello")
            await trio.sleep(3 * TICK_S)
            task.roster.leave(bob.member, "left")
            await trio.sleep(1.0)
        assert blocked(logs) == [(hook, 2.0)]
        assert task.tally().blocks == 1
        assert (task.ended, ann.ended) == (None, [])
        assert task.ladder.step.level == 0  # one of them is no overload


async def test_other_rooms_are_back_on_time_within_a_tick(autojump_clock: MockClock) -> None:
    room = Blocking()
    async with running(room), running(Field()) as other:
        ann = seat(other, 1, "ann")
        await trio.sleep(1.0)
        room.clock, room.slow = autojump_clock, {"tick": 2.0}
        await trio.sleep(2.0 + 3.5 * TICK_S)  # between two ticks
        # Of the 40 ticks that could not be, none is made up for at the cost of those to come.
        before = other.tally()
        assert before.ticks_dropped >= 36
        await trio.sleep(1.0)
        after = other.tally()
        assert after.ticks - before.ticks == 20
        assert after.ticks_dropped == before.ticks_dropped
        assert after.catch_ups == before.catch_ups
        assert ann.ended == []


async def test_a_room_that_blocks_tick_after_tick_is_ended(autojump_clock: MockClock) -> None:
    class Stuck(Blocking):
        def tick(self) -> None:
            if self.clock is not None:
                self.clock.jump(2.0)

    room = Stuck()
    async with running(room) as task:
        ann = seat(task, 1, "ann")
        await trio.sleep(2 * TICK_S)
        room.clock = autojump_clock
        with structlog.testing.capture_logs() as logs:
            await trio.sleep(30)
        assert blocked(logs) == [("tick", 2.0)] * MAX_BLOCKS
        assert ann.ended == [(1011, "the room failed: tick blocked the server")]
