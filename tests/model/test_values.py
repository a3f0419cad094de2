"""Value classes, lists and dicts as types of fields: declared, described, to the wire and back."""

from __future__ import annotations

import enum
import re
from typing import Any

import attrs
import pytest

from gameserver import Room
from gameserver.errors import LocalProtocolError, RemoteProtocolError
from gameserver.model import specs
from gameserver.model.annotations import from_annotation
from gameserver.model.compiled import compile_values
from gameserver.model.described_types import from_description
from gameserver.model.fieldtypes import MAX_ELEMENTS
from gameserver.model.schema import (
    Schema,
    command,
    elements,
    entity,
    event,
    number,
    spec_of,
    synced,
    text,
    value,
)
from gameserver.model.world import World
from gameserver.protocol import wire
from gameserver.replication.changes import find_changes
from gameserver.testing import Rehearsal


class Kind(enum.Enum):
    GOLD = "g"
    GEM = "e"


@value
class Spot:
    x: float = synced(0.0, step=0.5)
    y: float = synced(0.0, step=0.5)


@value
class Item:
    kind: Kind
    count: int = number(0, 99, default=1)
    label: str = text(5)
    at: Spot | None = None


@entity
class Ship:
    best: Item = synced(factory=lambda: Item(Kind.GOLD))
    hold: list[Item] = synced(factory=list, to="owner")
    scores: dict[Kind, list[float]] = synced(factory=dict, step=0.25)
    names: dict[str, int] = synced(factory=dict)
    tags: tuple[str, ...] = synced(())


ITEM_TYPE = [
    "value",
    "Item",
    [
        ["kind", ["enum", "Kind", ["GOLD", "GEM"]], None, None, None],
        ["count", ["int"], 0, 99, None],
        ["label", ["str"], None, None, 5],
        [
            "at",
            [
                "optional",
                [
                    "value",
                    "Spot",
                    [
                        ["x", ["steps", 0.5], None, None, None],
                        ["y", ["steps", 0.5], None, None, None],
                    ],
                ],
            ],
            None,
            None,
            None,
        ],
    ],
]


def test_values_lists_and_dicts_are_in_the_schema() -> None:
    described = Schema.of([Ship]).describe()
    [[_, _, fields, owner]], _, _ = described
    assert fields == [
        ["best", ITEM_TYPE],
        ["scores", ["dict", ["enum", "Kind", ["GOLD", "GEM"]], ["list", ["steps", 0.25]]]],
        ["names", ["dict", ["str"], ["int"]]],
        ["tags", ["list", ["str"]]],
    ]
    assert owner == [["hold", ["list", ITEM_TYPE]]]
    assert Schema.from_description(described).describe() == described


def wire_of(ship: Ship) -> dict[str, Any]:
    """Return what the compiled functions, and the types themselves, make of the fields."""
    spec = spec_of(Ship)
    assert spec is not None
    fields = [*spec.fields, *spec.owner_fields]  # type: ignore[union-attr]
    compiled = compile_values("Ship", [(f.name, f.type) for f in fields])(ship)
    slow = tuple(f.type.to_wire(getattr(ship, f.name)) for f in fields)
    assert compiled == slow
    assert all(f.type.holds(w) for f, w in zip(fields, compiled, strict=True))
    return dict(zip([f.name for f in fields], compiled, strict=True))


def test_to_the_wire_and_back() -> None:
    ship = Ship(
        best=Item(Kind.GEM, 3, "ok", Spot(1.0, -0.5)),
        hold=[Item(Kind.GOLD), Item(Kind.GEM, 2)],
        scores={Kind.GEM: [0.5, 1.0], Kind.GOLD: []},
        names={"b": 1, "a": 2},
        tags=("x",),
    )
    sent = wire_of(ship)
    assert sent == {
        "best": (1, 3, "ok", (2, -1)),
        "hold": ((0, 1, "", None), (1, 2, "", None)),
        "scores": (1, (2, 4), 0, ()),
        "names": ("b", 1, "a", 2),
        "tags": ("x",),
    }
    for field in (*spec_of(Ship).fields, *spec_of(Ship).owner_fields):  # type: ignore[union-attr]
        assert field.type.from_wire(sent[field.name]) == getattr(ship, field.name)


