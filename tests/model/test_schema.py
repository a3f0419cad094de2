"""Declarations: what becomes a field, what is refused, and what the schema says of it."""

from __future__ import annotations

import contextlib
import copy
import enum
import math
import subprocess
import sys
from typing import Any

import attrs
import hypothesis.strategies as st
import pytest
from hypothesis import given

from gameserver.errors import LocalProtocolError, RemoteProtocolError
from gameserver.model.annotations import from_annotation
from gameserver.model.fieldtypes import MAX_FIELDS
from gameserver.model.schema import (
    MAX_COMMAND_FIELDS,
    Schema,
    command,
    entity,
    event,
    number,
    spec_of,
    synced,
    text,
)


class Team(enum.Enum):
    RED = "r"
    BLUE = "b"


@entity(at=("x", "y"))
class Ship:
    x: float = synced(0.0, step=1 / 32)
    y: float = synced(0.0, step=1 / 32)
    team: Team = synced(Team.RED)
    name: str | None = synced(None)
    path: tuple[float, ...] = synced((), step=0.5)
    ammo: int = synced(10, to="owner")
    cooldown: int = 0


@command
class Steer:
    turn: int = number(-1, 1)
    power: float = number(0.0, 1.0, step=1 / 100)
    word: str = text(5)
    team: Team = Team.RED
    target: tuple[int, int] | None = None
    raw: bytes = b""


@event
class Boom:
    x: float
    loud: bool = True


SCHEMA = Schema.of([Ship, Steer, Boom])


# ---------------------------------------------------------------- what is declared


def test_only_synced_fields_are_in_the_schema() -> None:
    assert SCHEMA.describe() == [
        [
            [
                "Ship",
                [0, 1],
                [
                    ["x", ["steps", 1 / 32]],
                    ["y", ["steps", 1 / 32]],
                    ["team", ["enum", "Team", ["RED", "BLUE"]]],
                    ["name", ["optional", ["str"]]],
                    ["path", ["list", ["steps", 0.5]]],
                ],
                [["ammo", ["int"]]],
            ]
        ],
        [
            [
                "Steer",
                [
                    ["turn", ["int"], 0, -1, 1, None],
                    ["power", ["steps", 0.01], 0, 0.0, 1.0, None],
                    ["word", ["str"], "", None, None, 5],
                    ["team", ["enum", "Team", ["RED", "BLUE"]], 0, None, None, None],
                    ["target", ["optional", ["tuple", [["int"], ["int"]]]], None, None, None, None],
                    ["raw", ["bytes"], b"", None, None, 256],
                ],
            ]
        ],
        [["Boom", [["x", ["float32"]], ["loud", ["bool"]]]]],
    ]


def test_declared_classes_are_attrs_classes_with_slots() -> None:
    ship = Ship(x=1.5)
    assert (ship.x, ship.cooldown) == (1.5, 0)
    assert [a.name for a in attrs.fields(Ship)][:2] == ["x", "y"]
    with pytest.raises(AttributeError):
        ship.speed = 3  # type: ignore[attr-defined]
    assert Ship() != Ship(), "entities are who they are, whatever their values"
    assert Boom(1.0) == Boom(1.0)


def test_subclasses_inherit_fields() -> None:
    @entity(at=("x", "y"))
    class Tanker(Ship):
        oil: int = synced(0)

    spec = spec_of(Tanker)
    assert [f.name for f in spec.fields] == ["x", "y", "team", "name", "path", "oil"]


def test_hash_is_the_same_in_another_process() -> None:
    code = "import tests.model.test_schema as t; print(t.SCHEMA.hash)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=__file__.rsplit("/tests/", 1)[0],
        env={"PYTHONHASHSEED": "7"},
    )
    assert run.stdout.strip() == SCHEMA.hash


def test_hash_depends_on_what_is_on_the_wire_only() -> None:
    def made(step: float, cooldown: int) -> str:
        @entity
        class Thing:
            x: float = synced(0.0, step=step)
            hidden: int = cooldown

        return Schema.of([Thing]).hash

    assert made(0.5, 1) == made(0.5, 2)
    assert made(0.5, 1) != made(0.25, 1)


