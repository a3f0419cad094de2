"""The field type of an annotation, as a game writes it.

Owns the annotations that a field may have, and the errors for all others.  ``fieldtypes.py`` has
the types.
"""

from __future__ import annotations

import enum
import math
import types
import typing
from typing import Any, Final

from gameserver.errors import LocalProtocolError
from gameserver.model.fieldtypes import (
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
)

#: The attribute of a ``@value`` class that holds its field type.
VALUE_TYPE: Final = "__gameserver_value__"
#: The attribute that marks an ``@entity`` class while its fields are still being read.
ENTITY_CLASS: Final = "__gameserver_entity__"

_PLAIN: Final[dict[Any, FieldType]] = {bool: Bool(), int: Int(), str: Str(), bytes: Bytes()}


def from_annotation(annotation: Any, step: float | None) -> FieldType:
    """Return the field type for a resolved annotation.

    ``step`` applies to every float in it, but not in the values of a ``@value`` class.  Raises
    ``LocalProtocolError``, whose text completes "Class.field: …", if no field type fits.
    """
    field_type = _from_annotation(annotation, step)
    if step is not None and not _has_steps(field_type):
        raise LocalProtocolError(f"step= is for floats, not for {_name(annotation)}")
    if field_type.depth > MAX_TYPE_NESTING:
        raise LocalProtocolError(f"types are nested more than {MAX_TYPE_NESTING} deep")
    return field_type


def value_type_of(cls: Any) -> Value | None:
    """Return the field type of a ``@value`` class, None for anything else."""
    found: Value | None = vars(cls).get(VALUE_TYPE) if isinstance(cls, type) else None
    return found


def _from_annotation(annotation: Any, step: float | None) -> FieldType:
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if annotation is float:
        if step is None:
            return Float32()
        if not (isinstance(step, (int, float)) and 0 < step < math.inf):
            raise LocalProtocolError(f"step must be a positive number, not {step!r}")
        return Steps(float(step))
    if (value := value_type_of(annotation)) is not None:
        return value
    if isinstance(annotation, type) and ENTITY_CLASS in vars(annotation):
        return Reference(annotation.__name__, annotation)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        if not len(annotation):
            raise LocalProtocolError(f"the enum {annotation.__name__} has no members")
        return Enumeration(annotation.__name__, tuple(annotation))
    found = _generic(typing.get_origin(annotation), typing.get_args(annotation), step)
    if found is not None:
        return found
    if annotation in (list, dict):
        whole = "list[int]" if annotation is list else "dict[str, int]"
        raise LocalProtocolError(f"say what is in the {_name(annotation)}, as in {whole}")
    raise LocalProtocolError(
        f"{_name(annotation)} cannot be sent; use bool, int, float, str, bytes, an Enum, a @value "
        "or @entity class, a tuple, list or dict of these, or one of these | None"
    )


def _generic(origin: Any, args: tuple[Any, ...], step: float | None) -> FieldType | None:
    if origin is tuple and args:
        if len(args) == 2 and args[1] is ...:
            return List(_from_annotation(args[0], step))
        return Tuple(tuple(_from_annotation(a, step) for a in args))
    if origin is list:
        return List(_from_annotation(args[0], step), list)
    if origin is dict:
        key = _from_annotation(args[0], None)
        if not isinstance(key, (Int, Str, Enumeration)):
            raise LocalProtocolError(f"the keys of a dict are int, str or an Enum, not {args[0]}")
        return Dict(key, _from_annotation(args[1], step))
    if origin in (typing.Union, types.UnionType):
        rest = [a for a in args if a is not type(None)]
        if len(rest) == 1 and len(args) == 2:
            return Optional(_from_annotation(rest[0], step))
    return None


def _has_steps(field_type: FieldType) -> bool:
    match field_type:
        case Steps():
            return True
        case Tuple(items=items):
            return any(map(_has_steps, items))
        case List(item=item) | Optional(item=item) | Dict(item=item):
            return _has_steps(item)
    return False


def _name(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)
