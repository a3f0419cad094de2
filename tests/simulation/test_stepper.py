"""Names that a game may use, although the engine uses them too."""

from __future__ import annotations

from typing import Any

import pytest

from gameserver import Player, Room, command, entity, event, number, synced
from gameserver.simulation.room_check import HOOKS
from gameserver.simulation.stepper import Stepper
from gameserver.testing import Rehearsal
from tests.support.frame_sinks import NoSink


@entity
class Crate:
    open: bool = synced(default=False)


@command
class Lift:
    weight: int = number(0, 9)


@event
class Dropped:
    weight: int


class Warehouse(Room):
    """A game whose methods are named like the engine's."""

    classes = (Crate, Lift, Dropped)
    input = Lift
    expect = published = overloaded = "words of this game"

    def on_create(self) -> None:
        self.texts = ["label"]
        self.emissions = self.failures = self.kicked = 7
        self.seated = self.commands = self.stages = self.input_times = None
        self.steps = 0

    def on_command(self, player: Player, command: Lift) -> None:
        self.drop(command.weight)

    def tick(self) -> None:
        self.step()

    def step(self) -> None:
        self.steps += 1

    def drop(self, weight: int) -> None:
        self.emit(Dropped(weight))

    def join(self, *parts: str) -> str:
        return "".join(parts)

    leave = resume = hear = take_texts = find = join


def test_a_game_may_use_the_names_of_the_engine() -> None:
    stepper = Stepper(Warehouse())
    ann, bob = (stepper.join(number, NoSink(), f"player {number}") for number in (1, 2))
    stepper.expect(1)
    ann.commands.take(1, Lift(4), tick=1)
    stepper.hear(bob.player, "hello")
    stepper.step(1)
    stepper.published(1)
    stepper.overloaded(1)
    stepper.drop(ann.player)
    stepper.resume(ann.player)
    bob.player.kick("enough")
    assert stepper.kicked == [bob.player]
    stepper.leave(bob.player, "kicked")
    assert stepper.failures == []
    assert [e.event for e in stepper.take_emissions()] == [Dropped(4)]
    assert [said.text for said in stepper.take_texts()] == ["hello"]
    assert (stepper.room.steps, stepper.room.texts) == (1, ["label"])


def test_a_rehearsed_game_may_name_its_methods_as_the_engine_does() -> None:
    play = Rehearsal(Warehouse())
    play.give(play.join("ann"), Lift(3))
    assert play.step() == [Dropped(3)]


def public(thing: object) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}


def test_a_player_has_only_what_a_game_uses() -> None:
    player = Stepper(Warehouse()).join(1, NoSink(), "ann").player
    assert public(player) == {
        *("seat", "name", "identity", "latency", "connected", "kicked", "kick", "move_to"),
        *("entity", "focus", "data", "options"),
        *("lag_compensation", "rewinds_disputed", "rewinds_clamped"),
    }


def test_a_room_has_only_what_a_game_uses() -> None:
    settings = {name for name in vars(Room) if name in Room.__annotations__}
    tools = {
        *("name", "random", "world", "players", "tick_number", "dt", "pace", "publish_interval"),
        *("schema", "spawn", "despawn", "id_of", "near", "seen_by", "emit", "say"),
        "reserve_seats",
        *(
            "after",
            "every",
            "cancel",
            "background",
            "group",
            "set_group",
            "set_hidden",
            "storage",
            "has_storage",
            "made_with",
            "move_players",
        ),
    }
    assert public(Room()) == {*HOOKS, *settings, *tools}


@pytest.mark.parametrize("number", [1, 2])
def test_a_player_that_left_is_not_found(number: int) -> None:
    stepper = Stepper(Warehouse())
    ann = stepper.join(1, NoSink(), "ann")
    assert stepper.find(ann.player) is ann
    stepper.leave(ann.player, "gone")
    assert stepper.find(ann.player) is None
    stepper.join(number, NoSink(), "bob")
    assert stepper.find(ann.player) is None


def test_kicking_a_player_that_left_kicks_nobody() -> None:
    stepper = Stepper(Warehouse())
    ann: Any = stepper.join(1, NoSink(), "ann").player
    stepper.leave(ann, "gone")
    ann.kick("too late")
    assert stepper.kicked == []
    bob = stepper.join(1, NoSink(), "bob").player
    assert stepper.kicked == []
    bob.kick("you too")
    assert stepper.kicked == [bob]


def test_the_stages_of_a_step_are_told_in_order() -> None:
    stepper = Stepper(Warehouse())
    assert stepper.stages(4, lambda: 1.5) == [("tick", 1.5)], "no other hook was called"
    ann = stepper.join(1, NoSink(), "ann")
    stepper.hear(ann.player, "hello")
    seen = stepper.stages(5, lambda: stepper.room.steps)
    assert seen == [("on_command", 1), ("on_say", 1), ("tick", 2)]
    assert stepper.room.tick_number == 5
