"""The list of the game API: no public name is missing, and none without a word about it."""

from __future__ import annotations

from typing import Any

import pytest

from gameserver import Room
from gameserver.docs.game_names import CLASSES, names_of, page
from gameserver.testing import Rehearsal


def instances() -> list[Any]:
    play = Rehearsal(Room())
    player = play.join("ann")
    room = play.room
    return [room, player, room.world, play, room.group("red"), room.after(1, room.tick)]


@pytest.mark.parametrize("instance", instances(), ids=[cls.__name__ for cls in CLASSES])
def test_every_public_name_is_in_the_list(instance: Any) -> None:
    there = {name for name in dir(instance) if not name.startswith("_")}
    listed = {name.name: name for name in names_of(type(instance))}
    assert there - listed.keys() == set()
    assert [name for name, one in listed.items() if name in there and not one.what] == []


def test_the_page_shows_how_a_name_is_written_and_what_it_is() -> None:
    text = page()
    assert "| `tick_rate: int = 20` | Ticks per second. |" in text
    assert "| `async on_start() -> None` | Load what the room needs from outside." in text
    assert "| `entity: EntityT` | The spawned entity that this player steers, or None. |" in text
    assert "| `players: dict[int, Player[EntityT]]` | Seat number → player. |" in text
