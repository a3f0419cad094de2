"""A field of a played room, named on a command line: ``Ship.hp``, ``Ship:12.hp``, ``Arena.score``.

Owns the form of the name, and reading the value.
"""

from __future__ import annotations

import re
from typing import Any, Final

import attrs

from gameserver.errors import LocalProtocolError
from gameserver.model.specs import EntitySpec
from gameserver.room import Room

_NAME: Final = re.compile(r"(?P<owner>\w+)(:(?P<id>\d+))?(?P<path>(\.\w+)+)")


@attrs.frozen
class Probe:
    """A field of one entity (``entity_id``), of all of a class, or of the room."""

    owner: str
    entity_id: int | None
    path: tuple[str, ...]

    @classmethod
    def of(cls, text: str, room: type[Room]) -> Probe:
        """Return the probe that ``text`` names; ``LocalProtocolError`` if it names none."""
        match = _NAME.fullmatch(text)
        if match is None:
            raise LocalProtocolError(f"{text!r} is no Class.field, Class:id.field or Room.field")
        owner = match["owner"]
        kinds = [c.__name__ for c, s in _entities(room)]
        if owner not in (*kinds, room.__name__):
            there = ", ".join((*kinds, room.__name__))
            raise LocalProtocolError(f"{text!r}: there is no {owner}; there are {there}")
        number = None if match["id"] is None else int(match["id"])
        return cls(owner, number, tuple(match["path"][1:].split(".")))

    def read(self, room: Room) -> dict[str, Any]:
        """Return the present values, by entity or room; absent ones are left out."""
        if self.owner == type(room).__name__:
            found: dict[str, Any] = {self.owner: room}
        else:
            found = {
                f"{self.owner} {number}": record.entity
                for number, record in room.world.records.items()
                if type(record.entity).__name__ == self.owner and self.entity_id in (None, number)
            }
        return {where: _follow(value, self.path) for where, value in found.items()}


def _follow(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        try:
            value = getattr(value, name)
        except AttributeError:
            raise LocalProtocolError(f"{type(value).__name__} has no {name}") from None
    return value


def _entities(room: type[Room]) -> list[tuple[type, EntitySpec]]:
    schema = room.schema()
    names = {spec.name: spec for spec in schema.entities}
    return [(cls, names[cls.__name__]) for cls in schema.kinds if cls.__name__ in names]
