"""The types of synced, command and event fields, and their wire values.

Owns the mapping between Python values and wire values (``gameserver/protocol/README.md``,
"Schema"): quantising, checking, and describing a type.  Never packs bytes, never knows entities.
``annotations.py`` finds the type of an annotation, ``described_types.py`` that of a description.

A *value* is what the game sees (``0.5``, ``Color.RED``); a *wire value* is what msgpack carries
(``16`` steps, index ``0``).
"""

from __future__ import annotations

import enum
import math
import struct
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Final

import attrs

#: Wire integers lie within ±2^52, so that the difference of two is exact in a double.
INT_LIMIT: Final = 2**52

#: Clients refuse types that are nested more deeply.
MAX_TYPE_NESTING: Final = 16

#: A mask of changed fields must fit the 32-bit integer operations of a browser.
MAX_FIELDS: Final = 31

#: Most elements of a list or dict.
MAX_ELEMENTS: Final = 4096
#: Longest msgpack form of a value, list or dict in a field.
MAX_CHANGING_BYTES: Final = 1 << 16

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
    additive: ClassVar[bool] = False
    #: Whether ``adds`` and ``own`` carry values of this type as changes (``edits.py``).
    changing: ClassVar[bool] = False

    @property
    def immutable(self) -> bool:
        """Whether an object never changes its value; where tuples belong a game may set lists."""
        return not self.changing

    @property
    def depth(self) -> int:
        """How many types are inside one another, this one included."""
        return 1

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

    def source(self, value: str, names: dict[str, Any]) -> str:
        name = f"to_wire_{len(names)}"
        names[name] = self._index.get
        return f"{name}({value})"

    def to_wire(self, value: Any) -> Any:
        index = self._index.get(value)
        if index is None and isinstance(value, enum.Enum):
            # A client that knows only the description may still pass the game's own enum.
            return self._index.get(value.name)
        return index

    def from_wire(self, wire: Any) -> Any:
        return self.members[wire]

    def holds(self, wire: Any) -> bool:
        return type(wire) is int and 0 <= wire < len(self.members)


@attrs.frozen
class Reference(FieldType):
    """An entity of a class, sent as its id, or as None if it is not in the world.

    ``cls`` is unknown if only the description is known; values are then ids.
    """

    name: str
    cls: type | None = attrs.field(default=None, eq=False)

    @property
    def immutable(self) -> bool:
        return False  # the entity may despawn

    def describe(self) -> list[Any]:
        return ["entity", self.name]

    def to_wire(self, value: Any) -> Any:
        if self.cls is not None and not isinstance(value, self.cls):
            raise TypeError(f"{type(value).__name__} is no {self.name}")
        record = getattr(value, "_record", None)
        return None if record is None else record.id

    def holds(self, wire: Any) -> bool:
        return type(wire) is int and 1 <= wire <= INT_LIMIT


@attrs.frozen
class Tuple(FieldType):
    """A tuple with a fixed number of elements, each of its own type."""

    items: tuple[FieldType, ...]

    @property
    def immutable(self) -> bool:
        return False

    @property
    def depth(self) -> int:
        return 1 + max([t.depth for t in self.items], default=0)

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
    """A sequence of any length, all elements of one type (``list[T]`` or ``tuple[T, ...]``)."""

    item: FieldType
    #: The class of the values; a tuple if only the description is known.
    made: type[list[Any]] | type[tuple[Any, ...]] = attrs.field(default=tuple, eq=False)

    changing = True

    @property
    def depth(self) -> int:
        return 1 + self.item.depth

    def describe(self) -> list[Any]:
        return ["list", self.item.describe()]

    def source(self, value: str, names: dict[str, Any]) -> str:
        names["sequence"] = _sequence
        item = self.item.source("e", names)
        if item == "e":
            return f"tuple(sequence({value}))"
        return f"tuple([{item} for e in sequence({value})])"

    def to_wire(self, value: Any) -> Any:
        return tuple(map(self.item.to_wire, _sequence(value)))

    def from_wire(self, wire: Any) -> Any:
        return self.made(map(self.item.from_wire, wire))

    def holds(self, wire: Any) -> bool:
        return (
            type(wire) in (tuple, list)
            and len(wire) <= MAX_ELEMENTS
            and all(map(self.item.holds, wire))
        )


