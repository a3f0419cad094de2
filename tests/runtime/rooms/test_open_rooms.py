"""The index of the rooms that can be joined: names, labels, and games that change their rooms."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from gameserver import Settings
from gameserver.runtime.rooms.lobby import Lobby
from gameserver.runtime.rooms.open_room import OpenRoom
from gameserver.runtime.rooms.open_rooms import SWEEP_EVERY_S, OpenRooms
from tests.support.small_game import Field

KINDS = {"field": Field}


def room(rooms: OpenRooms, name: str, serial: int = 1) -> OpenRoom:
    """Add a room of this name, as the lobby does."""
    task = Lobby(KINDS, Settings())._task_of(Field(f"field/{name}", seed=1), f"field/{name}")
    opened = OpenRoom(serial, "field", name, task, None)
    rooms.add(opened)
    return opened


@pytest.fixture
def rooms() -> OpenRooms:
    return OpenRooms(KINDS)


async def test_the_lowest_free_number_is_the_next_name(rooms: OpenRooms) -> None:
    first, _, named = room(rooms, "1"), room(rooms, "2"), room(rooms, "mine")
    assert rooms.free_name("field") == "3"
    rooms.forget(named)
    assert rooms.free_name("field") == "3"
    rooms.forget(first)
    assert rooms.free_name("field") == "1"


async def test_names_end_with_the_suffix(rooms: OpenRooms) -> None:
    rooms.name_suffix = "-ab"
    first = room(rooms, rooms.free_name("field"))
    assert first.name == "1-ab"
    assert rooms.free_name("field") == "2-ab"
    rooms.forget(first)
    assert rooms.free_name("field") == "1-ab"


async def test_a_room_that_took_the_label_of_another_is_not_forgotten_with_it(
    rooms: OpenRooms,
) -> None:
    former = room(rooms, "x", serial=1)
    newer = room(rooms, "x", serial=2)
    rooms.forget(former)
    assert rooms["field/x"] is newer
    assert rooms.all == [newer]
    rooms.forget(newer)
    assert ("field/x" in rooms, len(rooms), rooms.get("field/x")) == (False, 0, None)
    rooms.note(newer)  # a seat becomes free while it stops
    assert rooms.find_fitting("field", {}) is None


async def test_an_unlocked_room_is_found_after_the_next_look(
    rooms: OpenRooms, autojump_clock: MockClock
) -> None:
    opened = room(rooms, "x")
    opened.task.room.locked = True
    assert rooms.find_fitting("field", {}) is None
    opened.task.room.locked = False
    await trio.sleep(SWEEP_EVERY_S)
    assert rooms.find_fitting("field", {}) is opened
    assert rooms.find_fitting("field", {}, [opened.serial]) is None
