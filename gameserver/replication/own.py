"""The ``own`` section of a delta: which entity a seat steers, and the owner fields of what it owns.

Owns ``Seat.holds``, the record of the owner fields that the client holds.  Serves both paths:
everything is worked out from what the client holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from gameserver.model.grid import Grid
from gameserver.model.record import Record
from gameserver.model.world import World
from gameserver.protocol.wire import array_header, pack
from gameserver.replication.fragments import (
    EMPTY_ARRAY,
    append_since,
    fragment,
    own_fragment,
)
from gameserver.replication.knowledge import Knowledge, Lapsed
from gameserver.replication.seat import Seat

#: By id: ``id, mask, value…`` of the owner fields that the client does not have yet.
OwnerChanges = Mapping[int, list[Any]]


def own_section(world: World, seat: Seat, cell: int, changed: OwnerChanges) -> bytes:
    """Return ``own`` for a seat that looks from ``cell``, and update ``seat.holds``.

    ``changed`` covers the entities that it holds: the changes of this publish on the shared path,
    ``changed_since`` on the catch-up path.
    """
    sees = seen_from(world.grid, cell)
    own_id = 0 if seat.own is None else seat.own.id
    flat: list[Any] = _disowned(world, seat, world.grid.view(cell))
    fulls: list[bytes] = []
    count = 1
    for entity_id, record in list(seat.holds.items()):
        visible = record.cell is not None and sees(record.cell)
        if record.owner != seat.number or not visible or not record.alive:
            del seat.holds[entity_id]
            if record.alive and visible:
                flat += (entity_id, 0)
    for entity_id, record in world.owned.get(seat.number, {}).items():
        if not record.spec.owner_fields or record.cell is None or not sees(record.cell):
            continue
        if entity_id in seat.holds:
            flat += changed.get(entity_id, ())
        else:
            seat.holds[entity_id] = record
            fulls.append(own_fragment(record))
            count += 2 + len(record.owner_values)
    if not flat and not fulls and own_id == seat.sent_own_id:
        return EMPTY_ARRAY
    seat.sent_own_id = own_id
    return b"".join((array_header(count + len(flat)), pack(own_id), fragment(flat), *fulls))


def seen_from(grid: Grid, viewpoint: int) -> Callable[[int], bool]:
    """Return the function that says whether a cell is seen from ``viewpoint``."""
    if grid.layered:
        return partial(grid.sees, viewpoint)
    return grid.view_set(viewpoint).__contains__


def own_values_section(seat: Seat, changed: OwnerChanges) -> bytes:
    """Return ``own`` for a seat on the shared path for which only values changed."""
    flat = [0 if seat.own is None else seat.own.id]
    for entity_id, fields in changed.items():
        if entity_id in seat.holds:
            flat += fields
    return pack(flat) if len(flat) > 1 else EMPTY_ARRAY


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


def _disowned(world: World, seat: Seat, view: Sequence[int]) -> list[Any]:
    """Return ``id, 0`` for what a resumed client may have owned and does not own any more.

    A change of owner counts as a change of all owner fields.  An entity with an owner field that
    has not changed since therefore has the same owner as then.
    """
    knowledge = seat.knowledge
    if not (isinstance(knowledge, Lapsed) and knowledge.resumed):
        return []
    flat: list[Any] = []
    for seen in view:
        for entity_id, record in world.grid.members.get(seen, {}).items():
            if (
                record.owner != seat.number
                and record.owner_changed_at
                and record.born_at <= knowledge.since < min(record.owner_changed_at)
                and entity_id in knowledge.known
            ):
                flat += (entity_id, 0)
    return flat
