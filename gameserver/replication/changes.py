"""Changes that one publish finds in the world: values, cells, arrivals and departures.

Owns the scan (quantise, compare, encode once) and the moves between cells.  Never knows seats.
The scan and the moves are two steps because seats lapse *between* them: a seat knows the members of
cells as of the last publish, while its focus is where its entity is now.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Final

from gameserver.model.compiled import CompiledEntity
from gameserver.model.fieldtypes import QUANTISE_ERRORS
from gameserver.model.grid import EVERYWHERE, Grid
from gameserver.model.layers import LAYER_SHIFT, place_of
from gameserver.model.record import Record
from gameserver.model.world import World
from gameserver.replication.fragments import fragment


class Crossing:
    """An entity that changed its cell: ``origin`` is None if it is new, ``target`` if it is gone.

    ``adds`` is its ``adds`` fragment, of ``count`` elements, for seats that see both cells.
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


#: Arrivals and departures of a publish in which no entity crossed.
NO_CROSSINGS: Final[Mapping[int, list[Crossing]]] = MappingProxyType({})


class Changes:
    """The changes of one publish."""

    __slots__ = (
        "_counts",
        "_stayed",
        "arrivals",
        "crossings",
        "departures",
        "despawned",
        "flat",
        "group_changes",
        "owner_changes",
        "owner_touched",
        "tick",
    )

    def __init__(self, tick: int) -> None:
        self.tick = tick
        #: Cell → the elements of the ``adds`` of the entities that stayed in it.
        self.flat: dict[int, list[Any]] = {}
        self._stayed: dict[int, bytes] | None = None
        self._counts: dict[int, int] | None = None
        self.crossings: list[Crossing] = []
        #: Whether any entity despawned, be it before it was ever published.
        self.despawned = False
        #: The crossings by target, and by origin, once they have been applied.
        self.arrivals: Mapping[int, list[Crossing]] = NO_CROSSINGS
        self.departures: Mapping[int, list[Crossing]] = NO_CROSSINGS
        #: Group → id → ``id, mask, value…`` of the group fields that changed.
        self.group_changes: dict[int, dict[int, list[Any]]] = {}
        #: Seats for which what they own, or which of it they see, may have changed.
        self.owner_touched: set[int] = set()
        #: Seat → id → ``id, mask, value…`` of the owner fields that changed.
        self.owner_changes: dict[int, dict[int, list[Any]]] = {}

    @property
    def stayed(self) -> dict[int, bytes]:
        """Cell → the bytes of its elements in ``flat``, which must be complete by now."""
        if self._stayed is None:
            self._stayed = {cell: fragment(flat) for cell, flat in self.flat.items()}
        return self._stayed

    @property
    def stayed_counts(self) -> dict[int, int]:
        """Cell → the number of its elements in ``flat``, which must be complete by now."""
        if self._counts is None:
            self._counts = {cell: len(flat) for cell, flat in self.flat.items()}
        return self._counts

    def nothing(self) -> bool:
        """Whether the world is as it was at the last publish."""
        return not (
            self.flat
            or self.crossings
            or self.owner_changes
            or self.owner_touched
            or self.group_changes
        )

    def cells(self) -> set[int]:
        """Return the cells in which anything changed, arrived or departed."""
        found = set(self.flat)
        for crossing in self.crossings:
            found.update(c for c in (crossing.origin, crossing.target) if c is not None)
        return found

    def owners(self) -> set[int]:
        """Return the seats whose ``own`` section may not be empty."""
        return self.owner_touched | self.owner_changes.keys()


def find_changes(world: World, tick: int) -> Changes:
    """Compare the world with the last publish and return what differs.

    Updates the values of the records and empties the world's lists of what came and went.  Raises
    ``LocalProtocolError``, which names class and field, if the game set a value that the declared
    type cannot hold.
    """
    changes = Changes(tick)
    stayed = changes.flat
    if world.spawned:
        _note_spawned(world, changes)
    if world.owner_changed:
        _note_owners(world, changes)
    if world.relayered:
        _note_relayered(world, changes, stayed)
    for compiled, busy, touched in world.compared:
        if busy:
            _scan(world, compiled, busy.values(), changes, stayed)
        if touched:
            _scan(world, compiled, touched.values(), changes, stayed)
            touched.clear()
    if world.despawned:
        _note_despawned(world, changes)
    else:
        world.rest_ids(())
    return changes


def apply_crossings(world: World, changes: Changes) -> None:
    """Move each entity that crossed into its new cell, and note the owners that it may concern."""
    if not changes.crossings:
        return
    arrivals: dict[int, list[Crossing]] = {}
    departures: dict[int, list[Crossing]] = {}
    changes.arrivals, changes.departures = arrivals, departures
    for crossing in changes.crossings:
        record, origin, target = crossing.record, crossing.origin, crossing.target
        world.grid.move(record, target)
        if target is not None:
            arrivals.setdefault(target, []).append(crossing)
        if origin is not None:
            departures.setdefault(origin, []).append(crossing)
        if record.owner:
            changes.owner_touched.add(record.owner)