def test_described_values_are_read_by_name() -> None:
    item = from_description(ITEM_TYPE).from_wire([1, 3, "ok", [2, -1]])
    assert (item.kind, item.count, item.at.y, item["label"]) == ("GEM", 3, -0.5, "ok")
    assert repr(item.at) == "Spot(x=1.0, y=-0.5)"
    assert item == from_description(ITEM_TYPE).from_wire([1, 3, "ok", [2, -1]])
    assert item != from_description(ITEM_TYPE).from_wire([1, 4, "ok", [2, -1]])
    with pytest.raises(AttributeError, match="weight"):
        _ = item.weight


def test_values_are_equal_by_content() -> None:
    assert Item(Kind.GOLD) == Item(Kind.GOLD, 1)
    assert Item(Kind.GOLD) != Item(Kind.GEM)


@pytest.mark.parametrize(
    "wrong",
    [
        {"best": None},
        {"best": Spot()},
        {"best": Item("g")},  # type: ignore[arg-type]
        {"best": Item(Kind.GOLD, "1")},  # type: ignore[arg-type]
        {"best": Item(Kind.GOLD, 1, "", Item(Kind.GOLD))},  # type: ignore[arg-type]
        {"hold": {Item: 1}},
        {"hold": [None]},
        {"hold": "items"},
        {"names": [("a", 1)]},
        {"names": {1: 1}},
        {"names": {"a": None}},
        {"scores": {"GOLD": []}},
        {"names": {str(i): i for i in range(MAX_ELEMENTS + 1)}},
        {"tags": ("x",) * (MAX_ELEMENTS + 1)},
    ],
    ids=lambda wrong: str(wrong)[:40],
)
def test_a_wrong_value_is_found(wrong: dict[str, Any]) -> None:
    ship = Ship(**wrong)
    [compiled] = Schema.of([Ship]).compiled
    with pytest.raises(LocalProtocolError, match=rf"^Ship\.{next(iter(wrong))}"):
        compiled.check(ship)


# ---------------------------------------------------------------- in commands and events


@command
class Sort:
    items: list[Item]
    first: Item = attrs.field(factory=lambda: Item(Kind.GOLD))
    counts: list[int] = elements(3, low=0, high=9)
    rows: list[list[str]] = elements(2)


def test_a_command_brings_values_and_lists() -> None:
    _, spec = Schema.of([Sort]).command("Sort")
    sort = Sort([Item(Kind.GEM)], Item(Kind.GOLD, 5), [], [["a"]])
    made = spec.from_wire(list(spec.to_wire(sort)))
    assert made == sort
    assert type(made.items) is list
    assert Sort([]) == Sort([], Item(Kind.GOLD), [])


GOOD = [0, 1, "", None]


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ([[GOOD] * 65, GOOD, []], "Sort.items: longer than 64"),
        ([[[0, 100, "", None]], GOOD, []], "Sort.items: count: 100 is outside 0 … 99"),
        ([[], [0, 1, "longer", None], []], "Sort.first: label: longer than 5"),
        ([[], GOOD, [1, 2, 3, 4]], "Sort.counts: longer than 3"),
        ([[], GOOD, [1, 10]], "Sort.counts: 10 is outside 0 … 9"),
        ([[], [0, 1, ""], []], "Sort.first: [0, 1, ''] is not a value of type value"),
        ([[], [2, 1, "", None], []], "Sort.first: [2, 1, '', None] is not a value of type value"),
        # A list within another has no limit of its own, but a server takes arrays of 64 only.
        ([[], GOOD, [], [[], ["a"] * 65]], "Sort.rows: longer than 64"),
        ([[], GOOD, [], [[], ["é" * 1025]]], "Sort.rows: longer than 2048 bytes"),
        ([None, GOOD, []], "Sort.items: None is not a value of type list"),
    ],
)
def test_a_command_beyond_its_limits(values: list[Any], complaint: str) -> None:
    _, spec = Schema.of([Sort]).command("Sort")
    with pytest.raises(RemoteProtocolError) as caught:
        spec.from_wire([*values, []][:4])
    assert str(caught.value) == complaint


