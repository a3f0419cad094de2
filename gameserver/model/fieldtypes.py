"""The types of synced, command and event fields, and their wire values.

Owns the mapping between Python values and wire values (``gameserver/protocol/README.md``,
"Schema"): quantising, checking, and describing a type.  Never packs bytes, never knows entities.

A *value* is what the game sees (``0.5``, ``Color.RED``); a *wire value* is what msgpack carries
(``16`` steps, index ``0``).
"""

from __future__ import annotations

import enum
import math
import struct
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs

from gameserver.errors import LocalProtocolError, RemoteProtocolError

#: Wire integers lie within ±2^52, so that the difference of two is exact in a double.
INT_LIMIT: Final = 2**52

#: Clients refuse types that are nested more deeply.
MAX_TYPE_NESTING: Final = 16

#: ``FieldType.to_wire`` raises one of these for some values of a wrong type.
QUANTISE_ERRORS: Final = (TypeError, ValueError, OverflowError, AttributeError, struct.error)

_FLOAT32 = struct.Struct(">f")
_FLOAT32_MAX: Final = 3.4028234663852886e38


def _float32(value: float) -> float:
    """Round to the nearest float 32; -0.0 becomes 0.0, so that equal values have equal bytes."""
    result: float = _FLOAT32.unpack(_FLOAT32.pack(value))[0]
    return result + 0.0


@attrs.frozen
class FieldType:
    """Base of all field types."""

    #: Whether ``adds`` carries values of this type as differences.
    additive: typing.ClassVar[bool] = False

    @property
    def immutable(self) -> bool:
        """Whether an object never changes its value; where tuples belong a game may set lists."""
        return True

    def describe(self) -> list[Any]:
        """Return the type as ``welcome`` carries it."""
        raise NotImplementedError

    def source(self, value: str, names: dict[str, Any]) -> str:
        """Return a Python expression that turns ``value`` (an expression) into its wire value.

        The expression is compiled into one function per class.  Names that it uses go to ``names``.
        """
        name = f"to_wire_{len(names)}"
        names[name] = self.to_wire
        return f"{name}({value})"

    def to_wire(self, value: Any) -> Any:
        """Quantise ``value``.  The result for a value of a wrong type may fail ``holds``."""
        return value

    def from_wire(self, wire: Any) -> Any:
        """Return the value of a wire value that passes ``holds``."""
        return wire

    def holds(self, wire: Any) -> bool:
        """Whether ``wire`` is a wire value of this type."""
        raise NotImplementedError


@attrs.frozen
class Bool(FieldType):
    """True or False."""

    def describe(self) -> list[Any]:
        return ["bool"]

    def source(self, value: str, names: dict[str, Any]) -> str:
        return value

    def holds(self, wire: Any) -> bool:
        return type(wire) is bool


@attrs.frozen
class Int(FieldType):
    """An integer within ±2^52."""

    additive = True

    def describe(self) -> list[Any]:
        return ["int"]

    def source(self, value: str, names: dict[str, Any]) -> str:
        return value

    def holds(self, wire: Any) -> bool:
        return type(wire) is int and -INT_LIMIT <= wire <= INT_LIMIT


@attrs.frozen
class Steps(FieldType):
    """A float sent as an integer count of ``step``."""

    step: float

    additive = True

    def describe(self) -> list[Any]:
        return ["steps", float(self.step)]

    def source(self, value: str, names: dict[str, Any]) -> str:
        inverse = 1.0 / self.step
        if math.frexp(self.step)[0] == 0.5:  # a power of two: multiplying is exact
            return f"round({value} * {inverse!r})"
        return f"round({value} / {self.step!r})"

    def to_wire(self, value: Any) -> Any:
        return round(value / self.step)

    def from_wire(self, wire: Any) -> Any:
        return wire * self.step

    def holds(self, wire: Any) -> bool:
        return type(wire) is int and -INT_LIMIT <= wire <= INT_LIMIT


@attrs.frozen
class Float32(FieldType):
    """A float sent as float 32."""

    def describe(self) -> list[Any]:
        return ["float32"]

    def to_wire(self, value: Any) -> Any:
        return _float32(value)

    def holds(self, wire: Any) -> bool:
        return type(wire) is float and -_FLOAT32_MAX <= wire <= _FLOAT32_MAX


@attrs.frozen
class Str(FieldType):
    """A str of any length."""

    def describe(self) -> list[Any]:
        return ["str"]

    def source(self, value: str, names: dict[str, Any]) -> str:
        return value

    def holds(self, wire: Any) -> bool:
        if type(wire) is not str:
            return False
        try:
            wire.encode()
        except UnicodeEncodeError:  # lone surrogates have no UTF-8
            return False
        return True


@attrs.frozen
class Bytes(FieldType):
    """A byte string of any length."""

    def describe(self) -> list[Any]:
        return ["bytes"]

    def source(self, value: str, names: dict[str, Any]) -> str:
        return value

    def holds(self, wire: Any) -> bool:
        return type(wire) is bytes


