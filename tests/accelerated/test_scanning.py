"""The compiled scans beside the pure ones: whatever a game sets, both find the same."""

from __future__ import annotations

import copy
import enum
from typing import Any
from unittest import mock

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from gameserver import Near, Room, entity, synced
from gameserver.errors import LocalProtocolError
from gameserver.model.compiled import (
    NamedTypes,
    compile_owner_scan_in_python,
    compile_scan_in_python,
)
from gameserver.model.fieldtypes import QUANTISE_ERRORS
from gameserver.model.record import Record
from tests.support.examples import examples
from tests.support.twins import both, name_of

SCANS = both("compile_scan", compile_scan_in_python)
OWNER_SCANS = both("compile_owner_scan", compile_owner_scan_in_python)


class Mood(enum.Enum):
    CALM = 1
    ANGRY = 2


@entity(at=("x", "y"))
class Thing:
    x: float = synced(0.0, step=1 / 32)
    y: float = synced(0.0, step=1 / 100)
    count: int = synced(0)
    lit: bool = synced(default=False)
    name: str = synced("")
    mood: Mood | None = synced(None)
    ammo: int = synced(10, to="owner")
    heat: float = synced(0.0, step=1 / 8, to="owner")
    hot: bool = synced(default=False, to="owner")


@entity
class Bag:
    items: list[int] = synced(factory=list)


class Place(Room):
    entities = (Thing, Bag)
    view = Near(100)


SCHEMA = Place.schema()
KIND = SCHEMA.kinds[Thing]
SPEC = SCHEMA.entities[KIND]


def named(fields: Any) -> NamedTypes:
    return [(field.name, field.type) for field in fields]


PUBLIC = named(SPEC.fields)
OWNER = named(SPEC.owner_fields)


class Side:
    """Records of some things, compared by one implementation."""

    def __init__(self, make_scan: Any, make_owner_scan: Any, at: tuple[int, ...]) -> None:
        self.scan = make_scan("Thing", PUBLIC, at)
        self.scan_owner = make_owner_scan("Thing", OWNER)
        self.records: list[Record] = []
        for number in range(1, 4):
            record = Record(Thing(), KIND, SPEC, SCHEMA.compiled[KIND], {})
            record.id, record.cell, record.owner = number, number % 2, number % 3
            record.bounds = (-10.0, 10.0, -5.0, 5.0)
            record.values = record.compiled.values(record.entity)
            record.owner_values = record.compiled.owner_values(record.entity)
            self.records.append(record)

    def found(self, tick: int) -> Any:
        """Scan, and return all that was found, and all that the records hold afterwards."""
        stayed: dict[int, list[Any]] = {}
        strays: list[tuple[Record, list[Any]]] = []
        owned: dict[int, dict[int, list[Any]]] = {}
        error = None
        try:
            self.scan(self.records, tick, stayed, strays)
            self.scan_owner(self.records, tick, owned)
        except (LocalProtocolError, *QUANTISE_ERRORS) as raised:
            error = repr(raised)
        held = [
            (r.values, r.owner_values, list(r.changed_at), list(r.owner_changed_at), r.full, r.crc)
            for r in self.records
        ]
        return repr((stayed, [(r.id, flat) for r, flat in strays], owned, error, held))


right: dict[str, st.SearchStrategy[Any]] = {
    "x": st.floats(-12, 12) | st.integers(-12, 12),
    "y": st.floats(-6, 6) | st.sampled_from((0.005, 0.015, -0.025)),
    "count": st.integers(-(2**52), 2**52) | st.integers(-1, 1),
    "lit": st.booleans(),
    "name": st.text(max_size=3),
    "mood": st.none() | st.sampled_from(Mood),
    "ammo": st.integers(-1, 1),
    "heat": st.floats(-2, 2),
    "hot": st.booleans(),
}
wrong = (
    st.none()
    | st.booleans()
    | st.integers(2**52 - 1, 2**64)
    | st.floats()
    | st.sampled_from((1e300, -1e17, "text", b"raw", Mood.CALM))
)
assignment = st.sampled_from(sorted(right)).flatmap(
    lambda name: st.tuples(st.integers(0, 2), st.just(name), right[name])
)
mistake = st.tuples(st.integers(0, 2), st.sampled_from(sorted(right)), wrong)


@settings(max_examples=examples(80))
@given(
    st.lists(st.lists(assignment, max_size=6), max_size=6),
    st.lists(mistake, max_size=3),
    st.sampled_from(((0, 1), ())),
)
def test_both_find_the_same(
    ticks: list[list[tuple[int, str, Any]]],
    mistakes: list[tuple[int, str, Any]],
    at: tuple[int, ...],
) -> None:
    sides = [Side(*scans, at) for scans in zip(SCANS, OWNER_SCANS, strict=True)]
    for tick, assignments in enumerate([*ticks, mistakes, []], 1):
        for which, name, value in assignments:
            for side in sides:
                setattr(side.records[which].entity, name, value)
        found = [side.found(tick) for side in sides]
        assert all(one == found[0] for one in found)


def test_the_compiled_scan_compares_ordinary_entities_itself() -> None:
    for make_scan, make_owner_scan in list(zip(SCANS, OWNER_SCANS, strict=True))[1:]:
        pure = mock.Mock()
        with mock.patch("gameserver.model.compiled.compile_scan_in_python", return_value=pure):
            side = Side(make_scan, make_owner_scan, (0, 1))
        thing = side.records[0]
        side.scan([thing], 1, {}, [])
        assert pure.call_count == 1, "it has never been seen"
        thing.seen = tuple(getattr(thing.entity, name) for name, _ in PUBLIC)
        thing.entity.x, thing.entity.count, thing.entity.lit = 1.0, 5, True
        stayed: dict[int, list[Any]] = {}
        side.scan([thing], 2, stayed, [])
        assert stayed == {1: [1, 0b1101, 32, 5, True]}
        assert pure.call_count == 1


@pytest.mark.parametrize("make_scan", SCANS, ids=name_of)
def test_a_list_that_changes_in_place_is_found(make_scan: Any) -> None:
    kind = SCHEMA.kinds[Bag]
    scan = make_scan("Bag", named(SCHEMA.entities[kind].fields), ())
    bag = Bag()
    record = Record(bag, kind, SCHEMA.entities[kind], SCHEMA.compiled[kind], {})
    record.id, record.cell = 1, 0
    record.values = copy.deepcopy(record.compiled.values(bag))
    bag.items.append(3)
    stayed: dict[int, list[Any]] = {}
    scan([record], 1, stayed, [])
    assert stayed[0][:2] == [1, 1]


@pytest.mark.parametrize("make_scan", SCANS, ids=name_of)
def test_entities_without_slots_are_compared_too(make_scan: Any) -> None:
    class Plain:
        x, y, count, lit, name, mood = 0.0, 0.0, 0, False, "", None

    record = Record(Plain(), KIND, SPEC, SCHEMA.compiled[KIND], {})
    record.id, record.cell = 1, 0
    record.values = record.compiled.values(record.entity)
    scan = make_scan("Thing", PUBLIC, ())
    for tick, count in enumerate((1, 1, 4), 1):
        record.entity.count = count
        stayed: dict[int, list[Any]] = {}
        scan([record], tick, stayed, [])
    assert stayed == {0: [1, 0b100, 3]}
