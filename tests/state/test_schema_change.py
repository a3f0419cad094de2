"""Snapshots of an older version of a game: two versions of each class, by the same name."""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

import attrs
import pytest

from gameserver import Room, SnapshotError, entity, migrates, synced
from gameserver.errors import LocalProtocolError
from gameserver.simulation.stepper import Stepper
from gameserver.state.restore import Loaded, load
from gameserver.state.schema_change import is_compatible
from gameserver.state.snapshot import capture
from tests.support.frame_sinks import FakeSink


def game(cls: type, *others: type, **body: Any) -> type[Room]:
    """Return a room called Game with ``cls`` as its entity class, which keeps one entity."""
    notes: dict[str, Any] = {"kept": Any, **body.pop("__annotations__", {})}
    made = type("Game", (Room,), {"classes": (cls,), **body, "__annotations__": notes})
    made._others = others  # type: ignore[attr-defined]
    return made


def moved(old: type[Room], new: type[Room], **attributes: Any) -> Loaded[Any]:
    """Spawn an entity in the old version, and load its snapshot with the new one."""
    stepper = Stepper(old())
    (cls,) = old.classes or ()
    entity_ = stepper.room.spawn(cls())
    stepper.room.kept = entity_  # type: ignore[attr-defined]
    for name, value in attributes.items():
        setattr(stepper.room, name, value)
    return load(new, capture(stepper).encode())


@entity
class Ship:
    x: int = synced(1)
    fuel: int = 5
    crew: list[str] = attrs.field(factory=lambda: ["ann"])


OldShip = Ship


def test_the_same_version_keeps_everything() -> None:
    loaded = moved(game(OldShip), game(OldShip))
    ship = loaded.room.kept
    assert (ship.x, ship.fuel, ship.crew) == (1, 5, ["ann"])
    assert loaded.room.id_of(ship) == 1
    assert loaded.dropped == ()


def test_added_fields_take_their_defaults_and_removed_ones_are_reported() -> None:
    @entity
    class Ship:
        x: int = synced(0)
        y: int = synced(7)
        wake: list[int] = attrs.field(factory=list)
        both: Any = attrs.field(default=attrs.Factory(lambda self: [self.y], takes_self=True))

    loaded = moved(game(OldShip), game(Ship))
    ship = loaded.room.kept
    assert (ship.x, ship.y, ship.wake, ship.both) == (1, 7, [], [7])
    assert sorted(loaded.dropped) == ["Ship.crew", "Ship.fuel"]


def test_a_changed_field_is_refused_with_both_types() -> None:
    @entity
    class Ship:
        x: int = synced(0)
        fuel: str = ""

    with pytest.raises(SnapshotError) as refused:
        moved(game(OldShip), game(Ship))
    assert str(refused.value) == (
        'Ship.fuel was saved as int and is str now: declare a function with @migrates(Ship, "fuel")'
    )


def test_a_migration_makes_the_new_value() -> None:
    @entity
    class Ship:
        x: int = synced(0)
        fuel: str = ""
        crew: tuple[str, ...] = ()

    migrates(Ship, "fuel")(lambda old: f"{old} l")
    migrates(Ship, "crew")(tuple)
    ship = moved(game(OldShip), game(Ship)).room.kept
    assert (ship.fuel, ship.crew) == ("5 l", ("ann",))


def test_a_migration_that_raises_is_named() -> None:
    @entity
    class Ship:
        fuel: str = ""

    migrates(Ship, "fuel")(lambda old: old[0])
    with pytest.raises(SnapshotError, match=r"^Ship.fuel: its migration raised TypeError: "):
        moved(game(OldShip), game(Ship))


def test_a_field_has_one_migration() -> None:
    class Thing:
        pass

    migrates(Thing, "a")(str)
    with pytest.raises(LocalProtocolError, match=r"Thing.a has two migrations"):
        migrates(Thing, "a")(int)


