"""The report of a wrong checksum: hashes by entity, and what a client holds otherwise."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from gameserver import entity, synced
from gameserver.model.schema import Schema
from gameserver.model.view import Near
from gameserver.model.world import World
from gameserver.protocol.messages import HeldEntity
from gameserver.replication.disagreement import ABSENT, ShownView, shown_view
from gameserver.replication.publisher import Publisher
from gameserver.replication.seat import Seat
from tests.support.frame_sinks import FakeSink


@entity(at=("x", "y"))
class Ship:
    x: float = synced(0.0, step=1 / 8)
    y: float = synced(0.0, step=1 / 8)
    hp: int = synced(100)
    ammo: int = synced(10, to="owner")


@entity
class Board:
    lines: tuple[str, ...] = synced(())


class Stage:
    def __init__(self) -> None:
        self.world = World(Schema.of([Ship, Board]), Near(100))
        self.publisher = Publisher(self.world, check_every_ticks=1 << 30, quiet_ticks=1 << 30)
        self.seat = Seat(1, FakeSink())
        self.own = self.world.spawn(Ship(1.0, 2.0), owner=1)
        self.other = self.world.spawn(Ship(3.0, 4.0), owner=2)
        self.far = self.world.spawn(Ship(9000.0, 9000.0))
        self.board = self.world.spawn(Board(("a",)))
        self.seat.own = self.world.record_of(self.own)
        self.publisher.add(self.seat)
        self.publisher.publish(5)

    def shown(self) -> ShownView:
        shown = shown_view(self.world, self.seat)
        assert shown is not None
        return shown

    def held(self, of: Any, **changes: Any) -> HeldEntity:
        """Return what a right client holds of an entity, with some changes."""
        record = self.world.record_of(of)
        owner = list(record.owner_values) if record.owner == 1 else None
        right = HeldEntity(record.id, record.kind, list(record.values), owner)
        return attrs.evolve(right, **changes)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_the_hashes_are_of_all_that_is_in_view(stage: Stage) -> None:
    shown = stage.shown()
    ids = [stage.world.id_of(one) for one in (stage.own, stage.other, stage.board)]
    assert shown.tick == 5
    assert sorted(shown.hashes[::2]) == sorted(ids)


def test_a_seat_that_is_behind_has_no_hashes(stage: Stage) -> None:
    stage.seat.forget()
    assert shown_view(stage.world, stage.seat) is None
    assert shown_view(stage.world, Seat(2, FakeSink())) is None


def test_a_right_client_disagrees_on_nothing(stage: Stage) -> None:
    held = [stage.held(one) for one in (stage.own, stage.other, stage.board)]
    assert stage.shown().compare(held) == []


def test_what_differs_is_told_by_field_in_units_of_the_game(stage: Stage) -> None:
    wrong = stage.held(stage.own, values=[8, 16, 99], owner_values=[11])
    (hp, ammo) = stage.shown().compare([wrong])
    assert (hp.entity, hp.entity_id) == ("Ship", wrong.entity_id)
    assert (hp.field, hp.of_room, hp.of_client) == ("hp", 100, 99)
    assert (ammo.field, ammo.of_room, ammo.of_client) == ("ammo", 10, 11)
    (x,) = stage.shown().compare([stage.held(stage.other, values=[25, 32, 100])])
    assert (x.field, x.of_room, x.of_client) == ("x", 3.0, 3.125)
    (lines,) = stage.shown().compare([stage.held(stage.board, values=[["b"]])])
    assert (lines.of_room, lines.of_client) == (("a",), ("b",))


def test_the_values_are_those_of_the_tick_that_was_asked_for(stage: Stage) -> None:
    shown = stage.shown()
    right = stage.held(stage.own)
    stage.own.hp = 50
    stage.publisher.publish(6)
    assert shown.compare([right]) == []
    (hp,) = shown.compare([stage.held(stage.own, values=[8, 16, 42])])
    assert (hp.of_room, hp.of_client) == (100, 42)
    assert hp.changed_ticks == (6, 5)


def test_entities_that_only_one_side_holds_are_told(stage: Stage) -> None:
    missing = HeldEntity(stage.world.id_of(stage.own), None, [], None)
    extra = HeldEntity(999, 1, [0, 0, 0], None)
    other_kind = stage.held(stage.other, kind=0, values=[[]])
    unknown = HeldEntity(998, 77, [], None)
    found = stage.shown().compare([missing, extra, other_kind, unknown])
    assert [(one.entity, one.of_room, one.of_client) for one in found] == [
        ("Ship", "in view", ABSENT),
        ("Ship", ABSENT, "held"),
        ("Ship", "in view", "Board"),
        ("kind 77", ABSENT, "held"),
    ]
    assert stage.shown().compare([HeldEntity(997, None, [], None)]) == []


@pytest.mark.parametrize(
    "values", [[], ["x"], [None, None, None], [8, 16, 2**60], [8, 16, [1]], [8.0, 16, 100], [1] * 9]
)
def test_whatever_a_client_makes_up_is_told_and_raises_nothing(
    stage: Stage, values: list[Any]
) -> None:
    assert stage.shown().compare([stage.held(stage.own, values=values)])


def test_owner_fields_of_what_is_not_owned_are_told(stage: Stage) -> None:
    (ammo,) = stage.shown().compare([stage.held(stage.other, owner_values=[10])])
    assert (ammo.field, ammo.of_room, ammo.of_client) == ("ammo", ABSENT, 10)
    (ammo,) = stage.shown().compare([stage.held(stage.own, owner_values=None)])
    assert (ammo.field, ammo.of_room, ammo.of_client) == ("ammo", 10, ABSENT)
