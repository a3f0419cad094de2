"""Changes of lists, dicts and values: applied, they give the new value; a wrong one is an error."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import msgpack
import pytest
from hypothesis import assume, given, settings

from gameserver.errors import RemoteProtocolError
from gameserver.model.described_types import from_description
from gameserver.model.edits import applier, differ, packed_size
from gameserver.protocol.wire import pack, pack_float64
from tests.support.examples import examples
from tests.support.node_tools import run_node
from tests.support.paths import NODE_TESTS
from tests.support.random_changes import changed, changing_types, wires_of

INTS = ["list", ["int"]]
ITEM = [
    "value",
    "Item",
    [
        ["kind", ["int"], None, None, None],
        ["count", ["int"], None, None, None],
        ["label", ["str"], None, None, None],
    ],
]
ITEMS = ["list", ITEM]
SWORD, SHIELD, BOW = (1, 1, "long sword"), (2, 1, "round shield"), (3, 20, "short bow")


@given(changed())
@settings(max_examples=examples(80))
def test_a_change_makes_the_new_value_of_the_old_one(case: tuple[Any, Any, Any]) -> None:
    field_type, old, new = case
    assume(old != new)
    change = differ(field_type)(old, new)
    assert packed_size(change) <= packed_size([new])
    received = msgpack.unpackb(pack(change))
    held = msgpack.unpackb(pack(old))
    assert pack(applier(field_type)(held, received)) == pack(new)
    assert pack(held) == pack(old), "what is held is not changed in place"


@given(changing_types.flatmap(lambda t: st.tuples(st.just(t), wires_of(t))), st.data())
@settings(max_examples=examples(40))
def test_any_change_is_applied_or_a_remote_error(
    case: tuple[Any, Any], data: st.DataObject
) -> None:
    field_type, held = case
    leaves = st.one_of(st.integers(-2, 20), st.none(), st.booleans(), st.text(max_size=1))
    change = data.draw(
        st.lists(st.recursive(leaves, lambda inner: st.lists(inner, max_size=4)), max_size=6)
    )
    try:
        made = applier(field_type)(held, change)
    except RemoteProtocolError:
        return
    assert field_type.holds(made)


@pytest.mark.parametrize(
    ("described", "old", "new", "change"),
    [
        # A push skips all, a pop all but one.
        (INTS, (1, 2, 3), (1, 2, 3, 4), [3 << 2 | 1, 4]),
        (INTS, (1, 2, 3), (1, 2), [2 << 2 | 2]),
        (INTS, (1, 2, 3), (0, 1, 2, 3), [0 << 2 | 1, 0]),
        (INTS, (1, 2, 3, 4), (1, 2, 4), [2 << 2 | 2]),
        (INTS, (1, 2, 3), (), [()]),
        (INTS, (7, 8, 9), (9, 8, 7), [(9, 8, 7)]),
        (INTS, (*range(9),), (8, *range(1, 8), 0), [0 << 2 | 0, 8, 7 << 2 | 0, 0]),
        (INTS, (*range(9),), (*range(1, 9), 0), [0 << 2 | 2, 8 << 2 | 1, 0]),
        (INTS, (*range(9),), (0, 1, 3, 4, 5, 7, 8), [2 << 2 | 2, 3 << 2 | 2]),
        # One field of one element; an element that has become another altogether.
        (ITEMS, (SWORD, SHIELD), (SWORD, (2, 5, "round shield")), [1 << 2 | 3, [2, 5]]),
        (ITEMS, (SWORD, SHIELD), (BOW, SHIELD), [0 << 2 | 0, BOW]),
        (ITEMS, (SWORD, SHIELD, BOW), (BOW, SHIELD, SWORD), [0, BOW, 1 << 2 | 0, SWORD]),
        (ITEM, SWORD, (1, 2, "long sword"), [2, 2]),
        (["optional", ITEM], SWORD, None, [None]),
        (["optional", ITEM], None, SWORD, [SWORD]),
        (["optional", ITEM], SWORD, (1, 2, "long sword"), [2, 2]),
        (["dict", ["str"], ["int"]], ("a", 1, "b", 2), ("a", 1, "b", 3), [1 << 2 | 0, 3]),
        (["dict", ["str"], ["int"]], ("a", 1, "b", 2), ("a", 1, "b", 2, "c", 3), [9, "c", 3]),
        (["dict", ["str"], ["int"]], ("a", 1, "b", 2, "c", 3), ("a", 1, "c", 3), [1 << 2 | 2]),
        (["dict", ["int"], ITEM], (7, SWORD), (7, (1, 2, "long sword")), [0 << 2 | 3, [2, 2]]),
        # A key that was deleted and put again is last; here the other one is moved before it.
        (
            ["dict", ["str"], ["str"]],
            ("first", "one of many", "second", "two of many"),
            ("second", "two of many", "first", "one of many"),
            [0 << 2 | 1, "second", "two of many", 1 << 2 | 2],
        ),
    ],
)
def test_the_edit_that_is_sent(described: Any, old: Any, new: Any, change: list[Any]) -> None:
    field_type = from_description(described)
    assert differ(field_type)(old, new) == change
    assert pack(applier(field_type)(old, msgpack.unpackb(pack(change)))) == pack(new)


def test_a_rotation_and_a_long_list_are_cheap() -> None:
    field_type = from_description(["list", ["str"]])
    words = tuple(f"word {i}" for i in range(4000))
    rotated = (*words[1:], words[0])
    assert differ(field_type)(words, rotated) == [2, 3999 << 2 | 1, "word 0"]


@st.composite
def disturbed(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    """Return a type, a value held, and a change of it in which one element may be another."""
    field_type, old, new = draw(changed().filter(lambda case: case[1] != case[2]))
    change = msgpack.unpackb(pack(differ(field_type)(old, new)))
    place = change
    while draw(st.booleans()) and (inner := [e for e in place if isinstance(e, list) and e]):
        place = draw(st.sampled_from(inner))
    at = draw(st.integers(0, len(place) - 1))
    match draw(st.integers(0, 4)):
        case 0:
            place[at] = draw(st.one_of(st.integers(-1, 20), st.none(), st.booleans(), st.just([])))
        case 1:
            del place[at]
        case 2:
            place.insert(at, place[at])
        case 3 if type(place[at]) is int:
            place[at] += draw(st.sampled_from([-4, -1, 1, 2, 4]))
    return field_type, old, change


@pytest.mark.node
def test_the_browser_client_makes_and_refuses_the_same() -> None:
    lines: list[str] = []
    made: list[str] = []

    @given(disturbed())
    @settings(max_examples=examples(60), database=None)
    def collect(case: tuple[Any, Any, Any]) -> None:
        field_type, old, change = case
        parts = (pack_float64(field_type.describe()), pack(old), pack(change))
        lines.append(" ".join(part.hex() for part in parts))
        try:
            held = msgpack.unpackb(pack(old))
            made.append(pack(applier(field_type)(held, msgpack.unpackb(parts[2]))).hex())
        except RemoteProtocolError:
            made.append("refused")

    collect()
    told = run_node("apply_changes.mjs", cwd=NODE_TESTS, stdin="\n".join(lines)).split()
    assert [lines[i] for i, each in enumerate(told) if each != made[i]] == []
    assert len(told) == len(made)
    assert 0 < made.count("refused") < len(made)
