"""The field type of a description, as a ``welcome`` carries it.

Owns the checks of a description: any value becomes a field type or raises ``RemoteProtocolError``.
``readType`` of ``clients/web/net/fieldtypes.js`` is its twin.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from gameserver.errors import RemoteProtocolError
from gameserver.model.fieldtypes import (
    MAX_FIELDS,
    MAX_TYPE_NESTING,
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


def _steps_of(description: Sequence[Any], _levels: int) -> FieldType:
    step = description[1]
    if type(step) not in (int, float) or not 0 < step < math.inf:
        raise ValueError("a step is a positive number")
    return Steps(step)


def _enum_of(description: Sequence[Any], _levels: int) -> FieldType:
    _, name, members = description
    if not members or any(type(text) is not str for text in (name, *members)):
        raise ValueError("an enum has a name, and members, which are names")
    return Enumeration(name, tuple(members))


def _optional_of(description: Sequence[Any], levels: int) -> FieldType:
    inner = from_description(description[1], levels)
    if isinstance(inner, Optional):
        raise RemoteProtocolError("an optional optional in a schema")
    return Optional(inner)


def _reference_of(description: Sequence[Any], _levels: int) -> FieldType:
    _, name = description
    if type(name) is not str:
        raise ValueError("a class has a name")
    return Reference(name)


def _dict_of(description: Sequence[Any], levels: int) -> FieldType:
    key = from_description(description[1], 1)
    if not isinstance(key, (Int, Str, Enumeration)):
        raise RemoteProtocolError("the keys of a dict are int, str or enum")
    return Dict(key, from_description(description[2], levels))


def _value_of(description: Sequence[Any], levels: int) -> FieldType:
    _, name, rows = description
    fields = []
    for field, described, low, high, max_length in rows:
        if any(limit is not None and type(limit) not in (int, float) for limit in (low, high)):
            raise ValueError("a limit is no number")
        if max_length is not None and type(max_length) is not int:
            raise ValueError("a length is no integer")
        fields.append(ValueField(field, from_description(described, levels), low, high, max_length))
    names = [field.name for field in fields]
    if not 1 <= len(fields) <= MAX_FIELDS or any(type(text) is not str for text in (name, *names)):
        raise ValueError(f"a value has a name, and 1 to {MAX_FIELDS} fields, which have names")
    if len(set(names)) < len(names):
        raise ValueError("two fields of the same name")
    return Value(name, tuple(fields))


#: Takes a description, and how many levels of types it may contain.
_DESCRIBED: Final[dict[str, Callable[[Sequence[Any], int], FieldType]]] = {
    "bool": lambda _, __: Bool(),
    "int": lambda _, __: Int(),
    "float32": lambda _, __: Float32(),
    "steps": _steps_of,
    "str": lambda _, __: Str(),
    "bytes": lambda _, __: Bytes(),
    "enum": _enum_of,
    "tuple": lambda d, levels: Tuple(tuple(from_description(each, levels) for each in d[1])),
    "list": lambda d, levels: List(from_description(d[1], levels)),
    "optional": _optional_of,
    "entity": _reference_of,
    "dict": _dict_of,
    "value": _value_of,
}


def from_description(description: Any, levels: int = MAX_TYPE_NESTING) -> FieldType:
    """Return the field type of a description with at most ``levels`` of nested types.

    Raises ``RemoteProtocolError`` for anything that ``describe`` cannot have returned.
    """
    if not levels:
        raise RemoteProtocolError("a field type is nested too deep")
    try:
        field_type = _DESCRIBED[description[0]](description, levels - 1)
        faithful = field_type.describe() == list(description)
    except (TypeError, LookupError, ValueError, AttributeError):
        faithful = False
    if not faithful:
        raise RemoteProtocolError(f"not a field type: {str(description)[:80]}")
    return field_type
