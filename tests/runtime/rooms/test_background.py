"""Background calls in the task of a room: they run beside it, and end with it."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from gameserver.calls import Call
from tests.support.seated_room import TICK_S, running
from tests.support.small_game import Field


class Library(Field):
    """Asks for books, which take 10.4 ticks each."""

    def on_create(self) -> None:
        super().on_create()
        self.found: list[tuple[int, str]] = []
        self.asked = 0
        self.cancelled = 0

    async def look_up(self, title: str) -> str:
        self.asked += 1
        try:
            await trio.sleep(0.52)
        except trio.Cancelled:
            self.cancelled += 1
            raise
        if title == "lost":
            raise LookupError(title)
        return title.upper()

    def take(self, result: object) -> None:
        self.found.append((self.tick_number, repr(result)))


async def test_results_come_back_at_a_tick(autojump_clock: MockClock) -> None:
    room = Library()
    room.background(room.look_up, "early", then=room.take)
    async with running(room):
        await trio.sleep(2.5 * TICK_S)
        room.background(room.look_up, "lost", then=room.take)
        room.background(room.look_up, "lost")
        await trio.sleep(1.0)
        assert room.asked == 3
        assert room.found == [(12, "'EARLY'"), (14, "LookupError('lost')")]
        assert room.tick_number > 18, "it plays on"


async def test_calls_of_another_process_are_interrupted(autojump_clock: MockClock) -> None:
    room = Library()
    room._calls.in_flight[9] = Call(9, "look_up", room.take, ())
    async with running(room):
        await trio.sleep(1.5 * TICK_S)
    assert room.found == [(1, "Interrupted('the room went on in another process')")]


async def test_the_end_of_the_room_cancels_its_calls(autojump_clock: MockClock) -> None:
    room = Library()
    async with running(room) as task:
        room.background(room.look_up, "late", then=room.take)
        await trio.sleep(3 * TICK_S)
        task.stop()
    assert (room.asked, room.cancelled, room.found) == (1, 1, [])