def test_order_of_classes_does_not_matter() -> None:
    assert Schema.of([Boom, Steer, Ship]) == Schema.of([Ship, Boom, Steer])


# ---------------------------------------------------------------- what is refused


def refused(*words: str) -> Any:
    return pytest.raises(LocalProtocolError, match=".*".join(words))


def test_a_type_that_cannot_be_sent_names_class_and_field() -> None:
    with refused(r"Bad\.things", "set", "cannot be sent"):

        @entity
        class Bad:
            things: set[int] = synced(factory=set)


def test_a_default_of_the_wrong_type() -> None:
    with refused(r"Bad\.hull", "default 1.5"):

        @entity
        class Bad:
            hull: int = synced(1.5)  # type: ignore[assignment]

    with refused(r"Bad\.speed", "default nan"):

        @entity
        class Bad:
            speed: float = synced(math.nan)


def test_a_bool_is_no_int() -> None:
    with refused(r"Bad\.hull", "default True"):

        @entity
        class Bad:
            hull: int = synced(True)


def test_step_belongs_to_floats() -> None:
    with refused(r"Bad\.hull", "step= is for floats"):

        @entity
        class Bad:
            hull: int = synced(1, step=0.5)

    with refused(r"Bad\.x", "step must be a positive number"):

        @entity
        class Bad:
            x: float = synced(1.0, step=0)


def test_position_must_be_two_public_numbers() -> None:
    with refused("Bad", "'z'"):

        @entity(at=("x", "z"))
        class Bad:
            x: float = synced(0.0)

    with refused(r"Bad\.x", "int or float"):

        @entity(at=("x", "y"))
        class Bad:
            x: str = synced("")
            y: float = synced(0.0)


def test_a_declared_field_needs_an_annotation() -> None:
    with refused(r"Bad\.hull", "annotation"):

        @entity
        class Bad:
            hull = synced(1)


def test_declarations_in_the_wrong_kind_of_class() -> None:
    with refused(r"Bad\.hull", r"number\(\)", r"synced\(\)"):

        @entity
        class Bad:
            hull: int = number(0, 1)

    with refused(r"Bad\.turn", r"synced\(\)", r"number\(\)"):

        @command
        class Bad:
            turn: int = synced(0)

    with refused(r"Bad\.x", "owner"):

        @event
        class Bad:
            x: int = synced(0, to="owner")


def test_limits_must_fit_the_type() -> None:
    with refused(r"Bad\.word", r"number\(\)"):

        @command
        class Bad:
            word: str = number(0, 1)  # type: ignore[assignment]

    with refused(r"Bad\.turn", r"text\(\)"):

        @command
        class Bad:
            turn: int = text(4, default=0)  # type: ignore[arg-type, assignment]

    with refused(r"Bad\.turn", "no range"):

        @command
        class Bad:
            turn: int = number(1, -1)

    with refused(r"Bad\.turn", "default 5", "outside"):

        @command
        class Bad:
            turn: int = number(-1, 1, default=5)


def test_too_many_fields() -> None:
    with refused("Bad", f"more than {MAX_FIELDS}"):
        entity(
            type(
                "Bad",
                (),
                {
                    "__annotations__": {f"f{i}": int for i in range(32)},
                    **{f"f{i}": synced(0) for i in range(32)},
                },
            )
        )
    with refused("Bad", f"more than {MAX_COMMAND_FIELDS}"):
        command(
            type(
                "Bad",
                (),
                {
                    "__annotations__": {f"f{i}": int for i in range(60)},
                    **{f"f{i}": 0 for i in range(60)},
                },
            )
        )


def test_two_classes_of_one_name() -> None:
    def another() -> type:
        @entity
        class Ship:
            x: int = synced(0)

        return Ship

    with refused("both called Ship"):
        Schema.of([Ship, another()])


def test_an_undecorated_class() -> None:
    with refused("int", "no @entity"):
        Schema.of([int])


