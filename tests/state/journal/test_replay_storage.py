"""Rooms that keep things: what they submit in ticks is written once, not by their replays."""

from __future__ import annotations

from typing import Any

import pytest

from gameserver import Room
from gameserver.errors import JournalError
from gameserver.room import give_storage
from gameserver.storage.fences import Fence
from gameserver.storage.receipts import Receipt
from gameserver.storage.room_storage import RoomStorage
from gameserver.storage.store import Storage
from tests.support.journaled_play import JournaledPlay, verdict


class Queue:
    def __init__(self) -> None:
        self.submitted: list[Any] = []

    def submit(self, *operations: Any, fence: Fence | None = None) -> Receipt:
        self.submitted += operations
        return Receipt()


class Keeping(Room):
    """Submits something at each second tick."""

    classes = ()
    kept: int
    reads: bool

    def on_create(self) -> None:
        self.kept = 0
        self.reads = False

    async def on_load(self) -> None:
        if self.reads:
            await self.storage.write()

    def tick(self) -> None:
        if self.tick_number % 2:
            self.storage.submit(("score", self.tick_number))  # type: ignore[arg-type]
            self.kept += 1


def journaled(*, reads: bool = False) -> tuple[bytes, Queue]:
    room, queue = Keeping("room"), Queue()
    room.reads = reads
    give_storage(room, RoomStorage(Storage(None, lambda: 0.0), queue))  # type: ignore[arg-type]
    played = JournaledPlay(room)
    for _ in range(20):
        played.rehearsal.step()
        played.tick_over()
    return played.end(), queue


def test_what_is_submitted_in_ticks_is_not_submitted_again() -> None:
    data, queue = journaled()
    assert len(queue.submitted) == 10
    assert verdict(Keeping, data) is None
    assert len(queue.submitted) == 10


def test_a_room_that_reads_when_it_is_loaded_cannot_be_played() -> None:
    data, _ = journaled(reads=True)
    with pytest.raises(JournalError, match="on_load waits for something outside"):
        verdict(Keeping, data)
