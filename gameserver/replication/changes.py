"""What one publish found changed in the world: values, cells, comings and goings.

Owns the scan (quantise, compare, encode once) and the moves between cells.  Never knows
seats.  The scan and the moves are two steps, because seats that leave the short road must
write down what they know *between* them: from cells as they were at the last publish,
but with the focus where the entities now are.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from gameserver.model.fieldtypes import QUANTISE_ERRORS
from gameserver.model.grid import EVERYWHERE
from gameserver.model.specs import EntitySpec
from gameserver.model.world import Record, World
from gameserver.replication.fragments import fragment


class Crossing:
    """An entity that changed its cell.  ``origin`` None: it is new; ``target`` None: it is gone.

    ``adds`` is its ``adds`` fragment for those who see both cells, of ``count`` elements.
    """

    __slots__ = ("adds", "count", "origin", "record", "target")

    def __init__(
        self, record: Record, origin: int | None, target: int | None, flat: list[Any]
    ) -> None:
        self.record = record
        self.origin = origin
        self.target = target
        self.adds = fragment(flat) if flat else b""
        self.count = len(flat)


class Changes:
    """The changes of one publish."""

    __slots__ = (
        "arrivals",
        "crossings",
        "departures",
        "owner_changes",
        "owner_touched",
        "stayed",
        "stayed_counts",
        "tick",
    )

    def __init__(self, tick: int) -> None:
        self.tick = tick
        #: Cell → the ``adds`` of what stayed in it: the bytes, and how many elements.
        self.stayed: dict[int, bytes] = {}
        self.stayed_counts: dict[int, int] = {}
        self.crossings: list[Crossing] = []
        #: The crossings by the cell that they lead into, and out of.
        self.arrivals: dict[int, list[Crossing]] = {}
        self.departures: dict[int, list[Crossing]] = {}
        #: Seats that may own, or see of what they own, something else than before.
        self.owner_touched: set[int] = set()
        #: Seat → id → ``id, mask, value…`` of the owner fields that changed.
        self.owner_changes: dict[int, dict[int, list[Any]]] = {}

    def cells(self) -> set[int]:
        """Return the cells in which anything changed, came or went."""
        found = set(self.stayed)
        for crossing in self.crossings:
            found.update(c for c in (crossing.origin, crossing.target) if c is not None)
        return found

    def owners(self) -> set[int]:
        """Return the seats that own, or know of what they own, something else than before."""
        return self.owner_touched | self.owner_changes.keys()


def find_changes(world: World, tick: int) -> Changes:
    """Compare the world with what was last published and note what differs.

    Updates the records' values; ``LocalProtocolError`` names class and field if the game set a
    value that the declared type cannot hold.  The world's lists of news are emptied.
    """
    changes = Changes(tick)
    stayed: dict[int, list[Any]] = {}
    _note_spawned(world, changes)
    _note_owners(world, changes)
    for kind, spec in enumerate(world.schema.entities):
        _scan(world, spec, world.busy[kind].values(), changes, stayed)
        if world.touched[kind]:
            _scan(world, spec, world.touched[kind].values(), changes, stayed)
            world.touched[kind] = {}
    _note_despawned(world, changes)
    for cell, flat in stayed.items():
        changes.stayed[cell] = fragment(flat)
        changes.stayed_counts[cell] = len(flat)
    return changes


def apply_crossings(world: World, changes: Changes) -> None:
    """Make what crossed a member of its new cell, and note the owners whose view it may touch."""
    for crossing in changes.crossings:
        record, origin, target = crossing.record, crossing.origin, crossing.target
        world.grid.move(record, target)
        if target is not None:
            changes.arrivals.setdefault(target, []).append(crossing)
        if origin is not None:
            changes.departures.setdefault(origin, []).append(crossing)
        if record.owner:
            changes.owner_touched.add(record.owner)


def _note_spawned(world: World, changes: Changes) -> None:
    for record in world.spawned:
        if not record.alive:
            continue  # despawned before anyone saw it
        compiled = record.spec.compiled
        assert compiled is not None
        compiled.check(record.entity)
        record.values = compiled.values(record.entity)
        record.owner_values = compiled.owner_values(record.entity)
        record.born_at = changes.tick
        record.changed_at = [changes.tick] * len(record.values)
        record.owner_changed_at = [changes.tick] * len(record.owner_values)
        record.settled = _cell_of(world, record)
        changes.crossings.append(Crossing(record, None, record.settled, []))
    world.spawned = []


def _cell_of(world: World, record: Record) -> int:
    """Return the cell that the record's present values put it in."""
    position = record.spec.compiled.position if record.spec.compiled else None
    if position is None:
        return EVERYWHERE
    return world.grid.settle(record.cell, *position(record.values))


def _scan(
    world: World,
    spec: EntitySpec,
    records: Collection[Record],
    changes: Changes,
    stayed: dict[int, list[Any]],
) -> None:
    """Compare all ``records``, which are of one class, with what was last published."""
    compiled = spec.compiled
    assert compiled is not None
    strays: list[tuple[Record, list[Any]]] = []
    try:
        compiled.scan(records, changes.tick, stayed, strays)
        if spec.owner_fields:
            compiled.scan_owner(records, changes.tick, changes.owner_changes)
        for record, flat in strays:
            _note_crossing(world, record, flat, changes, stayed)
    except QUANTISE_ERRORS:
        for record in records:
            compiled.check(record.entity)  # says which field it was
        raise


def _note_crossing(
    world: World,
    record: Record,
    flat: list[Any],
    changes: Changes,
    stayed: dict[int, list[Any]],
) -> None:
    """Note that a changed entity is beyond the bounds of its cell."""
    cell = record.cell
    assert cell is not None, "only spawned records have no cell, and they have no changes"
    target = _cell_of(world, record)
    if target == cell:  # beyond the last cell of the grid there is no other
        stayed.setdefault(cell, []).extend(flat)
        return
    record.settled = target
    changes.crossings.append(Crossing(record, cell, target, flat))


def _note_owners(world: World, changes: Changes) -> None:
    """Ownership changed: all owner fields count as changed, for whoever owns them now."""
    for record, former in world.owner_changed:
        changes.owner_touched.add(former)
        if record.alive:
            compiled = record.spec.compiled
            assert compiled is not None
            compiled.check(record.entity)
            record.owner_values = compiled.owner_values(record.entity)
            changes.owner_touched.add(record.owner)
            record.owner_changed_at = [changes.tick] * len(record.owner_changed_at)
            full = [record.id, record.spec.full_owner_mask, *record.owner_values]
            changes.owner_changes.setdefault(record.owner, {})[record.id] = full
    world.owner_changed = []


def _note_despawned(world: World, changes: Changes) -> None:
    gone = []
    for record in world.despawned:
        gone.append(record.id)
        if record.cell is not None:
            changes.crossings.append(Crossing(record, record.cell, None, []))
    world.despawned = []
    world.rest_ids(gone)