# ---------------------------------------------------------------- commands and events


def test_a_command_goes_over_the_wire() -> None:
    sent = Steer(turn=-1, power=0.25, word="hey", team=Team.BLUE, target=(1, 2), raw=b"\0")
    wire = SCHEMA.commands[0].to_wire(sent)
    assert wire == (-1, 25, "hey", 1, (1, 2), b"\0")
    assert SCHEMA.commands[0].from_wire(wire) == sent


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ([2, 0, "", 0, None, b""], r"Steer\.turn: 2 is outside -1 … 1"),
        ([True, 0, "", 0, None, b""], r"Steer\.turn: True is not a value of type int"),
        ([0, 101, "", 0, None, b""], r"Steer\.power: 1\.01 is outside"),
        ([0, 0.5, "", 0, None, b""], r"Steer\.power: 0\.5 is not a value of type steps"),
        ([0, 0, "sixsix", 0, None, b""], r"Steer\.word: longer than 5"),
        ([0, 0, "", 2, None, b""], r"Steer\.team: 2 is not a value of type enum"),
        ([0, 0, "", 0, [1], b""], r"Steer\.target"),
        ([0, 0, "", 0, None, b"x" * 257], r"Steer\.raw: longer than 256"),
        ([0, 0, "", 0, None, ""], r"Steer\.raw"),
        ([0], "6 fields, not 1"),
        ([2**53, 0, "", 0, None, b""], r"Steer\.turn"),
    ],
)
def test_a_command_outside_its_limits(values: list[Any], complaint: str) -> None:
    with pytest.raises(RemoteProtocolError, match=complaint):
        SCHEMA.commands[0].from_wire(values)


def test_a_client_is_told_before_it_sends_nonsense() -> None:
    with refused(r"Steer\.turn", "outside"):
        SCHEMA.commands[0].to_wire(Steer(turn=7))
    with refused("Steer"):
        SCHEMA.commands[0].to_wire(Steer(power=math.inf))


wire_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats()
    | st.text(max_size=4)
    | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(wire_values, max_size=7))
def test_any_values_make_a_command_or_a_remote_error(values: list[Any]) -> None:
    try:
        made = SCHEMA.commands[0].from_wire(values)
    except RemoteProtocolError:
        return
    assert -1 <= made.turn <= 1
    assert len(made.word) <= 5


def test_an_event_goes_over_the_wire() -> None:
    assert SCHEMA.events[0].to_wire(Boom(0.5)) == (0.5, True)
    with refused(r"Boom\.x: nan"):
        SCHEMA.events[0].to_wire(Boom(math.nan))
    with refused("Boom"):
        SCHEMA.events[0].to_wire(Boom("far"))  # type: ignore[arg-type]


# ---------------------------------------------------------------- descriptions


def test_a_description_makes_an_equal_schema() -> None:
    learnt = Schema.from_description(SCHEMA.describe())
    assert learnt.describe() == SCHEMA.describe()
    assert learnt.hash == SCHEMA.hash


@given(wire_values)
def test_any_description_makes_a_schema_or_a_remote_error(description: Any) -> None:
    with contextlib.suppress(RemoteProtocolError):
        Schema.from_description(description)


VALUE_ROW = ["f", ["int"], None, None, None]
XY = [["x", ["int"]], ["y", ["int"]]]


def nested(levels: int) -> list[Any]:
    return ["int"] if levels == 1 else ["list", nested(levels - 1)]


def entity_of(at: Any, fields: Any, owner: Any = ()) -> list[Any]:
    return [[["E", at, fields, list(owner)]], [], []]


def command_of(*fields: Any) -> list[Any]:
    return [[], [["C", list(fields)]], []]


