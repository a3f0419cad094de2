"""The entities of one room: their ids and owners, and what came and went since the last publish.

Owns spawning, despawning, ownership and the reuse of ids.  Never quantises and never encodes;
``replication/`` does both.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeVar

from gameserver.errors import LocalProtocolError
from gameserver.model.grid import EXACT_REACH, Grid
from gameserver.model.layers import Layer
from gameserver.model.record import Record
from gameserver.model.schema import Schema, spec_of
from gameserver.model.specs import EntitySpec
from gameserver.model.view import LEAVE_SHARE, Exact, View

E = TypeVar("E")

#: An id is not reused for this many publishes after its entity despawned.  Replication would be
#: right without this (a reused id always leaves before it enters), but a command that names an id
#: still shown on some screen would then concern another entity.
ID_REST_PUBLISHES: Final = 128


class Seal:
    """Keeps a world from changing while ``holder``, a hook of the game, is called."""

    __slots__ = ("holder",)

    def __init__(self) -> None:
        self.holder = ""

    def check(self, what: str = "change anything") -> None:
        """Raise ``LocalProtocolError``, which names ``what`` is not allowed, while sealed."""
        if self.holder:
            raise LocalProtocolError(f"{self.holder} must not {what}: it may be asked at any time")


class World:
    """All entities of a room, whose ``schema`` was made from classes.

    ``view`` decides what a seat sees by distance; None means one cell for all.
    """

    __slots__ = (
        "_free",
        "_next_id",
        "_publishes",
        "_resting",
        "busy",
        "compared",
        "despawned",
        "emptied_groups",
        "grid",
        "group_sizes",
        "owned",
        "owner_changed",
        "records",
        "relayered",
        "schema",
        "seal",
        "spawned",
        "touched",
        "view",
    )

    def __init__(self, schema: Schema, view: View | None = None) -> None:
        #: The declared classes of the room.
        self.schema = schema
        #: The view by distance; None: all seats see everything.
        self.view = view
        #: Closed while ``Room.sees`` is called, which may change nothing.
        self.seal = Seal()
        #: The cells, and which entities are in each of them.
        self.grid = _grid_for(view)
        #: Id → the engine's record of the entity.
        self.records: dict[int, Record] = {}
        #: Records that a publish must compare, by kind and id: always, and because touched.
        self.busy: list[dict[int, Record]] = [{} for _ in schema.entities]
        self.touched: list[dict[int, Record]] = [{} for _ in schema.entities]
        #: The same with the functions that compare them, as a publish goes through them.
        self.compared = tuple(zip(schema.compiled, self.busy, self.touched, strict=True))
        #: Seat → id → record of what the seat owns.
        self.owned: dict[int, dict[int, Record]] = {}
        #: Since the last publish, which empties them; each change of owner with the former one.
        self.spawned: list[Record] = []
        self.despawned: list[Record] = []
        self.owner_changed: list[tuple[Record, int]] = []
        #: Records whose layer changed since then.
        self.relayered: list[Record] = []
        #: Group → how many entities it has, if any; and groups whose last entity has gone since
        #: ``group.py`` looked.
        self.group_sizes: dict[int, int] = {}
        self.emptied_groups: list[int] = []
        self._free: list[int] = []
        self._next_id = 1
        #: Despawned ids, and at which publish, counted from the first, they can be given out again.
        self._resting: deque[tuple[int, Sequence[int]]] = deque()
        self._publishes = 0

    def __len__(self) -> int:
        return len(self.records)

    def spawn(self, entity: E, *, owner: int = 0, group: int = 0, hidden: bool = False) -> E:
        """Add ``entity`` to the world and return it.

        ``owner`` is a seat number and ``group`` the number of a group, 0 for none.
        """
        self.seal.check()
        kind = self.schema.kinds.get(type(entity))
        if kind is None or not hasattr(entity, "_record"):
            raise LocalProtocolError(_why_not_spawned(entity))
        if entity._record is not None:
            raise LocalProtocolError(f"this {type(entity).__name__} is spawned already")
        spec = self.schema.entities[kind]
        record = Record(entity, kind, spec, self.schema.compiled[kind], self.touched[kind])
        record.owner, record.group, record.hidden = owner, group, hidden
        self.settle_layer(record)
        record.id = heapq.heappop(self._free) if self._free else self._new_id()
        entity._record = record
        self.records[record.id] = record
        if not spec.rare:
            self.busy[kind][record.id] = record
        if owner:
            self.owned.setdefault(owner, {})[record.id] = record
        if group:
            self.count_in_group(group)
        self.spawned.append(record)
        return entity

    def _new_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def despawn(self, entity: Any) -> None:
        """Remove ``entity`` from the world.  It may be spawned again later, as a new entity."""
        self.seal.check()
        record = self.record_of(entity)
        record.alive = False
        entity._record = None
        del self.records[record.id]
        self.busy[record.kind].pop(record.id, None)
        self.touched[record.kind].pop(record.id, None)
        self._disown(record)
        if record.group:
            self._count_out_of(record.group)
        self.despawned.append(record)

    def record_of(self, entity: Any) -> Record:
        """Return the record of a spawned entity; ``LocalProtocolError`` for any other."""
        record: Record | None = getattr(entity, "_record", None)
        if entity is None:
            raise LocalProtocolError("None is no entity; has it been despawned before?")
        if record is None or self.records.get(record.id) is not record:
            raise LocalProtocolError(f"this {type(entity).__name__} is not in this world")
        return record

    def id_of(self, entity: Any) -> int:
        """Return the id by which clients know ``entity``, or 0 if it is not in this world."""
        record: Record | None = getattr(entity, "_record", None)
        if record is None or self.records.get(record.id) is not record:
            return 0
        return record.id

    def get(self, entity_id: int) -> Any | None:
        """Return the entity with this id, or None."""
        record = self.records.get(entity_id)
        return None if record is None else record.entity

    def of_class(self, cls: type[E]) -> Iterator[E]:
        """Yield the entities of exactly this class, in the order in which they were spawned."""
        for record in list(self.records.values()):
            if type(record.entity) is cls:
                yield record.entity

    def set_owner(self, entity: Any, owner: int) -> None:
        """Give ``entity`` to the seat numbered ``owner``; 0 is nobody."""
        self.seal.check()
        record = self.record_of(entity)
        if owner != record.owner:
            self.owner_changed.append((record, record.owner))
            self._disown(record)
            record.owner = owner
            if owner:
                self.owned.setdefault(owner, {})[record.id] = record
            if record.hidden:
                self._relayer(record)

    def set_group(self, entity: Any, group: int) -> None:
        """Move ``entity`` to the group with this number; 0 is none."""
        self.seal.check()
        record = self.record_of(entity)
        former, record.group = record.group, group
        if former:
            self._count_out_of(former)
        if group:
            self.count_in_group(group)
        self._relayer(record)

    def set_hidden(self, entity: Any, *, hidden: bool = True) -> None:
        """Hide ``entity`` from all but its owner and its group, or show it again."""
        self.seal.check()
        record = self.record_of(entity)
        record.hidden = hidden
        self._relayer(record)

    def count_in_group(self, group: int) -> None:
        """Count one more entity of a group."""
        self.group_sizes[group] = self.group_sizes.get(group, 0) + 1

    def _count_out_of(self, group: int) -> None:
        self.group_sizes[group] -= 1
        if not self.group_sizes[group]:
            del self.group_sizes[group]
            self.emptied_groups.append(group)

    def settle_layer(self, record: Record) -> None:
        """Set the layer of ``record``, which is in no cell yet, by its group and hiding."""
        if record.group or record.hidden:
            record.layer = self._layer_of(record)

    def _relayer(self, record: Record) -> None:
        layer = self._layer_of(record)
        if layer != record.layer:
            record.layer = layer
            self.relayered.append(record)

    def _layer_of(self, record: Record) -> int:
        self.grid.layered = True
        owner = record.owner if record.hidden else 0
        return self.grid.layers.layer(Layer(record.group, owner, record.hidden))

    def _disown(self, record: Record) -> None:
        owned = self.owned.get(record.owner)
        if owned is not None:
            del owned[record.id]
            if not owned:
                del self.owned[record.owner]

    def near(self, x: float, y: float, radius: float, cls: type[E]) -> Iterator[E]:
        """Yield the entities of ``cls`` whose position lies within ``radius`` of a point.

        Candidates come from the cells as of the last publish and are tested at their present
        position, so an entity that has since moved by more than an eighth of the view radius may be
        missed.  An entity spawned since is always found.
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
        """Return the names of the x and y fields of ``cls``."""
        spec = self.schema.entities[self.schema.kinds[cls]]
        if not spec.at:
            raise LocalProtocolError(f"{cls.__name__} has no position; declare it with at=")
        return spec.fields[spec.at[0]].name, spec.fields[spec.at[1]].name

    def rest_ids(self, ids: Sequence[int]) -> None:
        """Release these ids, which despawned since the last publish; called once per publish."""
        self._publishes += 1
        resting = self._resting
        if ids:
            resting.append((self._publishes + ID_REST_PUBLISHES, ids))
        while resting and resting[0][0] <= self._publishes:
            for entity_id in resting.popleft()[1]:
                heapq.heappush(self._free, entity_id)


def _grid_for(view: View | None) -> Grid:
    if isinstance(view, Exact):
        return Grid(LEAVE_SHARE * view.radius, EXACT_REACH)
    return Grid(None if view is None else view.radius)


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
