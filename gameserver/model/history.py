"""Past positions of entities, for lag compensation.

Owns the wire values of past publishes and the interpolation between them.  It holds what clients
were *sent*, at the ticks at which it was sent, and interpolates linearly, because clients draw it
like that: a target is then hit where the player's screen showed it.  Never decides how far back a
player may look (``simulation/rewind.py``), never changes the world.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, product
from typing import Any, Protocol, TypeAlias, TypeVar

from gameserver.errors import LocalProtocolError
from gameserver.model.record import Record
from gameserver.model.world import World

E = TypeVar("E")

Point: TypeAlias = tuple[float, float]


class Seen(Protocol):
    """The entities with a position, as one player's screen showed them (``Room.seen_by``)."""

    @property
    def tick(self) -> float:
        """The tick that the screen showed, with its fraction."""

    def position(self, entity: Any) -> Point | None:
        """Return where ``entity`` was seen, in the units of positions, or None if it was not."""

    def near(self, x: float, y: float, radius: float, cls: type[E]) -> Iterator[tuple[E, Any, Any]]:
        """Yield ``entity, x, y`` of the entities of ``cls`` seen within ``radius`` of a point.

        All of them are still in the world.  Like ``World.near`` this may miss an entity that moved
        by more than an eighth of the view radius between two publishes.
        """


