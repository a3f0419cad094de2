"""Specs: the fields, types and limits of an entity, command or event class.

Owns the specs and checks commands and events against them.  A spec is made by a decorator of
``schema.py`` or from the description in a ``welcome``; only the former knows the Python class.
Never packs bytes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

import attrs

from gameserver.errors import LocalProtocolError
from gameserver.model import fieldtypes
from gameserver.model.explained import explain
from gameserver.model.fieldtypes import QUANTISE_ERRORS, FieldType

#: Limits of all values from clients, besides the limits of fields: elements of an array, and bytes
#: of a string in UTF-8 or a byte string.
MAX_ITEMS: Final = 64
MAX_TEXT_BYTES: Final = 2048


@attrs.frozen
class FieldSpec:
    """One field of an entity or event on the wire."""

    name: str
    type: FieldType

    def describe(self) -> list[Any]:
        """Return the description that ``welcome`` carries."""
        return [self.name, self.type.describe()]


@attrs.frozen
class EntitySpec:
    """An entity class.

    ``at`` holds the indices of x and y in ``fields``, or nothing if the class has no position.
    """

    name: str
    at: tuple[int, ...]
    fields: tuple[FieldSpec, ...]
    #: The fields for the owner, then the fields for the group.
    owner_fields: tuple[FieldSpec, ...]
    rare: bool = attrs.field(default=False, eq=False)
    #: How many of ``owner_fields`` are for the owner; None if all are.  Clients do not know it.
    owner_count: int | None = attrs.field(default=None, eq=False)

    @property
    def group_from(self) -> int:
        """The index of the first field for the group in ``owner_fields``."""
        return len(self.owner_fields) if self.owner_count is None else self.owner_count

    @property
    def owner_mask(self) -> int:
        """The mask with a bit for each field that is for the owner."""
        return (1 << self.group_from) - 1

    @property
    def group_mask(self) -> int:
        """The mask with a bit for each field that is for the group."""
        return self.full_owner_mask ^ self.owner_mask

    @property
    def full_owner_mask(self) -> int:
        """The mask with a bit for each of ``owner_fields``."""
        return (1 << len(self.owner_fields)) - 1

    def describe(self) -> list[Any]:
        """Return the description that ``welcome`` carries."""
        return [
            self.name,
            list(self.at),
            [f.describe() for f in self.fields],
            [f.describe() for f in self.owner_fields],
        ]


@attrs.frozen
class CommandField:
    """One field of a command with its limits; a limit that does not apply is None."""

    name: str
    type: FieldType
    default: Any
    low: float | None
    high: float | None
    max_length: int | None

    def describe(self) -> list[Any]:
        """Return the field as ``welcome`` carries it; the limits are in the game's units."""
        return [
            self.name,
            self.type.describe(),
            self.default,
            self.low,
            self.high,
            self.max_length,
        ]

    def complaint(self, wire: Any) -> str | None:
        """Return why ``wire`` is not allowed here, or None if it is allowed."""
        if not self.type.holds(wire):
            return f"{_shown(wire)} is not a value of type {self.type.describe()[0]}"
        return _beyond(self.type, wire, self.low, self.high, self.max_length)


def _beyond(
    field_type: FieldType,
    wire: Any,
    low: float | None,
    high: float | None,
    max_length: int | None,
) -> str | None:
    """Return why a wire value is beyond these limits, and those of the values in it, or None."""
    if wire is None:
        return None
    match field_type:
        case fieldtypes.Int() | fieldtypes.Steps() | fieldtypes.Float32():
            number = field_type.from_wire(wire)
            if low is not None and high is not None and not low <= number <= high:
                return f"{_shown(number)} is outside {low} … {high}"
        case fieldtypes.Str() | fieldtypes.Bytes():
            return _too_long(wire, max_length)
        case fieldtypes.Optional(item=item):
            return _beyond(item, wire, low, high, max_length)
        case fieldtypes.List(item=item):
            found = (_beyond(item, element, low, high, None) for element in wire)
            return _too_long(wire, max_length) or next(filter(None, found), None)
        case fieldtypes.Tuple(items=items):
            pairs = zip(items, wire, strict=True)
            return next(filter(None, (_beyond(t, w, low, high, None) for t, w in pairs)), None)
        case fieldtypes.Value(fields=fields):
            for field, held in zip(fields, wire, strict=True):
                why = _beyond(field.type, held, field.low, field.high, field.max_length)
                if why is not None:
                    return f"{field.name}: {why}"
    return None


