"""Random play: within the limits of the schema, and the same for the same seed."""

from __future__ import annotations

import enum

import pytest

from gameserver import Player, Room, command, elements, number, text, value
from gameserver.games.arena.room import Arena
from gameserver.model.schema import spec_of
from gameserver.model.specs import CommandSpec
from gameserver.rehearsing.script import Drop, Give, Join, Leave, Resume, Say, Script
from gameserver.testing import Rehearsal


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@value
class Item:
    colour: Colour
    count: int = number(0, 9)


@command
class Everything:
    flag: bool
    count: int
    ratio: float
    colour: Colour
    data: bytes
    pair: tuple[int, Colour]
    many: tuple[float, ...] = number(-1.0, 1.0, default=())  # type: ignore[call-overload]
    step: float = number(-2.0, 2.0, step=0.25)
    small: int = number(-3, 3)
    name: str = text(4)
    maybe: int | None = None
    items: list[Item] = elements(3)


class Takes(Room):
    classes = (Everything,)
    max_players = 6


@pytest.mark.parametrize("room", [Takes, Arena])
def test_the_same_seed_does_the_same_within_the_limits(room: type[Room]) -> None:
    one, other = Script(room, 5, 3), Script(room, 5, 3)
    rehearsal = Rehearsal(room())
    seen = set()
    for _ in range(400):
        actions = one.actions(rehearsal.room.players)
        assert actions == other.actions(rehearsal.room.players)
        for action in actions:
            seen.add(type(action))
            if isinstance(action, Give):
                spec = spec_of(type(action.command))
                assert isinstance(spec, CommandSpec)
                assert spec.from_wire(spec.to_wire(action.command)) == action.command
        rehearsal._play(actions)
        assert len(rehearsal.room.players) <= 5
    assert seen == {Join, Leave, Drop, Resume, Give, Say}


def test_a_room_takes_no_more_than_it_has_seats_for() -> None:
    joins = Script(Takes, 100, 0).actions({})
    assert [type(action) for action in joins] == [Join] * Takes.max_players


def test_a_dropped_player_gives_no_commands() -> None:
    script = Script(Takes, 1, 0)
    script.actions({})
    rehearsal = Rehearsal(Takes())
    player: Player = rehearsal.join()
    rehearsal.drop(player)
    actions = [a for _ in range(200) for a in script.actions({1: player})]
    assert {type(action) for action in actions} <= {Resume, Leave}