@pytest.mark.parametrize(
    "description",
    [
        None,
        [[], []],
        ["abcd", [], []],
        [{"a": 1}, [], []],
        entity_of([0, 2], XY),
        entity_of([0], XY),
        entity_of([0.0, 1.0], XY),
        entity_of([False, True], XY),
        entity_of([], [["x", ["int"]], ["x", ["str"]]]),
        entity_of([], XY, XY),
        entity_of([], [[f"f{i}", ["int"]] for i in range(32)]),
        entity_of([], [[7, ["int"]]]),
        *(
            entity_of([], [["x", wrong]])
            for wrong in (
                *([], "int", ["int", 1], ["steps", 0], ["steps", -1.0], ["steps", True]),
                *(["steps", math.inf], ["enum", "E", []], ["enum", "E", [1]], ["enum", 1, ["A"]]),
                *(["enum", "E", "AB"], ["optional", ["optional", ["int"]]], nested(17)),
                *(["dict", ["int"]], ["dict", ["bool"], ["int"]], ["dict", ["bytes"], ["int"]]),
                *(["dict", ["list", ["int"]], ["int"]], ["dict", ["int"], nested(16)]),
                *(["value", "V", []], ["value", 1, [VALUE_ROW]], ["value", "V", [VALUE_ROW] * 2]),
                *(["value", "V", [[7, *VALUE_ROW[1:]]]], ["value", "V", [VALUE_ROW[:2]]]),
                *(["value", "V", [["f", ["int"], True, 1, None]]],),
                *(["value", "V", [["f", ["int"], 0, "1", None]]],),
                *(["value", "V", [["f", ["str"], None, None, 1.5]]],),
                *(["value", "V", [[f"f{i}", *VALUE_ROW[1:]] for i in range(32)]],),
                *(["value", "V", [["f", nested(16), None, None, None]]],),
            )
        ),
        [[["E", [], [], []], ["E", [], [], []]], [], []],
        [[], [], [["B", [["x", ["int"]], ["x", ["int"]]]]]],
        [[], [], [[f"B{i}", []] for i in range(1025)]],
        command_of(["f", ["int"], "no int", None, None, None]),
        command_of(["f", ["int"], 0, "low", None, None]),
        command_of(["f", ["int"], 0, None, None, True]),
        command_of(["f", ["int"], 0, None, None, None], ["f", ["int"], 0, None, None, None]),
    ],
    ids=lambda description: str(description)[:40],
)
def test_a_description_that_is_no_schema(description: Any) -> None:
    with pytest.raises(RemoteProtocolError):
        Schema.from_description(description)


def test_the_largest_description_is_a_schema() -> None:
    fields = [[f"f{i}", nested(16)] for i in range(31)]
    owner = [[f"o{i}", ["steps", 1]] for i in range(31)]
    events = [[f"B{i}", []] for i in range(1023)] + [["B", fields + owner]]
    made = Schema.from_description([[["E", [0, 1], fields, owner]], [], events])
    assert len(made.entities[0].fields) == 31
    assert len(made.events) == 1024


def test_types_nested_deeper_than_clients_take() -> None:
    annotation: Any = int
    for _ in range(15):
        annotation = tuple[annotation, ...]
    assert from_annotation(annotation, None).describe() == nested(16)
    with pytest.raises(LocalProtocolError, match="nested"):
        from_annotation(tuple[annotation, ...], None)


def test_a_position_outside_the_fields() -> None:
    description = copy.deepcopy(SCHEMA.describe())  # which the schema keeps
    description[0][0][1] = [0, 9]
    with pytest.raises(RemoteProtocolError, match="position"):
        Schema.from_description(description)


# ---------------------------------------------------------------- classes that name each other


@entity
class Link:
    before: Link | None = None
    after: Chain | None = None
    weight: int = synced(1)


@entity
class Chain:
    first: Link | None = None


def test_an_entity_may_refer_to_its_own_class_and_to_later_ones() -> None:
    types = {a.name: a.type for a in attrs.fields(Link)}
    assert types["before"] == Link | None
    assert types["after"] == "Chain | None"
    assert types["weight"] is int
    assert {a.name: a.type for a in attrs.fields(Chain)}["first"] == Link | None


def test_a_sent_field_of_a_class_that_is_not_known_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match=r"Early.later: Later cannot be sent"):

        @entity
        class Early:
            later: Later = synced(None)  # type: ignore[name-defined]  # noqa: F821
