"""The ladder of the whole server: when it takes a step, and which rooms give something up."""

from __future__ import annotations

import attrs
import pytest
import structlog
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from gameserver import JoinRefused, Settings
from gameserver.runtime.rooms.lobby import Lobby
from gameserver.runtime.rooms.server_overload import (
    BUSY_SHARE,
    HIGH_WINDOWS,
    LOW_WINDOWS,
    SETTLING_WINDOWS,
    WORTH_ASKING,
    ServerOverload,
)
from tests.support.small_game import Field


@attrs.define(eq=False)
class Loaded:
    """A room with a ladder of ``steps`` steps; each of them halves its load."""

    full_load: float
    steps: int = 4
    demanded: int = 0
    own_steps: int = 0

    @property
    def given_up(self) -> int:
        return self.demanded

    @property
    def can_give(self) -> bool:
        return self.demanded + 1 < self.steps

    @property
    def load(self) -> float:
        return self.full_load / 2**self.demanded

    def demand(self, steps: int) -> None:
        assert abs(steps - self.demanded) == 1
        self.demanded = steps


class Server:
    """Reports windows as the scheduler of a server with these rooms would."""

    def __init__(self, *loads: float) -> None:
        self.overload = ServerOverload()
        self.rooms = [Loaded(load) for load in loads]
        for room in self.rooms:
            self.overload.add(room)
        self.counted = [0.0, 0.0, 0, 0]
        self.own_part = 1.0

    def window(self, count: int = 1) -> None:
        for _ in range(count):
            load = sum(room.load for room in self.rooms)
            now_s, busy_s, ticks, late = self.counted
            late += 100 if load > 1 else 0
            self.counted = [now_s + 1, busy_s + min(load, 1.0), ticks + 100, late]
            self.overload.look(*self.counted, self.own_part)  # type: ignore[arg-type]

    @property
    def steps(self) -> list[int]:
        return [room.demanded for room in self.rooms]


def test_a_server_with_enough_time_asks_for_nothing() -> None:
    server = Server(*[0.009] * 100)
    server.window(100)
    assert set(server.steps) == {0}
    assert not server.overload.no_new_rooms


def test_a_server_that_waits_for_a_core_asks_for_nothing() -> None:
    server = Server(*[0.05] * 60)
    server.own_part = BUSY_SHARE - 0.01
    server.window(100)
    assert not server.overload.no_new_rooms
    server.own_part = BUSY_SHARE + 0.01
    server.window(HIGH_WINDOWS)
    assert server.overload.no_new_rooms


def test_no_new_rooms_come_first_and_then_the_heaviest_rooms_give() -> None:
    server = Server(0.6, *[0.1] * 6)
    server.window(HIGH_WINDOWS)
    assert server.overload.no_new_rooms
    assert set(server.steps) == {0}
    server.window(HIGH_WINDOWS)
    assert server.steps == [1, *[0] * 6]
    assert (server.overload.steps, server.overload.rooms_demanded) == (2, 1)


def test_nobody_gives_twice_before_all_have_given_once() -> None:
    server = Server(*[0.05] * 60)
    for _ in range(30):
        server.window(HIGH_WINDOWS)
        assert max(server.steps) - min(server.steps) <= 1
    assert sum(room.load for room in server.rooms) <= 1


def test_all_is_taken_back_in_the_opposite_order() -> None:
    server = Server(*[0.05] * 60)
    server.window(40)
    assert min(server.steps) >= 1
    for room in server.rooms:
        room.full_load = 0.001
    while any(server.steps):
        server.window(LOW_WINDOWS)
        assert server.overload.no_new_rooms
        assert max(server.steps) - min(server.steps) <= 1
    server.window(LOW_WINDOWS)
    assert not server.overload.no_new_rooms


def test_the_server_waits_for_a_room_that_climbs_by_itself() -> None:
    server = Server(1.5)
    for _ in range(5):
        server.rooms[0].own_steps += 1
        server.window()
    server.window(SETTLING_WINDOWS - 2)
    assert not server.overload.no_new_rooms


def test_a_room_without_load_is_not_asked() -> None:
    server = Server(5.0, 0.001)
    server.window(50)
    assert server.steps == [3, 0]


def test_one_late_second_is_no_overload() -> None:
    server = Server(*[0.2] * 6)
    server.window()
    server.rooms[0].full_load = 0.0
    server.rooms[1].full_load = 0.1
    server.window()
    assert not server.overload.no_new_rooms


@given(st.lists(st.floats(0.001, 1.5), max_size=30))
def test_any_load_ends_with_all_that_can_be_given_or_with_ticks_that_fit(
    loads: list[float],
) -> None:
    server = Server(*loads)
    server.window(2000)
    total = sum(room.load for room in server.rooms)
    worth_asking = WORTH_ASKING * total / max(len(loads), 1)
    able = [room for room in server.rooms if room.can_give and room.load >= worth_asking]
    assert total <= 1 or not able
    for room in server.rooms:
        server.overload.remove(room)
        server.overload.remove(room)
    server.rooms.clear()
    server.window(2 * LOW_WINDOWS)
    assert not server.overload.no_new_rooms


# ---------------------------------------------------------------- in a server


class Small(Field):
    """A field whose ticks take ``work_s`` on the mock clock."""

    work_s = 0.0
    clock: MockClock

    def tick(self) -> None:
        if self.work_s:
            self.clock.jump(self.work_s)


async def test_many_small_rooms_that_are_too_much_together_all_slow_down(
    autojump_clock: MockClock,
) -> None:
    Small.clock, Small.work_s = autojump_clock, 0.0
    lobby = Lobby({"small": Small}, Settings())
    async with trio.open_nursery() as nursery:
        lobby.start(nursery)
        with trio.CancelScope():
            places = [lobby.reserve(lobby.request(f"small/{number}")) for number in range(10)]
            for place in places:
                place.__enter__()
            await trio.sleep(1)
            Small.work_s = 0.01  # twice the time there is; a fifth of it in each room
            with structlog.testing.capture_logs() as logs:
                await trio.sleep(60)
            assert [e for e in logs if e["event"] == "server overload"]
            with pytest.raises(JoinRefused) as refusal, lobby.reserve(lobby.request("small/new")):
                pass
            assert refusal.value.code == 4005
            rooms = [task for _, task in lobby.rooms]
            steps = [task.ladder.index for task in rooms]
            assert max(steps) - min(steps) <= 1
            assert min(steps) >= 1
            assert [task.tally().overload_ups for task in rooms] == [0] * 10, "none by itself"
            dropped = [task.tally().ticks_dropped for task in rooms]
            await trio.sleep(10)
            assert [task.tally().ticks_dropped for task in rooms] == dropped, "the ticks fit now"
            Small.work_s = 0.0
            await trio.sleep(120)
            assert [task.ladder.index for task in rooms] == [0] * 10
            with lobby.reserve(lobby.request("small/new")):
                pass
            for place in places:
                place.__exit__(None, None, None)
        nursery.cancel_scope.cancel()
