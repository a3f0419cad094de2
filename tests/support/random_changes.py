"""Random types of lists, dicts and values, wire values of them, and edits of these.

Owns the strategies; both languages are tested with what they give.
"""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st

from gameserver.model.fieldtypes import (
    Bool,
    Bytes,
    Dict,
    Enumeration,
    FieldType,
    Float32,
    Int,
    List,
    Optional,
    Reference,
    Steps,
    Str,
    Tuple,
    Value,
    ValueField,
)

SCALARS: list[FieldType] = [
    *(Bool(), Int(), Steps(0.5), Float32(), Str(), Bytes(), Reference("Ship")),
    Enumeration("Colour", ("RED", "GREEN", "BLUE")),
]
KEYS = [Int(), Str(), Enumeration("Colour", ("RED", "GREEN", "BLUE"))]


def _value_of(items: list[FieldType]) -> FieldType:
    return Value("V", tuple(ValueField(f"f{i}", item) for i, item in enumerate(items)))


def _extended(inner: st.SearchStrategy[FieldType]) -> st.SearchStrategy[FieldType]:
    return st.one_of(
        st.builds(List, inner),
        st.builds(Dict, st.sampled_from(KEYS), inner),
        st.lists(inner, min_size=1, max_size=4).map(_value_of),
        st.lists(inner, min_size=1, max_size=2).map(lambda items: Tuple(tuple(items))),
        inner.filter(lambda item: not isinstance(item, Optional)).map(Optional),
    )


types = st.recursive(st.sampled_from(SCALARS), _extended, max_leaves=5)
changing_types = types.filter(lambda field_type: field_type.changing)


def wires_of(field_type: FieldType, most: int = 6) -> st.SearchStrategy[Any]:
    """Return a strategy for wire values of a type; few different ones, so that some are equal."""
    match field_type:
        case Bool():
            return st.booleans()
        case Int() | Steps():
            return st.one_of(st.integers(0, 3), st.integers(-(2**52), 2**52))
        case Reference():
            return st.integers(1, 3)
        case Float32():
            return st.sampled_from([0.0, 0.5, -2.25])
        case Str():
            return st.sampled_from(["", "a", "é", "__proto__", "abcdefgh" * 5])
        case Bytes():
            return st.sampled_from([b"", b"\x00", b"0123456789" * 4])
        case Enumeration(members=members):
            return st.integers(0, len(members) - 1)
        case Optional(item=item):
            return st.one_of(st.none(), wires_of(item))
        case Tuple(items=items):
            return st.tuples(*map(wires_of, items))
        case Value(fields=fields):
            return st.tuples(*(wires_of(field.type) for field in fields))
        case List(item=item):
            return st.lists(wires_of(item), max_size=most).map(tuple)
        case Dict(key=key, item=item):
            pairs = st.dictionaries(wires_of(key), wires_of(item), max_size=most)
            return pairs.map(lambda held: tuple(part for pair in held.items() for part in pair))
    raise NotImplementedError(field_type)


@st.composite
def _edited(draw: st.DrawFn, field_type: FieldType, old: Any) -> Any:
    """Return what a game may make of ``old``: most of it remains."""
    match field_type:
        case Optional(item=item) if old is not None and draw(st.integers(0, 4)):
            return draw(_edited(item, old))
        case Value(fields=fields):
            made = list(old)
            at = draw(st.integers(0, len(made) - 1))
            made[at] = draw(_edited(fields[at].type, made[at]))
            return tuple(made)
        case List(item=item) if old:
            made = list(old)
            for _ in range(draw(st.integers(1, 3))):
                at = draw(st.integers(0, len(made)))
                match draw(st.integers(0, 3)) if at < len(made) else 0:
                    case 0:
                        made.insert(at, draw(wires_of(item)))
                    case 1:
                        del made[at]
                    case 2:
                        made[at] = draw(_edited(item, made[at]))
                    case 3:
                        made[at], made[0] = made[0], made[at]
            return tuple(made)
        case Dict(key=key, item=item) if old:
            held = dict(zip(old[::2], old[1::2], strict=True))
            for _ in range(draw(st.integers(1, 3))):
                name = draw(st.one_of(st.sampled_from(old[::2]), wires_of(key)))
                match draw(st.integers(0, 2)) if name in held else 0:
                    case 0:
                        held[name] = draw(wires_of(item))
                    case 1:
                        del held[name]
                    case 2:
                        held[name] = draw(_edited(item, held[name]))
            return tuple(part for pair in held.items() for part in pair)
    return draw(wires_of(field_type))


@st.composite
def changed(draw: st.DrawFn) -> tuple[FieldType, Any, Any]:
    """Return a type, a wire value of it, and another that differs."""
    field_type = draw(changing_types)
    old = draw(wires_of(field_type, 12))
    new = draw(st.one_of(_edited(field_type, old), _edited(field_type, old), wires_of(field_type)))
    return field_type, old, new
