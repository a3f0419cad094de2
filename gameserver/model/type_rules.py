"""What a declaration may say of a field, by the type of the field.

Owns the questions that ``schema.py`` asks of a type.  Never declares a class.
"""

from __future__ import annotations

from typing import Final

from gameserver.model import fieldtypes
from gameserver.model.fieldtypes import FieldType

#: Limits of command fields that declare none.
DEFAULT_MAX_LENGTH: Final = 256
DEFAULT_MAX_ITEMS: Final = 64


def changes_in_place(field_type: FieldType) -> bool:
    """Whether values of this type hold a list, a dict or a ``@value``."""
    match field_type:
        case fieldtypes.Dict() | fieldtypes.Value():
            return True
        case fieldtypes.List(made=made, item=item):
            return made is list or changes_in_place(item)
        case fieldtypes.Tuple(items=items):
            return any(map(changes_in_place, items))
        case fieldtypes.Optional(item=item):
            return changes_in_place(item)
    return False


def is_numeric(field_type: FieldType) -> bool:
    """Whether this is a number, or all of its elements are."""
    match field_type:
        case fieldtypes.Int() | fieldtypes.Float32() | fieldtypes.Steps():
            return True
        case fieldtypes.Tuple(items=items):
            return all(map(is_numeric, items))
        case fieldtypes.List(item=item) | fieldtypes.Optional(item=item):
            return is_numeric(item)
    return False


def has_dict(field_type: FieldType) -> bool:
    """Whether values of this type hold a dict."""
    match field_type:
        case fieldtypes.Dict():
            return True
        case fieldtypes.Tuple(items=items):
            return any(map(has_dict, items))
        case fieldtypes.List(item=item) | fieldtypes.Optional(item=item):
            return has_dict(item)
        case fieldtypes.Value(fields=fields):
            return any(has_dict(field.type) for field in fields)
    return False


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
