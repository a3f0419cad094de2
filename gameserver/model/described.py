"""Reads the schema that a ``welcome`` carries.

Owns the checks of a description: any value becomes the specs of entities, commands and events, or
raises ``RemoteProtocolError``.  ``clients/web/net/schema.js`` is its twin; a test compares what the
two accept.  Never declares a class; ``schema.py`` does.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

from gameserver.errors import RemoteProtocolError
from gameserver.model.described_types import from_description
from gameserver.model.fieldtypes import MAX_FIELDS
from gameserver.model.specs import CommandField, CommandSpec, EntitySpec, EventSpec, FieldSpec

#: Clients refuse more kinds of entities, commands or events than this.
MAX_KINDS: Final = 1024

Named = TypeVar("Named", FieldSpec, CommandField)
Specs = tuple[tuple[EntitySpec, ...], tuple[CommandSpec, ...], tuple[EventSpec, ...]]


def specs_of(description: Any) -> Specs:
    """Return the specs of a description, or raise ``RemoteProtocolError`` if it is not one."""
    try:
        entities, commands, events = _row(description, 3)
        return (
            tuple(map(_entity, _kinds(entities, 4))),
            tuple(map(_command, _kinds(commands, 2))),
            tuple(
                EventSpec(_text(name), _distinct(_fields(fields)))
                for name, fields in _kinds(events, 2)
            ),
        )
    except (TypeError, ValueError) as error:
        raise RemoteProtocolError(f"not a schema: {error}") from error


def _row(value: Any, count: int) -> list[Any]:
    if type(value) is not list or len(value) != count:
        raise ValueError(f"{_shown(value)} is no array of {count}")
    return value


def _rows(value: Any, count: int) -> list[list[Any]]:
    if type(value) is not list:
        raise ValueError(f"{_shown(value)} is no array")
    return [_row(each, count) for each in value]


def _kinds(value: Any, count: int) -> list[list[Any]]:
    kinds = _rows(value, count)
    if len(kinds) > MAX_KINDS or len({_text(name) for name, *_ in kinds}) < len(kinds):
        raise ValueError("too many kinds, or two of the same name")
    return kinds


def _distinct(fields: tuple[Named, ...]) -> tuple[Named, ...]:
    if len({field.name for field in fields}) < len(fields):
        raise ValueError("two fields of the same name")
    return fields


def _entity(row: list[Any]) -> EntitySpec:
    name, at, fields, owner = _text(row[0]), row[1], _fields(row[2]), _fields(row[3])
    if max(len(fields), len(owner)) > MAX_FIELDS:
        raise ValueError(f"an entity of more than {MAX_FIELDS} fields")
    if type(at) is not list or len(at) not in (0, 2):
        raise ValueError(f"{_shown(at)} is no position")
    if any(type(index) is not int or not 0 <= index < len(fields) for index in at):
        raise ValueError("a position outside the fields")
    _distinct(fields + owner)
    return EntitySpec(name, tuple(at), fields, owner)


def _command(row: list[Any]) -> CommandSpec:
    fields = tuple(_command_field(field) for field in _rows(row[1], 6))
    return CommandSpec(_text(row[0]), _distinct(fields))


def _command_field(row: list[Any]) -> CommandField:
    name, described, default, *limits = row
    field_type = from_description(described)
    if default is not None and not field_type.holds(default):
        raise ValueError(f"{_shown(default)} is no value of type {field_type.describe()[0]}")
    if any(limit is not None and type(limit) not in (int, float) for limit in limits):
        raise ValueError("a limit is no number")
    return CommandField(_text(name), field_type, default, *limits)


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError(f"{_shown(value)} is not a name")
    return value


def _fields(descriptions: Any) -> tuple[FieldSpec, ...]:
    return tuple(
        FieldSpec(_text(name), from_description(described))
        for name, described in _rows(descriptions, 2)
    )


def _shown(value: Any) -> str:
    return repr(value)[:40]