@attrs.frozen
class Enumeration(FieldType):
    """An ``enum.Enum``, sent as the index of the member.

    ``members`` are the Python members, or their names if only the description is known.
    """

    name: str
    members: tuple[Any, ...]
    _index: dict[Any, int] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_index", {m: i for i, m in enumerate(self.members)})

    def describe(self) -> list[Any]:
        names = [m.name if isinstance(m, enum.Enum) else m for m in self.members]
        return ["enum", self.name, names]

    def to_wire(self, value: Any) -> Any:
        return self._index.get(value)

    def from_wire(self, wire: Any) -> Any:
        return self.members[wire]

    def holds(self, wire: Any) -> bool:
        return type(wire) is int and 0 <= wire < len(self.members)


@attrs.frozen
class Tuple(FieldType):
    """A tuple with a fixed number of elements, each of its own type."""

    items: tuple[FieldType, ...]

    @property
    def immutable(self) -> bool:
        return False

    def describe(self) -> list[Any]:
        return ["tuple", [t.describe() for t in self.items]]

    def to_wire(self, value: Any) -> Any:
        if len(value) != len(self.items):
            return None
        return tuple(t.to_wire(v) for t, v in zip(self.items, value, strict=True))

    def from_wire(self, wire: Any) -> Any:
        return tuple(t.from_wire(w) for t, w in zip(self.items, wire, strict=True))

    def holds(self, wire: Any) -> bool:
        return (
            type(wire) in (tuple, list)
            and len(wire) == len(self.items)
            and all(t.holds(w) for t, w in zip(self.items, wire, strict=True))
        )


@attrs.frozen
class List(FieldType):
    """A tuple of any length, all elements of one type (``tuple[T, ...]``)."""

    item: FieldType

    @property
    def immutable(self) -> bool:
        return False

    def describe(self) -> list[Any]:
        return ["list", self.item.describe()]

    def to_wire(self, value: Any) -> Any:
        return tuple(map(self.item.to_wire, value))

    def from_wire(self, wire: Any) -> Any:
        return tuple(map(self.item.from_wire, wire))

    def holds(self, wire: Any) -> bool:
        return type(wire) in (tuple, list) and all(map(self.item.holds, wire))


@attrs.frozen
class Optional(FieldType):
    """A value or None."""

    item: FieldType

    @property
    def immutable(self) -> bool:
        return self.item.immutable

    def describe(self) -> list[Any]:
        return ["optional", self.item.describe()]

    def to_wire(self, value: Any) -> Any:
        return None if value is None else self.item.to_wire(value)

    def from_wire(self, wire: Any) -> Any:
        return None if wire is None else self.item.from_wire(wire)

    def holds(self, wire: Any) -> bool:
        return wire is None or self.item.holds(wire)


_PLAIN: Final[dict[Any, FieldType]] = {bool: Bool(), int: Int(), str: Str(), bytes: Bytes()}


def from_annotation(annotation: Any, step: float | None) -> FieldType:
    """Return the field type for a resolved annotation.

    ``step`` applies to every float in it.  Raises ``LocalProtocolError``, whose text completes
    "Class.field: …", if no field type fits.
    """
    field_type = _from_annotation(annotation, step)
    if step is not None and not _has_steps(field_type):
        raise LocalProtocolError(f"step= is for floats, not for {_name(annotation)}")
    return field_type


def _from_annotation(
    annotation: Any, step: float | None, levels: int = MAX_TYPE_NESTING
) -> FieldType:
    if not levels:
        raise LocalProtocolError(f"types are nested more than {MAX_TYPE_NESTING} deep")
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if annotation is float:
        if step is None:
            return Float32()
        if not (isinstance(step, (int, float)) and 0 < step < math.inf):
            raise LocalProtocolError(f"step must be a positive number, not {step!r}")
        return Steps(float(step))
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        if not len(annotation):
            raise LocalProtocolError(f"the enum {annotation.__name__} has no members")
        return Enumeration(annotation.__name__, tuple(annotation))
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is tuple and args:
        if len(args) == 2 and args[1] is ...:
            return List(_from_annotation(args[0], step, levels - 1))
        return Tuple(tuple(_from_annotation(a, step, levels - 1) for a in args))
    if origin in (typing.Union, types.UnionType):
        rest = [a for a in args if a is not type(None)]
        if len(rest) == 1 and len(args) == 2:
            return Optional(_from_annotation(rest[0], step, levels - 1))
    if annotation is list or origin is list:
        item = _name(args[0]) if args else "int"
        raise LocalProtocolError(f"{_name(annotation)} cannot be sent; use tuple[{item}, ...]")
    raise LocalProtocolError(
        f"{_name(annotation)} cannot be sent; use bool, int, float, str, bytes, an Enum, "
        "a tuple of these, or one of these | None"
    )


def _has_steps(field_type: FieldType) -> bool:
    match field_type:
        case Steps():
            return True
        case Tuple(items=items):
            return any(map(_has_steps, items))
        case List(item=item) | Optional(item=item):
            return _has_steps(item)
    return False


def _name(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


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