def test_an_added_field_without_a_default_is_refused() -> None:
    @attrs.define
    class Part:
        size: int

    OldPart = Part  # noqa: N806

    @attrs.define
    class Part:  # type: ignore[no-redef]
        size: int
        weight: int

    notes = {"part": OldPart}
    old = game(OldShip, __annotations__=notes)
    with pytest.raises(SnapshotError, match=r"Part.weight was added since and has no default"):
        moved(old, game(OldShip, __annotations__={"part": Part}), part=OldPart(1))


def test_a_class_that_is_gone_is_named() -> None:
    @entity
    class Boat:
        pass

    with pytest.raises(SnapshotError, match=r"^Ship is no entity class of Game \(any more\)$"):
        moved(game(OldShip), game(Boat))


def test_a_member_that_is_gone_is_named() -> None:
    old = enum.Enum("Mood", ["CALM", "ANGRY"])
    new = enum.Enum("Mood", ["CALM", "SAD"])
    before, after = (game(OldShip, __annotations__={"mood": mood}) for mood in (old, new))
    assert moved(before, after, mood=old["CALM"]).room.mood is new["CALM"]
    with pytest.raises(SnapshotError, match=r"Mood has no member 'ANGRY' \(any more\)"):
        moved(before, after, mood=old["ANGRY"])


def test_attributes_of_the_room_change_as_fields_do() -> None:
    old = game(OldShip, __annotations__={"score": int, "gone": int, "wider": int})
    plain = {"score": str, "wider": float | None}
    with pytest.raises(SnapshotError, match=r"Game.score was saved as int and is str now"):
        moved(old, game(OldShip, __annotations__=plain), score=3)
    new = game(OldShip, __annotations__=plain, added="default")
    migrates(new, "score")(str)
    loaded = moved(old, new, score=3, gone=4, wider=5)
    assert (loaded.room.score, loaded.room.wider, loaded.room.added) == ("3", 5, "default")
    assert loaded.dropped == ("Game.gone",)


def test_named_tuples_are_matched_by_name() -> None:
    class Old(NamedTuple):
        a: int
        b: int
        c: int

    class New(NamedTuple):
        c: int
        a: int
        d: int = 9

    Old.__name__ = New.__name__ = "Three"
    before, after = (game(OldShip, __annotations__={"three": cls}) for cls in (Old, New))
    loaded = moved(before, after, three=Old(1, 2, 3))
    assert loaded.room.three == New(3, 1, 9)
    assert loaded.dropped == ("Three.b",)


def test_clients_get_a_full_state_if_the_wire_changed() -> None:
    @entity
    class Ship:
        fuel: int = synced(0)

    stepper = Stepper(game(OldShip)())
    player = stepper.join(1, FakeSink(), "ann").player
    ship = stepper.room.spawn(OldShip(), owner=player)
    player.entity = ship
    gone = stepper.room.spawn(OldShip())
    stepper.room.kept = ship  # type: ignore[attr-defined]
    stepper.room.despawn(gone)
    loaded = load(game(Ship), capture(stepper).encode())
    room: Any = loaded.room
    assert [record.id for record in room.world.spawned] == [1]
    assert room.world.owned == {1: {1: room.kept._record}}
    assert room.players[1].entity is room.kept
    assert room.id_of(room.spawn(Ship())) == 3


@pytest.mark.parametrize(
    ("saved", "now", "fits"),
    [
        ("int", "int", True),
        ("int", "float", True),
        ("bool", "int", True),
        ("int", "Any", True),
        ("int", "None | int", True),
        ("None | int", "None | float", True),
        ("float", "int", False),
        ("None | int", "int", False),
        ("list[int]", "list[float]", False),
        ("list[int]", "list[int]", True),
        ("int", "None | list[int]", False),
    ],
)
def test_wider_types_need_no_migration(saved: str, now: str, fits: bool) -> None:
    assert is_compatible(saved, now) is fits
