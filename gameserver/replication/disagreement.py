"""Differences between the state of a client and the room: the report after a wrong checksum.

Owns the copy of the state that a client should hold at one tick, the hash of each entity in it, and
the comparison with the client's report.  A client whose checksum differs asks for the hashes, finds
the entities that differ, and reports its values of them (``gameserver/protocol/README.md``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final
from zlib import crc32

import attrs

from gameserver.model.record import Record
from gameserver.model.specs import FieldSpec
from gameserver.model.world import World
from gameserver.protocol.from_client import HeldEntity
from gameserver.replication.checksum import MODULUS
from gameserver.replication.fragments import enter_fragment
from gameserver.replication.group_fields import private_fragment
from gameserver.replication.interest import visible_now
from gameserver.replication.knowledge import UP_TO_DATE
from gameserver.replication.seat import Seat

#: Stands for the value of a side that does not have the entity, or the field.
ABSENT: Final = "absent"


@attrs.frozen
class Disagreement:
    """A field with different values in room and client, or an entity that one of them lacks.

    ``changed_ticks`` are the ticks of the entity's last deltas, the newest first.
    """

    entity_id: int
    entity: str
    field: str
    of_room: Any
    of_client: Any
    changed_ticks: tuple[int, ...]


@attrs.frozen
class _Shown:
    record: Record
    values: tuple[Any, ...]
    owner_values: tuple[Any, ...] | None
    hash: int


@attrs.frozen
class ShownView:
    """The state that the client of a seat should hold, as of the delta of ``tick``."""

    tick: int
    _world: World
    _shown: dict[int, _Shown]

    @property
    def hashes(self) -> list[int]:
        """``id, hash, id, hash…`` of the entities; a hash is an entity's share of the checksum."""
        return [part for number, one in self._shown.items() for part in (number, one.hash)]

    def compare(self, held: Iterable[HeldEntity]) -> list[Disagreement]:
        """Return the differences to a client that reports ``held``."""
        return [found for entity in held for found in self._compare(entity)]

    def _compare(self, held: HeldEntity) -> Iterator[Disagreement]:
        shown = self._shown.get(held.entity_id)
        if shown is None:
            if held.kind is not None:
                yield Disagreement(held.entity_id, _name(self._world, held), "", ABSENT, "held", ())
            return
        record = shown.record
        spec, ticks = record.spec, _changed_ticks(record)
        if held.kind != record.kind:
            of_client = ABSENT if held.kind is None else _name(self._world, held)
            yield Disagreement(held.entity_id, spec.name, "", "in view", of_client, ticks)
            return
        rows: list[tuple[tuple[FieldSpec, ...], Any, Any]] = [
            (spec.fields, shown.values, held.values),
            (spec.owner_fields, shown.owner_values, held.owner_values),
        ]
        for fields, of_room, of_client in rows:
            for field, ours, theirs in _differing(fields, of_room, of_client):
                yield Disagreement(held.entity_id, spec.name, field, ours, theirs, ticks)


def shown_view(world: World, seat: Seat) -> ShownView | None:
    """Return the state that the client of ``seat`` should hold now; None if it is behind."""
    if seat.knowledge is not UP_TO_DATE:
        return None
    shown = {record.id: _shown(record, seat) for record in visible_now(world, seat)}
    return ShownView(seat.posted_tick, world, shown)


def _shown(record: Record, seat: Seat) -> _Shown:
    total, owner_values = crc32(enter_fragment(record)), None
    spec = record.spec
    owner = seat.holds.get(record.id) is record and bool(spec.owner_mask)
    group = record.group in seat.groups and bool(spec.group_mask)
    if owner or group:
        nothing = (None,) * len(spec.owner_fields)
        owner_values = (
            *(record.owner_values if owner else nothing[: spec.group_from]),
            *(record.group_values if group else nothing[spec.group_from :]),
        )
        total += crc32(private_fragment(record, owner=owner, group=group))
    return _Shown(record, record.values, owner_values, total % MODULUS)


def _changed_ticks(record: Record) -> tuple[int, ...]:
    ticks = {*record.changed_at, *record.owner_changed_at, record.born_at}
    return tuple(sorted(ticks, reverse=True)[:3])


def _name(world: World, held: HeldEntity) -> str:
    entities = world.schema.entities
    kind = held.kind
    return entities[kind].name if kind is not None and kind < len(entities) else f"kind {kind}"


def _differing(
    fields: tuple[FieldSpec, ...], of_room: Any, of_client: Any
) -> Iterator[tuple[str, Any, Any]]:
    """Yield name, value of the room and value of the client of each field that differs."""
    for index, field in enumerate(fields):
        ours = _value(field, of_room, index)
        theirs = _value(field, of_client, index)
        if ours != theirs or type(ours) is not type(theirs):
            yield field.name, ours, theirs


def _value(field: FieldSpec, values: Any, index: int) -> Any:
    """Return a value in the game's units, or the wire value if it does not fit the type."""
    if values is None or index >= len(values):
        return ABSENT
    wire = _as_wire(values[index])
    try:
        return field.type.from_wire(wire) if field.type.holds(wire) else wire
    except Exception:  # noqa: BLE001 - the game's own class may refuse what a client made up
        return wire


def _as_wire(value: Any) -> Any:
    """Return ``value`` with lists for tuples, as it comes from the wire."""
    return list(map(_as_wire, value)) if isinstance(value, (tuple, list)) else value