def _too_long(wire: Any, max_length: int | None) -> str | None:
    if isinstance(wire, (list, tuple)):
        max_length = MAX_ITEMS if max_length is None else max_length
    elif len(wire.encode() if isinstance(wire, str) else wire) > MAX_TEXT_BYTES:
        return f"longer than {MAX_TEXT_BYTES} bytes"
    if max_length is not None and len(wire) > max_length:
        return f"longer than {max_length}"
    return None


def _only_described(values: Any) -> NoReturn:
    raise LocalProtocolError(f"this class is only described, and has no instances: {values!r}")


@attrs.frozen
class CommandSpec:
    """A command class."""

    name: str
    fields: tuple[CommandField, ...]
    #: Makes a command of wire values; raises ``RemoteProtocolError``, which names the wrong field.
    from_wire: Callable[[Sequence[Any]], Any] = attrs.field(default=_only_described, eq=False)

    def describe(self) -> list[Any]:
        """Return the description that ``welcome`` carries."""
        return [self.name, [f.describe() for f in self.fields]]

    def to_wire(self, command: Any) -> tuple[Any, ...]:
        """Return the wire values of ``command``, or raise ``LocalProtocolError`` if one is wrong.

        Reads the fields by name, so a client may use a class of its own.
        """
        try:
            values = tuple(f.type.to_wire(getattr(command, f.name)) for f in self.fields)
        except QUANTISE_ERRORS as error:
            raise LocalProtocolError(f"{self.name}: {error}") from error
        for field, wire in zip(self.fields, values, strict=True):
            if (why := field.complaint(wire)) is not None:
                raise LocalProtocolError(f"{self.name}.{field.name}: {why}")
        return values


@attrs.frozen
class EventSpec:
    """An event class."""

    name: str
    fields: tuple[FieldSpec, ...]
    #: Returns the wire values of an event, unchecked.
    values: Callable[[Any], tuple[Any, ...]] = attrs.field(default=_only_described, eq=False)
    #: The fields whose values a game may change in place.
    in_place: tuple[FieldSpec, ...] = attrs.field(default=(), eq=False)

    def describe(self) -> list[Any]:
        """Return the description that ``welcome`` carries."""
        return [self.name, [f.describe() for f in self.fields]]

    def as_it_is_now(self, event: Any) -> Any:
        """Return ``event`` with copies of all values that the game may change before it is sent.

        Raises ``LocalProtocolError`` if a value that has to be copied is wrong.
        """
        if not self.in_place:
            return event
        twin = copy.copy(event)
        for field in self.in_place:
            value = getattr(event, field.name)
            why = explain(field.type, value, f"{self.name}.{field.name}")
            if why is not None:
                raise LocalProtocolError(why)
            setattr(twin, field.name, field.type.from_wire(field.type.to_wire(value)))
        return twin

    def to_wire(self, event: Any) -> tuple[Any, ...]:
        """Return the wire values of ``event``, or raise ``LocalProtocolError`` if one is wrong."""
        try:
            values = self.values(event)
        except QUANTISE_ERRORS as error:
            raise LocalProtocolError(f"{self.name}: {error}") from error
        for field, wire in zip(self.fields, values, strict=True):
            if not field.type.holds(wire):
                raise LocalProtocolError(
                    f"{self.name}.{field.name}: {getattr(event, field.name)!r} is not "
                    f"a value of type {field.type.describe()[0]}"
                )
        return values


def _shown(wire: Any) -> str:
    return repr(wire)[:40]
