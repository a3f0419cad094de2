"""The ``own`` section of a delta: which entity a seat steers, and the owner fields of what it owns.

Owns ``Seat.holds``, the record of the owner fields that the client holds.  Serves both paths:
everything is worked out from what the client holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gameserver.model.grid import Grid
from gameserver.model.layers import layer_of
from gameserver.model.record import Record
from gameserver.model.world import World
from gameserver.protocol.wire import array_header, pack
from gameserver.replication.fragments import (
    EMPTY_ARRAY,
    append_since,
    fragment,
    own_fragment,
)
from gameserver.replication.group_fields import NO_PART, Part, changed_after
from gameserver.replication.knowledge import Knowledge, Lapsed
from gameserver.replication.seat import Seat

#: By id: ``id, mask, value…`` of the owner fields that the client does not have yet.
OwnerChanges = Mapping[int, list[Any]]


def own_section(
    world: World,
    seat: Seat,
    cell: int,
    changed: OwnerChanges,
    group_part: Part = NO_PART,
    forgotten: Sequence[Any] = (),
) -> bytes:
    """Return ``own`` for a seat that looks from ``cell``, and update ``seat.holds``.

    ``changed`` covers the entities that it holds: the changes of this publish on the shared path,
    ``changed_since`` on the catch-up path.  ``group_part`` and ``forgotten`` are of group fields.
    """
    sees = _visible_to(world.grid, seat, cell)
    own_id = 0 if seat.own is None else seat.own.id
    flat: list[Any] = [*forgotten, *_disowned(world, seat, sees)]
    fulls: list[bytes] = []
    count = 1
    for entity_id, record in list(seat.holds.items()):
        visible = sees(record)
        if record.owner != seat.number or not visible or not record.alive:
            del seat.holds[entity_id]
            if record.alive and visible:
                flat += (entity_id, 0)
                if record.spec.group_mask and record.group in seat.groups:
                    flat += changed_after(record, -1)  # forgotten as well, and not to be
    for entity_id, record in world.owned.get(seat.number, {}).items():
        if not record.spec.owner_mask or not sees(record):
            continue
        if entity_id in seat.holds:
            flat += changed.get(entity_id, ())
        else:
            seat.holds[entity_id] = record
            fulls.append(own_fragment(record))
            count += 2 + len(record.owner_values)
    if not flat and not fulls and not group_part[0] and own_id == seat.sent_own_id:
        return EMPTY_ARRAY
    seat.sent_own_id = own_id
    header = array_header(count + len(flat) + group_part[0])
    return b"".join((header, pack(own_id), fragment(flat), *fulls, group_part[1]))


def _visible_to(grid: Grid, seat: Seat, viewpoint: int) -> Callable[[Record], bool]:
    """Return the function that says whether ``seat``, which looks from there, sees an entity."""
    chosen = seat.chosen
    if chosen is not None:
        own = grid.layers.own[layer_of(viewpoint)]
        return lambda r: chosen.get(r.id) is r or (r.cell is not None and layer_of(r.cell) in own)
    if grid.layered:
        return lambda r: r.cell is not None and grid.sees(viewpoint, r.cell)
    view = grid.view_set(viewpoint)
    return lambda r: r.cell in view


def own_values_section(seat: Seat, changed: OwnerChanges, group_part: Part = NO_PART) -> bytes:
    """Return ``own`` for a seat on the shared path for which only values changed."""
    flat = [0 if seat.own is None else seat.own.id]
    for entity_id, fields in changed.items():
        if entity_id in seat.holds:
            flat += fields
    count = len(flat) + group_part[0]
    return array_header(count) + fragment(flat) + group_part[1] if count > 1 else EMPTY_ARRAY


def changed_since(holds: Mapping[int, Record], knowledge: Knowledge) -> OwnerChanges:
    """Return the owner fields of ``holds`` that changed after what a lapsed seat knows."""
    if not isinstance(knowledge, Lapsed):
        return {}
    changes: dict[int, list[Any]] = {}
    for entity_id, record in holds.items():
        flat = changes[entity_id] = []
        values = record.compiled.own_form(record.owner_values)
        append_since(entity_id, values, record.owner_changed_at, knowledge.since, flat)
    return changes


def _disowned(world: World, seat: Seat, sees: Callable[[Record], bool]) -> list[Any]:
    """Return ``id, 0`` for what a resumed client may have owned and does not own any more.

    A change of owner counts as a change of all owner fields.  An entity with an owner field that
    has not changed since therefore has the same owner as then.
    """
    knowledge = seat.knowledge
    if not (isinstance(knowledge, Lapsed) and knowledge.resumed):
        return []
    flat: list[Any] = []
    for entity_id in knowledge.known:
        record = world.records.get(entity_id)
        if (
            record is not None
            and record.owner != seat.number
            and record.owner_changed_at
            and record.born_at <= knowledge.since < min(record.owner_changed_at)
            and sees(record)
        ):
            flat += (entity_id, 0)
    return flat
