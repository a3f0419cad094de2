"""Properties of field types that decide which limits and options a declaration may have.

Owns the questions that ``schema.py`` asks about a type.  Never declares a class.
"""

from __future__ import annotations

from typing import Final

from gameserver.model import fieldtypes
from gameserver.model.fieldtypes import FieldType

#: Limits of command fields that declare none.
DEFAULT_MAX_LENGTH: Final = 256
DEFAULT_MAX_ITEMS: Final = 64


def changes_in_place(field_type: FieldType) -> bool:
    """Whether values of this type hold a list, a dict, a ``@value`` or an entity."""
    match field_type:
        case fieldtypes.Dict() | fieldtypes.Value() | fieldtypes.Reference():
            return True
        case fieldtypes.List(made=made, item=item):
            return made is list or changes_in_place(item)
        case fieldtypes.Tuple(items=items):
            return any(map(changes_in_place, items))
        case fieldtypes.Optional(item=item):
            return changes_in_place(item)
    return False


def is_numeric(field_type: FieldType) -> bool:
    """Whether this is a number, or a tuple or list of numbers."""
    match field_type:
        case fieldtypes.Int() | fieldtypes.Float32() | fieldtypes.Steps():
            return True
        case fieldtypes.Tuple(items=items):
            return all(map(is_numeric, items))
        case fieldtypes.List(item=item) | fieldtypes.Optional(item=item):
            return is_numeric(item)
    return False


def has(part: type[FieldType], field_type: FieldType) -> bool:
    """Whether values of this type hold one of the type ``part``."""
    match field_type:
        case fieldtypes.Tuple(items=items):
            return any(has(part, item) for item in items)
        case fieldtypes.List(item=item) | fieldtypes.Optional(item=item):
            return has(part, item)
        case fieldtypes.Dict(item=item):
            return part is fieldtypes.Dict or has(part, item)
        case fieldtypes.Value(fields=fields):
            return any(has(part, field.type) for field in fields)
    return isinstance(field_type, part)


def is_str(field_type: FieldType) -> bool:
    """Whether this is a str, or an optional one."""
    if isinstance(field_type, fieldtypes.Optional):
        return is_str(field_type.item)
    return isinstance(field_type, fieldtypes.Str)


def default_max_length(field_type: FieldType) -> int | None:
    """Return the limit on the length of a command field that declares none."""
    match field_type:
        case fieldtypes.Str() | fieldtypes.Bytes():
            return DEFAULT_MAX_LENGTH
        case fieldtypes.List():
            return DEFAULT_MAX_ITEMS
        case fieldtypes.Optional(item=item):
            return default_max_length(item)
    return None