def _note_spawned(world: World, changes: Changes) -> None:
    for record in world.spawned:
        if not record.alive:
            continue  # despawned before any publish
        compiled = record.compiled
        compiled.check(record.entity)
        record.values = compiled.values(record.entity)
        record.owner_values = compiled.owner_values(record.entity)
        record.born_at = changes.tick
        record.changed_at = [changes.tick] * len(record.values)
        record.owner_changed_at = [changes.tick] * len(record.owner_values)
        _note_group_fields(record, changes)
        record.settled = cell_of(world.grid, record)
        changes.crossings.append(Crossing(record, None, record.settled, []))
    world.spawned = []


def cell_of(grid: Grid, record: Record) -> int:
    """Return the cell that layer and present values put the record in, with hysteresis."""
    layer = record.layer << LAYER_SHIFT
    position = record.compiled.position
    if position is None:
        return EVERYWHERE + layer
    before = None if record.cell is None else place_of(record.cell)
    return grid.settle(before, *position(record.values)) + layer


def _scan(
    world: World,
    compiled: CompiledEntity,
    records: Collection[Record],
    changes: Changes,
    stayed: dict[int, list[Any]],
) -> None:
    """Compare these records, all of one class, with the last publish."""
    strays: list[tuple[Record, list[Any]]] = []
    scan = compiled.scan if world.grid.cell_size else compiled.scan_one_place
    try:
        scan(records, changes.tick, stayed, strays)
        if compiled.has_owner_fields:
            compiled.scan_owner(records, changes.tick, changes.owner_changes)
        if compiled.has_group_fields:
            compiled.scan_group(records, changes.tick, changes.group_changes)
        for record, flat in strays:
            _note_crossing(world, record, flat, changes, stayed)
    except QUANTISE_ERRORS:
        for record in records:
            compiled.check(record.entity)  # names the field
        raise


def _note_crossing(
    world: World,
    record: Record,
    flat: list[Any],
    changes: Changes,
    stayed: dict[int, list[Any]],
) -> None:
    """Note that a changed entity is outside the bounds of its cell."""
    cell = record.cell
    assert cell is not None, "only spawned records have no cell, and they have no changes"
    target = cell_of(world.grid, record)
    if target == cell:  # a border cell also holds everything beyond the grid
        stayed.setdefault(cell, []).extend(flat)
        return
    record.settled = target
    changes.crossings.append(Crossing(record, cell, target, flat))


def _note_relayered(world: World, changes: Changes, stayed: dict[int, list[Any]]) -> None:
    """Note the crossing of each entity whose layer changed.

    Each is compared by itself, so that its changes are not joined with those of its old cell.
    """
    for record in dict.fromkeys(world.relayered):
        if not record.alive or record.cell is None:
            continue
        _note_group_fields(record, changes)
        crossed = len(changes.crossings)
        apart: dict[int, list[Any]] = {}
        _scan(world, record.compiled, [record], changes, apart)
        if len(changes.crossings) > crossed:
            continue  # it has moved as well
        (flat,) = apart.values() or ([],)
        _note_crossing(world, record, flat, changes, stayed)
    world.relayered = []


def _note_group_fields(record: Record, changes: Changes) -> None:
    """Count all group fields as changed, for the group that the entity is in now."""
    compiled = record.compiled
    if not compiled.has_group_fields:
        return
    compiled.check(record.entity)
    record.group_values = compiled.group_values(record.entity)
    record.group_changed_at = [changes.tick] * len(record.group_changed_at)
    if record.group:
        values = compiled.group_form(record.group_values)
        full = [record.id, record.spec.group_mask, *values]
        changes.group_changes.setdefault(record.group, {})[record.id] = full


def _note_owners(world: World, changes: Changes) -> None:
    """Count all owner fields as changed, for the new owner of each entity that changed hands."""
    for record, former in world.owner_changed:
        changes.owner_touched.add(former)
        if record.alive:
            compiled = record.compiled
            compiled.check(record.entity)
            record.owner_values = compiled.owner_values(record.entity)
            changes.owner_touched.add(record.owner)
            record.owner_changed_at = [changes.tick] * len(record.owner_changed_at)
            values = compiled.own_form(record.owner_values)
            full = [record.id, record.spec.owner_mask, *values]
            changes.owner_changes.setdefault(record.owner, {})[record.id] = full
    world.owner_changed = []


def _note_despawned(world: World, changes: Changes) -> None:
    changes.despawned = True
    for record in world.despawned:
        if record.cell is not None:
            changes.crossings.append(Crossing(record, record.cell, None, []))
    world.rest_ids([record.id for record in world.despawned])
    world.despawned = []