def test_a_client_that_knows_only_the_description_sends_the_games_own_values() -> None:
    schema = Schema.of([Sort])
    _, described = Schema.from_description(schema.describe()).command("Sort")
    sort = Sort([Item(Kind.GEM, 2)], Item(Kind.GOLD), [1])
    assert described.to_wire(sort) == schema.command("Sort")[1].to_wire(sort)
    named = Sort([Item("GEM", 2)], Item("GOLD"), [1])  # type: ignore[arg-type]
    assert described.to_wire(named) == described.to_wire(sort)


def test_the_limits_are_those_of_the_wire() -> None:
    assert (specs.MAX_ITEMS, specs.MAX_TEXT_BYTES) == (wire.MAX_ELEMENTS, wire.MAX_TEXT_BYTES)


def test_an_event_brings_values() -> None:
    @event
    class Found:
        items: list[Item]
        by: dict[str, int] = synced(factory=dict)

    spec = spec_of(Found)
    assert spec is not None
    assert spec.to_wire(Found([Item(Kind.GEM)], {"a": 1})) == (((1, 1, "", None),), ("a", 1))  # type: ignore[union-attr]


def test_an_event_holds_what_was_there_when_it_happened() -> None:
    @event
    class Emptied:
        items: list[Item]
        by: str = ""

    class Mine(Room):
        classes = (Emptied,)
        items: list[Item]

        def on_create(self) -> None:
            self.items = [Item(Kind.GEM)]

        def tick(self) -> None:
            self.emit(Emptied(self.items))
            self.items[0].count = 9
            self.items.append(Item(Kind.GOLD))

    assert Rehearsal(Mine("test")).step() == [Emptied([Item(Kind.GEM)])]

    class Wrong(Mine):
        def tick(self) -> None:
            self.emit(Emptied([Item(Kind.GEM, "many")]))  # type: ignore[arg-type]

    with pytest.raises(LocalProtocolError, match=r"^Emptied\.items\[0\]\.count: 'many' is not a"):
        Rehearsal(Wrong("test")).step()


# ---------------------------------------------------------------- entities


@entity
class Missile:
    target: Missile | None = synced(None)
    seen: list[Missile] = synced(factory=list)


def test_an_entity_is_its_id_while_it_is_in_the_world() -> None:
    world = World(Schema.of([Missile]))
    one, other = world.spawn(Missile()), world.spawn(Missile())
    one.target, one.seen = other, [one, other]
    find_changes(world, 1)
    record = world.record_of(one)
    assert record.values == (2, (1, 2))
    world.despawn(other)
    one.seen.pop()
    find_changes(world, 2)
    assert record.values == (None, (1,))
    assert Schema.of([Missile]).describe()[0][0][2] == [
        ["target", ["optional", ["entity", "Missile"]]],
        ["seen", ["list", ["entity", "Missile"]]],
    ]
    one.seen.append(other)
    with pytest.raises(
        LocalProtocolError, match=r"^Missile\.seen\[1\]: this Missile is not in the"
    ):
        find_changes(world, 3)
    one.seen[1] = Ship()  # type: ignore[call-overload]
    with pytest.raises(LocalProtocolError, match=r"^Missile\.seen\[1\]: Ship.* is no Missile$"):
        find_changes(world, 4)


def test_commands_and_events_hold_ids() -> None:
    with pytest.raises(LocalProtocolError, match=r"^Aim\.at: a command brings an id; use int and"):

        @command
        class Aim:
            at: Missile

    with pytest.raises(LocalProtocolError, match=r"^Hit\.by: an event outlives entities; use int"):

        @event
        class Hit:
            by: Missile | None = None


