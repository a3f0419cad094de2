"""The entities of one room: their ids, owners and positions, and what came and went.

Owns spawning, despawning, ownership and id reuse, and remembers what the publisher has
not yet seen.  Never quantises and never encodes: that is ``replication/``.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from typing import Any, Final, TypeVar

from gameserver.errors import LocalProtocolError
from gameserver.model.grid import UNBOUNDED, Bounds, Grid
from gameserver.model.schema import Schema, spec_of
from gameserver.model.specs import EntitySpec

E = TypeVar("E")

#: An id rests for this many publishes after its entity went.  Replication would be right
#: without (a reused id always leaves before it enters), but commands that name an id which
#: some screen still shows would hit another entity.
ID_REST_PUBLISHES: Final = 128


class Record:
    """The world's and the publisher's bookkeeping of one spawned entity."""

    __slots__ = (
        "alive",
        "born_at",
        "bounds",
        "cell",
        "changed_at",
        "crc",
        "entity",
        "full",
        "id",
        "kind",
        "owner",
        "owner_changed_at",
        "owner_values",
        "seen",
        "settled",
        "spec",
        "values",
        "world",
    )

    def __init__(self, world: World, entity: Any, spec: EntitySpec, kind: int, owner: int) -> None:
        self.world = world
        self.entity = entity
        self.spec = spec
        self.kind = kind
        #: Seat number of the owner, 0 for none.
        self.owner = owner
        self.id = 0
        #: Until it is despawned.
        self.alive = True
        #: Grid cell as of the last publish; None before the first and after the last.
        self.cell: int | None = None
        #: How far it may go before it leaves its cell, margin included; of no use before the first.
        self.bounds: Bounds = UNBOUNDED
        #: The cell that the values put it in; during a publish it may be ahead of ``cell``.
        self.settled: int | None = None
        #: Wire values as last published, and the tick of each field's last change.
        self.values: tuple[Any, ...] = ()
        #: What the fields held when they were last scanned; of no use where that may change.
        self.seen: tuple[Any, ...] = ()
        self.owner_values: tuple[Any, ...] = ()
        self.changed_at = [0] * len(spec.fields)
        self.owner_changed_at = [0] * len(spec.owner_fields)
        #: The tick of the first publish that held this entity.
        self.born_at = 0
        #: Cached enter fragment of ``values`` and its CRC-32; None when stale.
        self.full: bytes | None = None
        self.crc: int | None = None

    def touch(self) -> None:
        """Have the publisher look at this entity of a rarely changing class."""
        self.world.touched[self.kind][self.id] = self


class World:
    """All entities of a room.

    ``view_radius`` is in the units of the entities' positions; None means one cell for all.
    """

    def __init__(self, schema: Schema, view_radius: float | None = None) -> None:
        self.schema = schema
        self.grid = Grid(view_radius)
        self.records: dict[int, Record] = {}
        #: What the publisher must look at: at each publish, and only once; by kind.
        self.busy: list[dict[int, Record]] = [{} for _ in schema.entities]
        self.touched: list[dict[int, Record]] = [{} for _ in schema.entities]
        #: Seat → id → record of what it owns.
        self.owned: dict[int, dict[int, Record]] = {}
        #: What came, went and changed hands since the last publish; the publisher empties these.
        self.spawned: list[Record] = []
        self.despawned: list[Record] = []
        self.owner_changed: list[tuple[Record, int]] = []
        self._free: list[int] = []
        self._next_id = 1
        self._resting: deque[list[int]] = deque()

    def __len__(self) -> int:
        return len(self.records)

    def spawn(self, entity: E, *, owner: int = 0) -> E:
        """Add ``entity`` to the world and return it.  ``owner`` is a seat number, 0 for none."""
        kind = self.schema.kinds.get(type(entity))
        if kind is None or not hasattr(entity, "_record"):
            raise LocalProtocolError(_why_not_spawned(entity))
        if entity._record is not None:
            raise LocalProtocolError(f"this {type(entity).__name__} is spawned already")
        spec = self.schema.entities[kind]
        record = Record(self, entity, spec, kind, owner)
        record.id = heapq.heappop(self._free) if self._free else self._new_id()
        entity._record = record
        self.records[record.id] = record
        if not spec.rare:
            self.busy[kind][record.id] = record
        if owner:
            self.owned.setdefault(owner, {})[record.id] = record
        self.spawned.append(record)
        return entity

    def _new_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def despawn(self, entity: Any) -> None:
        """Take ``entity`` out of the world.  It may be spawned again later, as a new entity."""
        record = self.record_of(entity)
        record.alive = False
        entity._record = None
        del self.records[record.id]
        self.busy[record.kind].pop(record.id, None)
        self.touched[record.kind].pop(record.id, None)
        self._disown(record)
        self.despawned.append(record)

    def record_of(self, entity: Any) -> Record:
        """Return the record of a spawned entity; ``LocalProtocolError`` for any other."""
        record: Record | None = getattr(entity, "_record", None)
        if entity is None:
            raise LocalProtocolError("None is no entity; has it been despawned before?")
        if record is None or record.world is not self:
            raise LocalProtocolError(f"this {type(entity).__name__} is not in this world")
        return record

    def id_of(self, entity: Any) -> int:
        """Return the id under which clients know ``entity``; 0 if it is not in this world."""
        record: Record | None = getattr(entity, "_record", None)
        return 0 if record is None or record.world is not self else record.id

    def get(self, entity_id: int) -> Any | None:
        """Return the entity with this id, None if there is none."""
        record = self.records.get(entity_id)
        return None if record is None else record.entity

    def of_class(self, cls: type[E]) -> Iterator[E]:
        """Yield all entities of exactly this class, oldest id first of those spawned together."""
        for record in list(self.records.values()):
            if type(record.entity) is cls:
                yield record.entity

    def set_owner(self, entity: Any, owner: int) -> None:
        """Give ``entity`` to the seat ``owner`` (0: to nobody)."""
        record = self.record_of(entity)
        if owner != record.owner:
            self.owner_changed.append((record, record.owner))
            self._disown(record)
            record.owner = owner
            if owner:
                self.owned.setdefault(owner, {})[record.id] = record

    def _disown(self, record: Record) -> None:
        owned = self.owned.get(record.owner)
        if owned is not None:
            del owned[record.id]
            if not owned:
                del self.owned[record.owner]

    def near(self, x: float, y: float, radius: float, cls: type[E]) -> Iterator[E]:
        """Yield the entities of ``cls`` whose position lies within ``radius`` of a point.

        Found through their cells, as of the last publish, and tested at their
        present position: what has since moved by more than an eighth of the view radius may be
        missed.  Spawned ones are always found.
        """
        x_name, y_name = self.position_names(cls)
        kind = self.schema.kinds[cls]
        reach = radius + self.grid.margin + self.grid.near_slack
        candidates = [r.entity for r in self.grid.within(x, y, reach) if r.kind == kind]
        candidates += [r.entity for r in self.spawned if r.kind == kind]
        limit = radius * radius
        for entity in candidates:
            dx, dy = getattr(entity, x_name) - x, getattr(entity, y_name) - y
            if dx * dx + dy * dy <= limit and self.id_of(entity):
                yield entity

    def position_names(self, cls: type) -> tuple[str, str]:
        """Return the names of the fields that are x and y of ``cls``."""
        spec = self.schema.entities[self.schema.kinds[cls]]
        if not spec.at:
            raise LocalProtocolError(f"{cls.__name__} has no position; declare it with at=")
        return spec.fields[spec.at[0]].name, spec.fields[spec.at[1]].name

    def rest_ids(self, ids: list[int]) -> None:
        """Called once a publish with the ids that it told to be gone; they are used again later."""
        self._resting.append(ids)
        if len(self._resting) > ID_REST_PUBLISHES:
            for entity_id in self._resting.popleft():
                heapq.heappush(self._free, entity_id)


def _why_not_spawned(entity: Any) -> str:
    if isinstance(entity, type):
        return f"spawn a {entity.__name__}(), not the class"
    name = type(entity).__name__
    if not isinstance(spec_of(type(entity)), EntitySpec):
        return f"{name} cannot be spawned: it is no @entity class"
    return (
        f"{name} is not an entity class of this room: "
        "import it where the room is defined, or name it in Room.classes"
    )
