"""Finds the first difference between two states of a room, and says it in words.

Owns ``describe`` (a state as plain data under names that a game author knows) and
``first_difference``.  The two states may come from two processes, as bytes.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final, TypeAlias
from zlib import compress, decompress

import attrs
import msgpack

from gameserver.state.seat_state import PLAYER_ROW
from gameserver.state.snapshot import Captured
from gameserver.state.values import Tag, pack, unpack_extension

#: Where a value is (an entity, player or room, and its field) → the value as data.
Facts: TypeAlias = dict[tuple[str, str], Any]

#: Part of the name of an object to which no entity, player or attribute leads.
UNREACHED: Final = "(object "
_ABSENT: Final = object()


@attrs.frozen
class Difference:
    """A field that two states have different values of."""

    where: str
    field: str
    first: str
    second: str

    def said_of(self, first: str, second: str) -> str:
        """Return the difference as a sentence about two states with these names."""
        name = f"{self.where}.{self.field}" if self.field else self.where
        return f"{name} is {self.first} in {first} and {self.second} in {second}"


def describe(captured: Captured) -> Facts:
    """Return the whole state of a game as facts, by entity or object, and field.

    The elements of a list, dict or object that an entity or the room holds have a path as their
    field, as in ``items[3].count``.
    """
    facts: Facts = {}
    objects: dict[int, _Object] = {}
    fields: dict[str, tuple[str, ...]] = {}
    room = captured.room.__name__
    for section, content in captured.game_sections():
        match section:
            case "room":
                facts[room, "tick"] = content["tick"]
                facts[room, "random"] = blake2b(pack(content["random"]), digest_size=8).hexdigest()
            case "class":
                fields[content[0]] = content[1]
            case "rows":
                name, spawned, rows = content
                for number, *values in rows:
                    row = zip(fields[name], values, strict=True)
                    if not spawned:
                        parts = [(f".{field}", value) for field, value in row]
                        objects[number] = _Object(name, parts)
                        continue
                    facts[f"{name} {number}", ""] = "there"
                    for field, value in row:
                        facts[f"{name} {number}", field] = value
            case "containers":
                for number, name, value in content:
                    objects[number] = _Object(name, _parts_of(name, value))
            case "players":
                for seat, seated, entity, row, more in content:
                    where = f"player in seat {seat}" if seated else f"player who left seat {seat}"
                    facts[where, "entity"] = entity
                    for field, value in (*zip(PLAYER_ROW, row, strict=True), *more.items()):
                        facts[where, field] = value
            case "timers":
                for due_tick, period_ticks, serial, method, arguments in content:
                    where = f"timer {serial}"
                    facts[where, "method"], facts[where, "arguments"] = method, arguments
                    facts[where, "due_tick"] = due_tick
                    facts[where, "period_ticks"] = period_ticks
            case "groups":
                for name, seats, entities in content:
                    facts[f"group {name!r}", "members"] = seats
                    facts[f"group {name!r}", "entities"] = entities
            case "calls":
                for number, *row in content:
                    field = "handler" if len(row) > 1 else "result"
                    facts[f"background call {number}", field] = row
            case "own":
                for field, _, value in content:
                    facts[room, field] = value
            case "save":
                facts[room, "save()"] = content
    return _with_paths(facts, objects)


@attrs.frozen
class _Object:
    """An object that others refer to: its class, and its parts with their paths."""

    name: str
    parts: list[tuple[str, Any]]


def _parts_of(name: str, content: Any) -> list[tuple[str, Any]]:
    """Return the elements of a saved container, as ``values.py`` makes its data."""
    match name:
        case "list":
            return [(f"[{i}]", element) for i, element in enumerate(content)]
        case "dict" | "OrderedDict" | "Counter":
            pairs = zip(content[::2], content[1::2], strict=True)
            return [(f"[{_shown(key)}]", element) for key, element in pairs]
    return [(" content", content)]


def _with_paths(facts: Facts, objects: dict[int, _Object]) -> Facts:
    """Return the facts, with the facts of an object under the first path that leads to it.

    So no fact has the number of an object, which changes whenever an element comes or goes.
    """
    named: Facts = {}
    paths: dict[int, str] = {}
    waiting = [(where, field, value) for (where, field), value in reversed(facts.items())]
    while waiting:
        where, field, value = waiting.pop()
        number = _number_of(value)
        if number not in objects:
            named[where, field] = value
        elif number in paths:
            named[where, field] = f"the same as {paths[number]}"
        else:
            paths[number] = f"{where}.{field}"
            held = objects[number]
            named[where, field] = held.name
            waiting += [(where, field + part, inner) for part, inner in reversed(held.parts)]
    return named | {
        (f"{held.name} {UNREACHED}{number})", part.strip(". ")): value
        for number, held in objects.items()
        if number not in paths
        for part, value in held.parts
    }


def _number_of(value: Any) -> Any:
    """Return the number of the object that a value refers to, else None."""
    if isinstance(value, (list, tuple)) and len(value) == 2 and value[0] == Tag.OBJECT:
        return value[1]
    return None


def pack_facts(facts: Facts) -> bytes:
    """Return facts as bytes; equal facts have equal bytes, in any process."""
    return compress(pack([(where, field, value) for (where, field), value in facts.items()]), 1)


def unpack_facts(data: bytes) -> Facts:
    """Return the facts that ``pack_facts`` packed."""
    rows = msgpack.unpackb(
        decompress(data), ext_hook=unpack_extension, unicode_errors="surrogatepass"
    )
    return {(where, field): value for where, field, value in rows}


def first_difference(first: Facts, second: Facts) -> Difference | None:
    """Return the first field that differs: of entities before that of the room, or None."""
    wrong = [
        place
        for place in dict.fromkeys((*first, *second))
        if not _equal(first.get(place, _ABSENT), second.get(place, _ABSENT))
    ]
    if not wrong:
        return None
    where, field = min(wrong, key=_rank)
    one, other = first.get((where, field), _ABSENT), second.get((where, field), _ABSENT)
    return Difference(where, field, _shown(one), _shown(other))


def _rank(place: tuple[str, str]) -> int:
    """Sort what a reader understands best to the front: entities, players, attributes, the RNG."""
    where, field = place
    if field == "random":
        return 4
    if UNREACHED in where:
        return 3
    return 0 if not field or where[-1].isdigit() else 1


def _equal(one: Any, other: Any) -> bool:
    """Compare data; arrays of two processes are tuples or lists, and NaN equals itself."""
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (one != one and other != other)
    return type(one) is type(other) and bool(one == other)


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "absent"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