@attrs.frozen
class Dict(FieldType):
    """A dict; on the wire the array ``key, value, …`` in the order of the dict."""

    key: FieldType
    item: FieldType

    changing = True

    @property
    def depth(self) -> int:
        return 1 + self.item.depth

    def describe(self) -> list[Any]:
        return ["dict", self.key.describe(), self.item.describe()]

    def source(self, value: str, names: dict[str, Any]) -> str:
        names["items_of"] = _items_of
        pair = f"({self.key.source('k', names)}, {self.item.source('e', names)})"
        return f"tuple([w for k, e in items_of({value}) for w in {pair}])"

    def to_wire(self, value: Any) -> Any:
        flat: list[Any] = []
        for key, item in _items_of(value):
            flat += (self.key.to_wire(key), self.item.to_wire(item))
        return tuple(flat)

    def from_wire(self, wire: Any) -> Any:
        keys = map(self.key.from_wire, wire[::2])
        return dict(zip(keys, map(self.item.from_wire, wire[1::2]), strict=True))

    def holds(self, wire: Any) -> bool:
        if type(wire) not in (tuple, list) or len(wire) % 2 or len(wire) > 2 * MAX_ELEMENTS:
            return False
        keys = wire[::2]
        return (
            all(map(self.key.holds, keys))
            and len(set(keys)) == len(keys)
            and all(map(self.item.holds, wire[1::2]))
        )


@attrs.frozen
class ValueField:
    """One field of a ``@value`` class.  The limits bind commands only; None where there is none."""

    name: str
    type: FieldType
    low: float | None = None
    high: float | None = None
    max_length: int | None = None

    def describe(self) -> list[Any]:
        """Return the description that ``welcome`` carries."""
        return [self.name, self.type.describe(), self.low, self.high, self.max_length]


@attrs.frozen
class Value(FieldType):
    """A ``@value`` class; on the wire the array of its fields.

    Instances are made by ``cls``.  If only the description is known, they are ``RemoteValue``.
    """

    name: str
    fields: tuple[ValueField, ...]
    cls: Callable[..., Any] | None = attrs.field(default=None, eq=False)

    changing = True

    @property
    def depth(self) -> int:
        return 1 + max(field.type.depth for field in self.fields)

    def describe(self) -> list[Any]:
        return ["value", self.name, [field.describe() for field in self.fields]]

    def source(self, value: str, names: dict[str, Any]) -> str:
        fields = [field.type.source(f"{value}.{field.name}", names) for field in self.fields]
        return f"({''.join(f'{field}, ' for field in fields)})"

    def to_wire(self, value: Any) -> Any:
        return tuple(field.type.to_wire(getattr(value, field.name)) for field in self.fields)

    def from_wire(self, wire: Any) -> Any:
        values = [f.type.from_wire(w) for f, w in zip(self.fields, wire, strict=True)]
        if self.cls is not None:
            return self.cls(*values)
        names = [field.name for field in self.fields]
        return RemoteValue(self.name, dict(zip(names, values, strict=True)))

    def holds(self, wire: Any) -> bool:
        return (
            type(wire) in (tuple, list)
            and len(wire) == len(self.fields)
            and all(field.type.holds(w) for field, w in zip(self.fields, wire, strict=True))
        )


class RemoteValue:
    """A value of a class that is only described: its fields are read-only attributes.

    A field with a name that Python reserves is read as ``value["name"]``.
    """

    __slots__ = ("_fields", "_name")

    def __init__(self, name: str, fields: dict[str, Any]) -> None:
        self._name = name
        self._fields = fields

    def __getattr__(self, name: str) -> Any:
        try:
            return object.__getattribute__(self, "_fields")[name]
        except (KeyError, AttributeError):
            raise AttributeError(f"the value has no field {name!r}") from None

    def __getitem__(self, name: str) -> Any:
        """Return the field called ``name``, even if Python reserves the name; else KeyError."""
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the fields."""
        return iter(self._fields)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RemoteValue):
            return NotImplemented
        return self._name == other._name and self._fields == other._fields

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{self._name}({', '.join(f'{k}={v!r}' for k, v in self._fields.items())})"


@attrs.frozen
class Optional(FieldType):
    """A value or None."""

    item: FieldType

    @property
    def changing(self) -> bool:  # type: ignore[override]
        return self.item.changing

    @property
    def immutable(self) -> bool:
        return self.item.immutable

    @property
    def depth(self) -> int:
        return 1 + self.item.depth

    def describe(self) -> list[Any]:
        return ["optional", self.item.describe()]

    def source(self, value: str, names: dict[str, Any]) -> str:
        return f"(None if {value} is None else {self.item.source(value, names)})"

    def to_wire(self, value: Any) -> Any:
        return None if value is None else self.item.to_wire(value)

    def from_wire(self, wire: Any) -> Any:
        return None if wire is None else self.item.from_wire(wire)

    def holds(self, wire: Any) -> bool:
        return wire is None or self.item.holds(wire)


def _sequence(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return value
    raise TypeError(f"{type(value).__name__} is no list")


def _items_of(value: Any) -> Any:
    if isinstance(value, dict):
        return value.items()
    raise TypeError(f"{type(value).__name__} is no dict")