# ---------------------------------------------------------------- why a value does not fit


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"best": None}, "best: None is no Item"),
        ({"best": Item("g")}, "best.kind: 'g' is not a value of type enum"),  # type: ignore[arg-type]
        ({"best": Item(Kind.GOLD, at=Spot("x"))}, "best.at.x: 'x' is not a value of type steps"),  # type: ignore[arg-type]
        ({"hold": [Item(Kind.GOLD), Item(Kind.GOLD, 2**60)]}, f"hold[1].count: {2**60} is not a"),
        ({"hold": [None]}, "hold[0]: None is no Item"),
        ({"hold": "items"}, "hold: 'items' is not a value of type list"),
        ({"scores": {"GOLD": []}}, "scores: the key: 'GOLD' is not a value of type enum"),
        ({"scores": {Kind.GOLD: [0.5, None]}}, "scores[<Kind.GOLD: 'g'>][1]: None is not a value"),
        ({"names": {i: i for i in range(5000)}}, "names: 5,000 elements; a list or dict has at m"),
        ({"tags": ("x" * 70_000,)}, "tags: 70,006 bytes; a field holds at most 65,536"),
    ],
    ids=lambda wrong: str(wrong)[:40],
)
def test_the_element_that_does_not_fit_is_named(wrong: dict[str, Any], why: str) -> None:
    schema = Schema.of([Ship])
    with pytest.raises(LocalProtocolError, match=f"^{re.escape(f'Ship.{why}')}"):
        schema.compiled[0].check(Ship(**wrong))
    world = World(schema)
    ship = world.spawn(Ship(), owner=1)
    find_changes(world, 1)
    for name, held in wrong.items():
        setattr(ship, name, held)
    with pytest.raises(LocalProtocolError, match=f"^{re.escape(f'Ship.{why}')}"):
        find_changes(world, 2)


# ---------------------------------------------------------------- wrong declarations


def test_a_value_of_a_class_that_holds_itself() -> None:
    with pytest.raises(LocalProtocolError, match=r"^Node\.next: a Node cannot hold a Node$"):

        @value
        class Node:
            next: Node | None = None


def test_a_value_class_is_checked_when_it_is_made() -> None:
    with pytest.raises(LocalProtocolError, match=r"^Bad\.of: set\[int\] cannot be sent; use "):

        @value
        class Bad:
            of: set[int]

    with pytest.raises(LocalProtocolError, match=r"^Empty: a value has 1 to 31 fields$"):

        @value
        class Empty:
            pass

    with pytest.raises(
        LocalProtocolError, match=r"^Mine\.x: to= belongs to the field of the entity"
    ):

        @value
        class Mine:
            x: int = synced(0, to="owner")

    with pytest.raises(
        LocalProtocolError,
        match=r"^Shared\.at: every Shared would share the default Spot\(x=0\.0, y=0\.0\); "
        r"use synced\(factory=…\)$",
    ):

        @value
        class Shared:
            at: Spot = Spot()


def test_keys_of_a_dict() -> None:
    with pytest.raises(LocalProtocolError, match="the keys of a dict are int, str or an Enum"):
        from_annotation(dict[float, int], 0.5)


def test_a_rare_class_holds_nothing_that_changes_in_place() -> None:
    with pytest.raises(LocalProtocolError, match=r"^Chest\.items: changes within it would go"):

        @entity(rare=True)
        class Chest:
            items: list[Item] = synced(factory=list)


def test_a_command_holds_no_dict() -> None:
    with pytest.raises(LocalProtocolError, match=r"^Sell\.prices: a command holds no dict; use a"):

        @command
        class Sell:
            prices: dict[str, int] = attrs.field(factory=dict)


def test_a_default_that_a_factory_makes_is_checked() -> None:
    with pytest.raises(LocalProtocolError, match=r"^Bag\.items: the default \['a'\] is not"):

        @entity
        class Bag:
            items: list[int] = synced(factory=lambda: ["a"])  # type: ignore[arg-type, return-value]
