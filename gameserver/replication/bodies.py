"""Bodies: the part of a delta that seats on the shared path have in common.

Owns what is joined from the bytes of one publish: leaves, enters, sets, adds and events, for seats
that have the last publish.  Never knows seats.

A body leads from one focus cell to another, usually to the same one.  A body for the same cell is
made without a loop over cells: the ``adds`` of what stayed are joined and counted by ``map``, and
the crossings were sorted beforehand by the focus cells that see them, because there are fewer
crossings than bodies.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from gameserver.model.grid import EVERYWHERE
from gameserver.model.record import Record
from gameserver.model.world import World
from gameserver.protocol.wire import array_header
from gameserver.replication.changes import Changes, Crossing
from gameserver.replication.events import Placed, RoundEvents, events_section
from gameserver.replication.fragments import EMPTY_ARRAY, enter_fragment, fragment

_NO_CELLS: Final[frozenset[int]] = frozenset()
_EVERYWHERE: Final = frozenset({EVERYWHERE})
#: Empty leaves, enters and sets.
NOTHING_CROSSED: Final = EMPTY_ARRAY * 3
#: Empty leaves, enters, sets and adds.
_NOTHING: Final = EMPTY_ARRAY * 4


class Body:
    """The four public ``sections`` of a delta, and its ``events``.

    ``whole`` is both with an empty ``own`` in between, which is what most seats get.  A body is
    ``quiet`` if nothing happened.
    """

    __slots__ = ("events", "group_part", "placed", "quiet", "sections", "whole")

    def __init__(
        self, sections: bytes, placed: list[Placed], group_part: tuple[int, bytes] = (0, b"")
    ) -> None:
        #: The part of ``own`` for all seats of the body: the number of elements, and their bytes.
        self.group_part = group_part
        self.sections = sections
        self.placed = placed
        self.events = events_section([event for _, event in placed]) if placed else EMPTY_ARRAY
        self.whole = sections + EMPTY_ARRAY + self.events
        self.quiet = not placed and sections == _NOTHING and not group_part[0]


_QUIET_BODY: Final = Body(_NOTHING, [])


class _Crossed:
    """Entries for a seat whose cell has not changed, by the entities that crossed cells."""

    __slots__ = ("adds", "count", "enters", "leaves")

    def __init__(self) -> None:
        self.leaves: list[int] = []
        self.enters: list[Record] = []
        #: Fragments of ``adds``, and the number of their elements.
        self.adds: list[bytes] = []
        self.count = 0

    def joined(self, other: _Crossed) -> _Crossed:
        """Return both together."""
        both = _Crossed()
        both.leaves = self.leaves + other.leaves
        both.enters = self.enters + other.enters
        both.adds = self.adds + other.adds
        both.count = self.count + other.count
        return both


class Bodies:
    """The bodies of one publish, each made on first use.

    The crossings must have been applied before (``changes.apply_crossings``).
    """

    def __init__(self, world: World, changes: Changes, events: RoundEvents) -> None:
        self._grid = world.grid
        self._changes = changes
        self._events = events
        #: By cell; empty for every other cell.
        self._adds = defaultdict(bytes, changes.stayed)
        self._counts = defaultdict(int, changes.stayed_counts)
        #: By focus cell.
        self._crossed: dict[int, _Crossed] = {}
        self._bodies: dict[int, Body] = {}
        #: By the former and the present focus cell; a crowd may follow one camera.
        self._moved_bodies: dict[tuple[int, int], Body] = {}
        for crossing in changes.crossings:
            self._sort(crossing)
        self._nothing_at_all = not (changes.stayed or changes.crossings or events.by_cell)

    def _sort(self, crossing: Crossing) -> None:
        """Note a crossing for every focus cell that sees its origin or its target."""
        view = self._grid.view_set
        had = _NO_CELLS if crossing.origin is None else view(crossing.origin)
        has = _NO_CELLS if crossing.target is None else view(crossing.target)
        # Seeing is mutual: the cells that see a cell are those of the view from there.  Every cell
        # sees ``EVERYWHERE``, so a crossing there is noted once, and ``_seen_from`` adds it.
        concerned = had | has
        if len(concerned) > 1:
            concerned -= _EVERYWHERE
        for cell in concerned:
            crossed = self._crossed.get(cell)
            if crossed is None:
                crossed = self._crossed[cell] = _Crossed()
            if cell not in has:
                crossed.leaves.append(crossing.record.id)
            elif cell not in had:
                crossed.enters.append(crossing.record)
            else:
                crossed.adds.append(crossing.adds)
                crossed.count += crossing.count

    def still(self, cell: int) -> Body:
        """Return the body for seats that look from ``cell`` as before."""
        body = self._bodies.get(cell)
        if body is None:
            body = _QUIET_BODY if self._nothing_at_all else self._still(cell)
            self._bodies[cell] = body
        return body

    def _still(self, cell: int) -> Body:
        view = self._grid.places(cell)
        adds = b"".join(map(self._adds.__getitem__, view))
        count = sum(map(self._counts.__getitem__, view))
        crossed = self._seen_from(cell)
        if crossed is None:
            return self._body(cell, NOTHING_CROSSED, count, [adds])
        return self._body(
            cell,
            came_and_went(crossed.leaves, crossed.enters),
            count + crossed.count,
            [adds, *crossed.adds],
        )

    def _seen_from(self, cell: int) -> _Crossed | None:
        crossed, for_all = self._crossed.get(cell), self._crossed.get(EVERYWHERE)
        if for_all is None or cell == EVERYWHERE:
            return crossed
        return for_all if crossed is None else crossed.joined(for_all)

    def moved(self, before: int, after: int) -> Body:
        """Return the body for seats that looked from ``before`` and now look from ``after``."""
        body = self._moved_bodies.get((before, after))
        if body is None:
            body = self._moved_bodies[before, after] = self._moved(before, after)
        return body

    def _moved(self, before: int, after: int) -> Body:
        grid = self._grid
        had, has = grid.view_set(before), grid.view_set(after)
        leaves: list[int] = []
        enters: list[Record] = []
        both = had & has
        adds = [*map(self._adds.__getitem__, both)]
        count = sum(map(self._counts.__getitem__, both))
        count += self._cross(had, has, leaves, enters, adds)
        for cell in grid.places(before):
            if cell not in has:
                leaves += [record.id for record in self._were_there(cell)]
        for cell in grid.places(after):
            if cell not in had:
                enters += self._were_there(cell)
        return self._body(after, came_and_went(leaves, enters), count, adds)

    def _cross(
        self,
        had: frozenset[int],
        has: frozenset[int],
        leaves: list[int],
        enters: list[Record],
        adds: list[bytes],
    ) -> int:
        """Sort the crossings for seats that saw the cells ``had`` and now see ``has``.

        Returns the number of elements appended to ``adds``.
        """
        count = 0
        for cell in has:
            for crossing in self._changes.arrivals.get(cell, ()):
                if crossing.origin in had:
                    adds.append(crossing.adds)
                    count += crossing.count
                else:
                    enters.append(crossing.record)
        for cell in had:
            departed = self._changes.departures.get(cell, ())
            leaves += [c.record.id for c in departed if c.target not in has]
        return count

    def _were_there(self, cell: int) -> list[Record]:
        """Return what was in ``cell`` at the last publish and still is."""
        members = self._grid.members.get(cell, {})
        arrived: list[Crossing] = self._changes.arrivals.get(cell, [])
        if not arrived:
            return list(members.values())
        fresh = {crossing.record for crossing in arrived}
        return [record for record in members.values() if record not in fresh]

    def _body(self, cell: int, came_and_went: bytes, count: int, adds: list[bytes]) -> Body:
        sections = b"".join((came_and_went, array_header(count), *adds))
        placed = self._events.heard_from(self._grid, cell) if self._events.by_cell else []
        return Body(sections, placed)


def came_and_went(leaves: list[int], enters: list[Record]) -> bytes:
    """Return the sections ``leaves``, ``enters`` and (empty) ``sets``."""
    if not (leaves or enters):
        return NOTHING_CROSSED
    count = sum([2 + len(record.values) for record in enters])
    return b"".join(
        (
            array_header(len(leaves)),
            fragment(leaves),
            array_header(count),
            *map(enter_fragment, enters),
            EMPTY_ARRAY,
        )
    )
