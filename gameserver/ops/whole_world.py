"""A room's whole world as plain values, with the fields that never leave a real server.

Owns their form: for the playground of ``gameserver dev``, which compares it with a seat's view, and
for operators who inspect a room.  Never changes the room.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Set
from typing import Any, Final

import attrs

from gameserver.room import Room

#: Entities shown; a page with more is of no use.
MAX_ENTITIES: Final = 2000
#: Elements of a list, and characters of a text.
MAX_LENGTH: Final = 64
MAX_DEPTH: Final = 4


def world_of(room: Room) -> dict[str, Any]:
    """Return tick, players and entities of a room, between two ticks."""
    records = room.world.records
    seats = {id(p.entity): p.seat for p in room.players.values() if p.entity is not None}
    return {
        "tick": room.tick_number,
        "count": len(records),
        "players": [
            {"seat": p.seat, "name": p.name, "connected": p.connected}
            for p in room.players.values()
        ],
        "entities": [
            {
                "id": number,
                "kind": type(record.entity).__name__,
                "seat": seats.get(id(record.entity), 0),
                "fields": _fields_of(record.entity, 0),
            }
            for number, record in list(records.items())[:MAX_ENTITIES]
        ],
    }


def _fields_of(instance: Any, depth: int) -> dict[str, Any]:
    return {
        field.name: plain(getattr(instance, field.name, None), depth + 1)
        for field in attrs.fields(type(instance))
        if not field.name.startswith("_")
    }


def plain(value: Any, depth: int = 0) -> Any:
    """Return a value as JSON can hold it, shortened."""
    match value:
        case enum.Enum():
            return value.name
        case None | bool() | int():
            return value
        case float():
            return round(value, 3) if abs(value) < float("inf") else str(value)
        case str():
            return value[:MAX_LENGTH]
    if depth >= MAX_DEPTH:
        return "…"
    match value:
        case bytes() | bytearray():
            return value[:MAX_LENGTH].hex()
        case Mapping():
            pairs = list(value.items())[:MAX_LENGTH]
            return {str(plain(k, depth + 1)): plain(v, depth + 1) for k, v in pairs}
        case list() | tuple() | Set():
            return [plain(each, depth + 1) for each in list(value)[:MAX_LENGTH]]
    if attrs.has(type(value)):
        if getattr(value, "_record", None) is not None:
            return f"<{type(value).__name__}>"  # another entity, which has its own line
        return _fields_of(value, depth)
    return f"<{type(value).__name__}>"
