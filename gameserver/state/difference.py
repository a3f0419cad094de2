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
from gameserver.state.values import pack, unpack_extension

#: Where a value is (an entity, player or room, and its field) → the value as data.
Facts: TypeAlias = dict[tuple[str, str], Any]

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
    """Return all that a game knows of itself, by entity or object, and field."""
    facts: Facts = {}
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
                    where = f"{name} {number}" if spawned else f"{name} (object {number})"
                    facts[where, ""] = "there"
                    for field, value in zip(fields[name], values, strict=True):
                        facts[where, field] = value
            case "containers":
                for number, name, value in content:
                    facts[f"{name} (object {number})", "content"] = value
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
            case "own":
                for field, _, value in content:
                    facts[room, field] = value
            case "save":
                facts[room, "save()"] = content
    return facts


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
    if "(object " in where:
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