class Frame:
    """One past publish: ``values`` are the wire values of each record of the rewound classes."""

    __slots__ = ("_cell_size", "_cells", "_places", "_values", "tick")

    def __init__(self, tick: int, values: dict[Record, tuple[Any, ...]], cell_size: float) -> None:
        self.tick = tick
        self._values = values
        self._cell_size = cell_size
        #: Where each record was, and which records were in each column and row.  Computed on first
        #: use: a shot tests hundreds of records, but few publishes are looked at by any shot.
        self._places: dict[Record, Point] | None = None
        self._cells: dict[tuple[int, int], list[Record]] | None = None

    def position(self, record: Record) -> Point | None:
        """Return where ``record`` was."""
        return (self._places or self._worked_out()).get(record)

    def _worked_out(self) -> dict[Record, Point]:
        places: dict[Record, Point] = {}
        for record, values in self._values.items():
            position = record.compiled.position
            assert position is not None, "the constructor of History checks it"
            places[record] = position(values)
        self._places = places
        return places

    def within(self, x: float, y: float, reach: float) -> Iterable[Record]:
        """Return the records of all cells within ``reach`` of a point on each axis."""
        size = self._cell_size
        if not size:
            return self._values
        if self._cells is None:
            self._cells = self._by_cell()
        cells = self._cells
        rows = range(int((y - reach) // size), int((y + reach) // size) + 1)
        columns = range(int((x - reach) // size), int((x + reach) // size) + 1)
        return chain.from_iterable(cells.get(cell, ()) for cell in product(columns, rows))

    def _by_cell(self) -> dict[tuple[int, int], list[Record]]:
        cells: dict[tuple[int, int], list[Record]] = {}
        for record, (x, y) in (self._places or self._worked_out()).items():
            cell = (int(x // self._cell_size), int(y // self._cell_size))
            cells.setdefault(cell, []).append(record)
        return cells


class History:
    """The publishes of a world in the last ``length_ticks``, for these ``classes``.

    Raises ``LocalProtocolError`` if one of them is not an entity class with a position.
    """

    def __init__(self, world: World, classes: Sequence[type], length_ticks: int) -> None:
        self._world = world
        self._length_ticks = length_ticks
        self._frames: deque[Frame] = deque()
        self._kinds: dict[type, int] = {}
        for cls in classes:
            kind = world.schema.kinds.get(cls)
            if kind is None or not getattr(world.schema.entities[kind], "at", ()):
                raise LocalProtocolError(f"{cls.__name__} has no positions to rewind to")
            if world.schema.entities[kind].rare:
                raise LocalProtocolError(f"{cls.__name__} is rare: it has no history")
            self._kinds[cls] = kind

    @property
    def newest_tick(self) -> int | None:
        """The tick of the last publish, or None before the first."""
        return self._frames[-1].tick if self._frames else None

    def record(self, tick: int) -> None:
        """Keep the publish of ``tick``; called after each publish."""
        values = {
            record: record.values
            for kind in self._kinds.values()
            for record in self._world.busy[kind].values()
        }
        frames = self._frames
        frames.append(Frame(tick, values, self._world.grid.cell_size))
        while frames[0].tick < tick - self._length_ticks:
            frames.popleft()

    def at(self, tick: float) -> Rewound:
        """Return the world at ``tick``, or at the nearest tick that is kept.

        Raises ``LocalProtocolError`` before the first publish.
        """
        frames = self._frames
        if not frames:
            raise LocalProtocolError("nothing has been published yet")
        after = frames[-1]
        for before in reversed(frames):
            if before.tick <= tick:
                return Rewound(self, before, after, min(tick, after.tick))
            after = before
        return Rewound(self, after, after, after.tick)

    def kind_of(self, cls: type) -> int:
        """Return the kind of a rewound class, or raise ``LocalProtocolError`` for another class."""
        kind = self._kinds.get(cls)
        if kind is None:
            raise LocalProtocolError(f"name {cls.__name__} in Room.rewinds to look at its past")
        return kind

    @property
    def slack(self) -> float:
        """How far an entity may move between two publishes and still be found."""
        return self._world.grid.near_slack


class Rewound:
    """A past moment, between two publishes or exactly at one, which then counts as both."""

    __slots__ = ("_after", "_before", "_history", "_part", "tick")

    def __init__(self, history: History, before: Frame, after: Frame, tick: float) -> None:
        self.tick = float(tick)
        self._history = history
        self._before = before
        self._after = after if tick > before.tick else before
        span = self._after.tick - before.tick
        self._part = (tick - before.tick) / span if span else 0.0

    def position(self, entity: Any) -> Point | None:
        """See ``Seen.position``."""
        record: Record | None = getattr(entity, "_record", None)
        self._history.kind_of(type(entity))
        return None if record is None else self._position(record)

    def _position(self, record: Record) -> Point | None:
        """Return where a record was, or None if it came only with the later publish."""
        before = self._before.position(record)
        if before is None or not self._part:
            return before
        after = self._after.position(record)
        if after is None:
            return before
        part = self._part
        return (
            before[0] + (after[0] - before[0]) * part,
            before[1] + (after[1] - before[1]) * part,
        )

    def near(
        self, x: float, y: float, radius: float, cls: type[E]
    ) -> Iterator[tuple[E, float, float]]:
        """See ``Seen.near``."""
        kind = self._history.kind_of(cls)
        limit = radius * radius
        for record in self._before.within(x, y, radius + self._history.slack):
            if record.kind != kind or not record.alive:
                continue
            position = self._position(record)
            assert position is not None
            seen_x, seen_y = position
            dx, dy = seen_x - x, seen_y - y
            if dx * dx + dy * dy <= limit:
                yield record.entity, seen_x, seen_y


class Present:
    """The world as it is now, for a player without lag compensation."""

    __slots__ = ("_world", "tick")

    def __init__(self, world: World, tick: int) -> None:
        self.tick = float(tick)
        self._world = world

    def position(self, entity: Any) -> Point | None:
        """See ``Seen.position``."""
        record: Record | None = getattr(entity, "_record", None)
        if record is None:
            return None
        x_name, y_name = self._world.position_names(type(entity))
        return getattr(entity, x_name), getattr(entity, y_name)

    def near(self, x: float, y: float, radius: float, cls: type[E]) -> Iterator[tuple[E, Any, Any]]:
        """See ``Seen.near``."""
        x_name, y_name = self._world.position_names(cls)
        for entity in self._world.near(x, y, radius, cls):
            yield entity, getattr(entity, x_name), getattr(entity, y_name)


class Narrowed:
    """A ``Seen`` without the entities that a player is not ``shown``."""

    __slots__ = ("_seen", "_shown", "tick")

    def __init__(self, seen: Seen, shown: Callable[[Record], bool]) -> None:
        self.tick = seen.tick
        self._seen = seen
        self._shown = shown

    def position(self, entity: Any) -> Point | None:
        """See ``Seen.position``."""
        record: Record | None = getattr(entity, "_record", None)
        if record is not None and not self._shown(record):
            return None
        return self._seen.position(entity)

    def near(self, x: float, y: float, radius: float, cls: type[E]) -> Iterator[tuple[E, Any, Any]]:
        """See ``Seen.near``."""
        for entity, seen_x, seen_y in self._seen.near(x, y, radius, cls):
            record: Record | None = getattr(entity, "_record", None)
            if record is not None and self._shown(record):
                yield entity, seen_x, seen_y
