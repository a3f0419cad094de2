"""Why a value of a game does not fit the type of its field.

Owns the messages, which name the element: ``Ship.hold[3].count: 'x' is not a value of type int``.
Used once something is wrong; ``FieldType.holds`` is the fast check.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gameserver.model import fieldtypes
from gameserver.model.edits import packed_size
from gameserver.model.fieldtypes import (
    MAX_CHANGING_BYTES,
    MAX_ELEMENTS,
    QUANTISE_ERRORS,
    FieldType,
)


def explain(field_type: FieldType, value: Any, where: str) -> str | None:
    """Return why ``value`` cannot be sent as this type, or None if it can."""
    try:
        wire = field_type.to_wire(value)
        if field_type.holds(wire):
            size = packed_size(wire) if field_type.changing else 0
            if size <= MAX_CHANGING_BYTES:
                return None
            return f"{where}: {size:,} bytes; a field holds at most {MAX_CHANGING_BYTES:,}"
    except QUANTISE_ERRORS:
        pass
    return _explain_parts(field_type, value, where) or (
        f"{where}: {repr(value)[:80]} is not a value of type {field_type.describe()[0]}"
    )


def _explain_parts(field_type: FieldType, value: Any, where: str) -> str | None:
    """Return the error of a part of ``value``, or None if it is wrong as a whole."""
    match field_type:
        case fieldtypes.Optional(item=item) if value is not None:
            return explain(item, value, where)
        case fieldtypes.List(item=item) if isinstance(value, (list, tuple)):
            parts = ((item, e, f"{where}[{i}]") for i, e in enumerate(value))
            return _too_many(value, where) or _first(parts)
        case fieldtypes.Tuple(items=items) if isinstance(value, (list, tuple)):
            if len(value) == len(items):
                zipped = enumerate(zip(items, value, strict=True))
                return _first((t, e, f"{where}[{i}]") for i, (t, e) in zipped)
        case fieldtypes.Dict(key=key, item=item) if isinstance(value, dict):
            keys = ((key, k, f"{where}: the key") for k in value)
            parts = ((item, e, f"{where}[{k!r}]") for k, e in value.items())
            return _too_many(value, where) or _first(keys) or _first(parts)
        case fieldtypes.Reference(name=name, cls=cls):
            if cls is not None and isinstance(value, cls):
                return f"{where}: this {name} is not in the world; write {name} | None"
            return f"{where}: {repr(value)[:80]} is no {name}"
        case fieldtypes.Value(fields=fields):
            if all(hasattr(value, field.name) for field in fields):
                return _first((f.type, getattr(value, f.name), f"{where}.{f.name}") for f in fields)
            return f"{where}: {repr(value)[:80]} is no {field_type.name}"
    return None


def _first(parts: Iterable[tuple[FieldType, Any, str]]) -> str | None:
    return next(filter(None, (explain(*part) for part in parts)), None)


def _too_many(value: Any, where: str) -> str | None:
    if len(value) <= MAX_ELEMENTS:
        return None
    return f"{where}: {len(value):,} elements; a list or dict has at most {MAX_ELEMENTS:,}"
