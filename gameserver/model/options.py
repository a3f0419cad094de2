"""The options of a room, and its listing: attrs classes whose values travel by field name.

Owns reading and writing them.  They are checked like the fields of a command, but travel by name,
because a client that is about to join does not know the schema yet.  An enum is the name of its
member.  Never knows which rooms there are.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import attrs

from gameserver.errors import LocalProtocolError, RemoteProtocolError
from gameserver.model import fieldtypes
from gameserver.model.fieldtypes import QUANTISE_ERRORS, FieldType
from gameserver.model.schema import command_field, resolve_types
from gameserver.model.specs import CommandField

T = TypeVar("T")

#: The hello carries no more of them.
MAX_OPTION_FIELDS: Final = 32
#: Characters of a client's text that an error message repeats.
_SHOWN: Final = 32
#: Types whose values can travel by name.
_NAMEABLE: Final = (
    *(fieldtypes.Bool, fieldtypes.Int, fieldtypes.Steps, fieldtypes.Float32, fieldtypes.Str),
    *(fieldtypes.Bytes, fieldtypes.Enumeration),
)


@attrs.frozen
class NamedFields:
    """The fields of an attrs class whose values travel by name.

    ``what`` begins every error message: "options" or "listing".
    """

    what: str
    cls: type
    fields: Mapping[str, CommandField]
    #: The fields without a default.
    required: tuple[str, ...]
    #: Field → the name of its argument of the class.
    _arguments: Mapping[str, str]

    @property
    def doc(self) -> str | None:
        """The docstring of the class, if the game wrote one."""
        return vars(self.cls).get("__doc__") or None

    def read(self, given: Mapping[str, Any]) -> Any:
        """Return an instance with the values that ``given`` has by name.

        ``RemoteProtocolError``, which names the field, for one that is unknown, missing or wrong.
        """
        values = {}
        for name, value in given.items():
            if name not in self.fields:
                known = ", ".join(self.fields) or "none"
                raise RemoteProtocolError(
                    f"{self.what}.{name[:_SHOWN]}: no such field; there are: {known}"
                )
            values[self._arguments[name]] = self.value(name, value)
        for name in self.required:
            if name not in given:
                raise RemoteProtocolError(f"{self.what}.{name}: is missing")
        try:
            return self.cls(**values)
        except Exception as error:  # a validator of the game
            raise RemoteProtocolError(f"{self.what}: {error}") from error

    def value(self, name: str, given: Any) -> Any:
        """Return the value of one field, or raise ``RemoteProtocolError``, which names it."""
        field = self.fields[name]
        try:
            wire = _wire_of_named(field.type, given)
            why = field.complaint(wire)
        except _NoMember as error:
            why = str(error)
        except QUANTISE_ERRORS:
            why = f"{repr(given)[:_SHOWN]} is not a value of type {field.type.describe()[0]}"
        if why is not None:
            raise RemoteProtocolError(f"{self.what}.{name}: {why}")
        return field.type.from_wire(wire)

    def default(self) -> Any:
        """Return an instance with all defaults; None if a field has none."""
        return None if self.required else self.read({})

    def named(self, instance: Any) -> dict[str, Any]:
        """Return the values of ``instance`` by name.

        ``LocalProtocolError``, which names the field, for a value of a wrong type.
        """
        return {name: self.named_value(name, getattr(instance, name)) for name in self.fields}

    def named_value(self, name: str, value: Any) -> Any:
        """Return the value of one field as it travels; ``LocalProtocolError`` if it is wrong."""
        field = self.fields[name]
        try:
            wire = field.type.to_wire(value)
            why = field.complaint(wire)
        except QUANTISE_ERRORS:
            why = f"{repr(value)[:_SHOWN]} is not a value of type {field.type.describe()[0]}"
        if why is not None:
            raise LocalProtocolError(f"{self.cls.__name__}.{name}: {why}")
        return _named_of_wire(field.type, wire)


class _NoMember(ValueError):
    """A name that no member of the enum has."""


def _wire_of_named(field_type: FieldType, given: Any) -> Any:
    """Return the wire value of a value that came by name; it may fail ``holds``."""
    match field_type:
        case fieldtypes.Enumeration(members=members):
            names = [getattr(member, "name", member) for member in members]
            if type(given) is not str or given not in names:
                told = ", ".join(names[:8])
                raise _NoMember(f"{repr(given)[:_SHOWN]} is none of {told}")
            return names.index(given)
        case fieldtypes.Steps() | fieldtypes.Float32():
            # A client in JavaScript writes 2.0 as the integer 2.
            if type(given) not in (int, float) or not math.isfinite(given):
                raise TypeError
            return field_type.to_wire(float(given))
        case fieldtypes.Optional(item=item):
            return None if given is None else _wire_of_named(item, given)
        case fieldtypes.List(item=item):
            return tuple(_wire_of_named(item, each) for each in _array(given))
        case fieldtypes.Tuple(items=items):
            array = _array(given)
            return tuple(_wire_of_named(t, each) for t, each in zip(items, array, strict=True))
    return given


def _array(given: Any) -> list[Any]:
    if type(given) is not list:
        raise TypeError
    return given


def _named_of_wire(field_type: FieldType, wire: Any) -> Any:
    match field_type:
        case fieldtypes.Enumeration(members=members):
            return getattr(members[wire], "name", members[wire])
        case fieldtypes.Optional(item=item):
            return None if wire is None else _named_of_wire(item, wire)
        case fieldtypes.List(item=item):
            return [_named_of_wire(item, each) for each in wire]
        case fieldtypes.Tuple(items=items):
            return [_named_of_wire(t, each) for t, each in zip(items, wire, strict=True)]
    return field_type.from_wire(wire)


# ---------------------------------------------------------------- declarations


def named_fields(cls: type, what: str) -> NamedFields:
    """Return the fields of ``cls``; ``LocalProtocolError``, which names class and field, if wrong.

    ``what`` is the attribute of the room that names the class: "options" or "listing".
    """
    if not (inspect.isclass(cls) and attrs.has(cls)):
        raise LocalProtocolError(
            f"{what} = {getattr(cls, '__name__', repr(cls))[:_SHOWN]}: this must be an attrs "
            "class; write @attrs.define above it"
        )
    return _named_fields(cls, what)


@functools.lru_cache(maxsize=1024)
def _named_fields(cls: type, what: str) -> NamedFields:
    resolve_types(cls)
    fields: dict[str, CommandField] = {}
    required: list[str] = []
    arguments: dict[str, str] = {}
    for attribute in attrs.fields(cls):
        if not attribute.init:
            raise LocalProtocolError(
                f"{cls.__name__}.{attribute.name}: init=False does not belong here: its value "
                "comes by name"
            )
        field = command_field(cls, attribute)
        _check_nameable(f"{cls.__name__}.{attribute.name}", field.type)
        fields[attribute.name] = field
        arguments[attribute.name] = attribute.alias or attribute.name
        if attribute.default is attrs.NOTHING:
            required.append(attribute.name)
    if len(fields) > MAX_OPTION_FIELDS:
        raise LocalProtocolError(f"{cls.__name__}: more than {MAX_OPTION_FIELDS} fields")
    return NamedFields(what, cls, fields, tuple(required), arguments)


def _check_nameable(where: str, field_type: FieldType) -> None:
    match field_type:
        case fieldtypes.Optional(item=item) | fieldtypes.List(item=item):
            _check_nameable(where, item)
        case fieldtypes.Tuple(items=items):
            for item in items:
                _check_nameable(where, item)
        case _ if not isinstance(field_type, _NAMEABLE):
            raise LocalProtocolError(
                f"{where}: use bool, int, float, str, bytes, an Enum, a tuple of these, or one of "
                "these | None"
            )
