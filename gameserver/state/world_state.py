"""The engine's half of a world as plain data: records, ids, the grid and the past.

Owns what is saved of ``World``, ``Grid``, ``Record`` and ``History``, and how they are built again.
The fields of the entities are not part of it (``values.py``).

A record is named by the id of its entity, or by ``-1 - index`` in the list of the dead: of those
that despawned since the last publish, and are still known to the grid, to a seat, or to the lists
of what came and went.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import attrs

from gameserver.errors import SnapshotError
from gameserver.model.grid import EVERYWHERE
from gameserver.model.history import Frame, History
from gameserver.model.layers import MAX_NUMBER, Layer, Sight, place_of
from gameserver.model.record import UNBOUNDED, Record
from gameserver.model.world import World

#: Attributes of a record that are saved, and those that follow from others or are caches.
RECORD_ROW: Final = (
    *("id", "owner", "cell", "settled", "values", "changed_at"),
    *("owner_values", "owner_changed_at", "born_at"),
    *("group_values", "group_changed_at", "group", "hidden"),
)
RECORD_DERIVED: Final = (
    *("alive", "bounds", "compiled", "crc", "entity", "full"),
    *("kind", "layer", "seen", "spec", "touched"),
)


class Records:
    """The records of ``world`` by the numbers that a snapshot has for them."""

    def __init__(self, world: World) -> None:
        self.dead: list[Record] = []
        self._live = world.records
        self._numbers: dict[Record, int] = {}

    def number(self, record: Record | None) -> int | None:
        """Return the number of a record."""
        if record is None:
            return None
        if self._live.get(record.id) is record:
            return record.id
        number = self._numbers.get(record)
        if number is None:
            self.dead.append(record)
            number = self._numbers[record] = -len(self.dead)
        return number

    def numbers(self, records: Iterable[Record]) -> list[int | None]:
        """Return the numbers of records."""
        return list(map(self.number, records))


def save_world(world: World, records: Records) -> dict[str, Any]:
    """Copy what ``load_world`` takes."""
    grid = world.grid
    layers, sights = grid.layers.used
    if world.despawned:
        members = [(cell, records.numbers(m.values())) for cell, m in grid.members.items()]
    else:
        members = [(cell, list(ids)) for cell, ids in grid.members.items()]
    return {
        "records": _rows(world.records.values()),
        "touched": [list(touched) for touched in world.touched],
        "owned": [(seat, list(owned)) for seat, owned in world.owned.items()],
        "spawned": records.numbers(world.spawned),
        "despawned": records.numbers(world.despawned),
        "owner_changed": [(records.number(r), former) for r, former in world.owner_changed],
        "free": list(world._free),
        "next_id": world._next_id,
        "relayered": records.numbers(world.relayered),
        "layered": grid.layered,
        "layers": [(n, *attrs.astuple(layer)) for n, layer in sorted(layers.items())],
        "sights": [(n, sorted(one.groups), one.seat) for n, one in sorted(sights.items())],
        "when_to_look": grid.layers.when_to_look,
        "resting": [(until - world._publishes, list(ids)) for until, ids in world._resting],
        "share": grid.share,
        "members": members,
    }


def save_dead(records: Records, save: Callable[[Any], Any]) -> list[tuple[Any, ...]]:
    """Copy the dead records that have been named; ``save`` is given their entities."""
    rows = zip(records.dead, _rows(records.dead), strict=True)
    return [(save(record.entity), record.kind, *row) for record, row in rows]


def _rows(records: Iterable[Record]) -> list[tuple[Any, ...]]:
    return [
        (
            r.id,
            r.owner,
            r.cell,
            r.settled,
            r.values,
            r.changed_at[:],
            r.owner_values,
            r.owner_changed_at[:],
            r.born_at,
            r.group_values,
            r.group_changed_at[:],
            r.group,
            r.hidden,
        )
        for r in records
    ]


# ---------------------------------------------------------------- loading


class LoadedRecords:
    """The records that were loaded, by their numbers."""

    def __init__(self) -> None:
        self.live: dict[int, Record] = {}
        self.dead: list[Record] = []

    def get(self, number: int | None) -> Record | None:
        """Return the record with this number; raises ``LookupError``."""
        if number is None:
            return None
        return self.live[number] if number > 0 else self.dead[-1 - number]

    def all_of(self, numbers: Iterable[int]) -> list[Record]:
        """Return the records with these numbers."""
        found = map(self.get, numbers)
        return [record for record in found if record is not None]


def load_layers(world: World, saved: dict[str, Any]) -> None:
    """Number layers and sights as they were, because cells and viewpoints have these numbers."""
    world.grid.layered = saved["layered"]
    layers = {number: Layer(*row) for number, *row in saved["layers"]}
    sights = {number: Sight(frozenset(groups), seat) for number, groups, seat in saved["sights"]}
    if layers.get(0) != Layer() or sights.get(0) != Sight():
        raise SnapshotError("world: layer or sight 0 is missing")
    for numbered in (layers, sights):
        if len(set(numbered.values())) < len(numbered) or min(numbered) < 0:
            raise SnapshotError("world: a layer or sight twice, or with a negative number")
    if max((*layers, *sights)) > MAX_NUMBER:
        raise SnapshotError("world: a layer or sight has too high a number")
    world.grid.layers.number(layers, sights)
    world.grid.layers.when_to_look = saved["when_to_look"]


def load_records(
    world: World, saved: dict[str, Any], entities: dict[int, Any], *, fits: bool
) -> LoadedRecords:
    """Give every entity its record.  ``fits``: its wire values are as this version makes them."""
    loaded = LoadedRecords()
    for row in saved["records"]:
        entity_id, owner = row[0], row[1]
        entity = entities[entity_id]
        record = loaded.live[entity_id] = _record(world, entity, world.schema.kinds[type(entity)])
        if fits:
            _fill(record, row)
        record.id, record.owner = entity_id, owner
        record.group, record.hidden = row[-2:]
        world.settle_layer(record)
        if record.group:
            world.count_in_group(record.group)
        entity._record = record
        world.records[entity_id] = record
        if not record.spec.rare:
            world.busy[record.kind][entity_id] = record
    if loaded.live.keys() != entities.keys():
        raise SnapshotError("world: an entity has no record")
    return loaded


def load_dead(
    world: World, records: LoadedRecords, rows: list[list[Any]], load: Callable[[Any], Any]
) -> None:
    """Make the dead records."""
    for entity, kind, *row in rows:
        record = _record(world, load(entity), kind)
        _fill(record, row)
        world.settle_layer(record)
        record.alive = False
        records.dead.append(record)


def _record(world: World, entity: Any, kind: int) -> Record:
    schema = world.schema
    return Record(entity, kind, schema.entities[kind], schema.compiled[kind], world.touched[kind])


def _fill(record: Record, row: Sequence[Any]) -> None:
    for name, value in zip(RECORD_ROW, row, strict=True):
        setattr(record, name, value)
    record.values, record.owner_values = as_tuples(record.values), as_tuples(record.owner_values)
    record.group_values = as_tuples(record.group_values)
    spec = record.spec
    # An entity without values is one that was spawned since the last publish.
    counts = {len(record.changed_at), len(record.values) or len(spec.fields)}
    owner_counts = {
        len(record.owner_changed_at),
        len(record.owner_values) or spec.group_from,
    }
    if counts != {len(spec.fields)} or owner_counts != {spec.group_from}:
        raise SnapshotError(f"{spec.name}: a record has values for other fields")


def load_world(world: World, saved: dict[str, Any], records: LoadedRecords) -> None:
    """Build the world around its records, whose wire values fit."""
    world.relayered = records.all_of(saved["relayered"])
    if saved["share"] != 1.0:
        world.grid.resize(saved["share"])
    _load_ids(world, saved, records)
    for touched, ids in zip(world.touched, saved["touched"], strict=True):
        touched.update((number, records.live[number]) for number in ids)
    world.spawned = records.all_of(saved["spawned"])
    world.despawned = records.all_of(saved["despawned"])
    changed = [(records.get(number), former) for number, former in saved["owner_changed"]]
    world.owner_changed = [(r, former) for r, former in changed if r is not None]
    grid = world.grid
    grid.members.clear()
    for cell, numbers in saved["members"]:
        members = records.all_of(numbers)
        if any(record.cell != cell for record in members):
            raise SnapshotError(f"world: a member of cell {cell} is in another")
        grid.occupy(cell, {record.id: record for record in members})
        bounds = grid.bounds_of(place_of(cell))
        for record in members:
            record.bounds = bounds
    grid.members.setdefault(EVERYWHERE, {})
    for record in (*records.live.values(), *records.dead):
        if record.cell is None:
            record.bounds = UNBOUNDED


def begin_world(world: World, saved: dict[str, Any], records: LoadedRecords) -> None:
    """Build the world as if its entities had just spawned, with the ids and owners they have.

    For a version of the game whose wire values, or cells, are others than those that were saved.
    Every client gets a full state of it.
    """
    world.spawned = list(records.live.values())
    _load_ids(world, saved, records)
    gone = {number for number in range(1, world._next_id) if number not in records.live}
    world.rest_ids(sorted(gone.difference(world._free, *(ids for _, ids in world._resting))))


def _load_ids(world: World, saved: dict[str, Any], records: LoadedRecords) -> None:
    world._free = list(saved["free"])
    world._next_id = saved["next_id"]
    world._resting = deque((left, list(ids)) for left, ids in saved["resting"])
    if not all(0 < number < world._next_id for number in (*records.live, *world._free)):
        raise SnapshotError("world: an id has not been given out")
    for seat, ids in saved["owned"]:
        world.owned[seat] = {number: records.live[number] for number in ids}
        if any(record.owner != seat for record in world.owned[seat].values()):
            raise SnapshotError(f"world: seat {seat} owns what is another's")


# ---------------------------------------------------------------- the past


def save_history(history: History) -> tuple[Frame, ...]:
    """Copy the past: a frame never changes once it is made."""
    return tuple(history._frames)


def pack_history(frames: Sequence[Frame], live: dict[int, Record]) -> list[tuple[Any, ...]]:
    """Return ``tick, cell size, (id, x, y)…`` of each frame, in wire values.

    Those that have despawned since are left out: nobody can look at them any more.
    """
    saved = []
    for frame in frames:
        flat: list[Any] = []
        for record, values in frame._values.items():
            if live.get(record.id) is record:
                x, y = record.spec.at
                flat += (record.id, values[x], values[y])
        saved.append((frame.tick, frame._cell_size, flat))
    return saved


def load_history(history: History, saved: list[list[Any]], records: LoadedRecords) -> None:
    """Build the past again; of the values of an entity only its position is known."""
    for tick, cell_size, flat in saved:
        values: dict[Record, tuple[Any, ...]] = {}
        items = iter(flat)
        for number, x, y in zip(items, items, items, strict=True):
            record = records.live[number]
            sparse: list[Any] = [None] * len(record.spec.fields)
            at_x, at_y = record.spec.at
            sparse[at_x], sparse[at_y] = x, y
            values[record] = tuple(sparse)
        history._frames.append(Frame(tick, values, cell_size))


def as_tuples(value: Any) -> Any:
    """Return wire values with tuples for arrays, as the scan makes and compares them."""
    if value.__class__ is list:
        return tuple(map(as_tuples, value))
    return value
