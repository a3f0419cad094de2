"""The part of a delta that seats in step share: made once for all that look from one cell.

Owns what is joined from the bytes of one publish: leaves, enters, sets, adds and events, for
those who have the last publish.  Never knows seats.

A body goes from one focus cell to another, which nearly always is the same.  Neighbouring views
overlap, so what stayed is joined column by column: a column belongs to three views.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gameserver.model.world import Record, World
from gameserver.protocol.wire import array_header
from gameserver.replication.changes import Changes, Crossing
from gameserver.replication.events import Placed, RoundEvents, events_section
from gameserver.replication.fragments import enter_fragment, fragment

#: An empty section, and ``own`` and ``events`` where there is nothing.
EMPTY: Final = array_header(0)
_NOTHING_OWN: Final = EMPTY
_NOTHING_STAYED: Final = (b"", 0)
#: No leaves, enters or sets; the adds follow.
_NOTHING_CROSSED: Final = EMPTY * 3


class Body:
    """Sections 1 to 4 of a delta, and the events.

    ``whole``: all of it with an empty ``own`` in between, which is what most seats get.
    ``quiet``: nothing happened.
    """

    __slots__ = ("events", "placed", "quiet", "sections", "whole")

    def __init__(self, sections: bytes, placed: list[Placed]) -> None:
        self.sections = sections
        self.placed = placed
        self.events = events_section([event for _, event in placed]) if placed else EMPTY
        self.whole = sections + _NOTHING_OWN + self.events
        self.quiet = not placed and sections == _NOTHING


_NOTHING: Final = EMPTY * 4
_QUIET_BODY: Final = Body(_NOTHING, [])


class Bodies:
    """The bodies of one publish, each made when it is first asked for.

    The crossings must have been applied (``changes.apply_crossings``).
    """

    def __init__(self, world: World, changes: Changes, events: RoundEvents) -> None:
        self._grid = world.grid
        self._changes = changes
        self._events = events
        #: The cells that something came into or went out of.
        self._crossed = changes.arrivals.keys() | changes.departures.keys()
        self._nothing_at_all = not (changes.stayed or self._crossed or events.by_cell)
        #: By focus cell.
        self._bodies: dict[int, Body] = {}
        self._columns: dict[int, tuple[bytes, int]] = {}

    def still(self, cell: int) -> Body:
        """Return the body for who looks from ``cell`` as before."""
        body = self._bodies.get(cell)
        if body is None:
            body = _QUIET_BODY if self._nothing_at_all else self._still(cell)
            self._bodies[cell] = body
        return body

    def _still(self, cell: int) -> Body:
        grid = self._grid
        adds: list[bytes] = []
        count = 0
        for middle in grid.columns(cell):
            column = self._columns.get(middle)
            if column is None:
                column = self._columns[middle] = self._join(grid.column(middle))
            adds.append(column[0])
            count += column[1]
        view = grid.view_set(cell)
        if view.isdisjoint(self._crossed):
            return self._body(cell, _NOTHING_CROSSED, adds, count)
        leaves: list[int] = []
        enters: list[Record] = []
        count += self._cross(view, view, leaves, enters, adds)
        return self._body(cell, _came_and_went(leaves, enters), adds, count)

    def moved(self, before: int, after: int) -> Body:
        """Return the body for who looked from the cell ``before`` and now looks from ``after``."""
        grid = self._grid
        had, has = grid.view_set(before), grid.view_set(after)
        leaves: list[int] = []
        enters: list[Record] = []
        stayed, count = self._join([c for c in grid.view(after) if c in had])
        adds = [stayed]
        count += self._cross(had, has, leaves, enters, adds)
        for cell in grid.view(before):
            if cell not in has:
                leaves += [record.id for record in self._were_there(cell)]
        for cell in grid.view(after):
            if cell not in had:
                enters += self._were_there(cell)
        return self._body(after, _came_and_went(leaves, enters), adds, count)

    def _join(self, cells: Iterable[int]) -> tuple[bytes, int]:
        """Return the ``adds`` of all that stayed in one of these cells, and how many elements."""
        found = [stayed for stayed in map(self._changes.stayed.get, cells) if stayed]
        match found:
            case []:
                return _NOTHING_STAYED
            case [(adds, count)]:
                return adds, count
        return b"".join([adds for adds, _ in found]), sum([count for _, count in found])

    def _cross(
        self,
        had: frozenset[int],
        has: frozenset[int],
        leaves: list[int],
        enters: list[Record],
        adds: list[bytes],
    ) -> int:
        """Sort the crossings for who saw the cells ``had`` and now sees ``has``.

        Returns how many elements came to ``adds``.
        """
        count = 0
        for cell in has & self._crossed:
            for crossing in self._changes.arrivals.get(cell, ()):
                if crossing.origin in had:
                    adds.append(crossing.adds)
                    count += crossing.count
                else:
                    enters.append(crossing.record)
        for cell in had & self._crossed:
            departed = self._changes.departures.get(cell, ())
            leaves += [c.record.id for c in departed if c.target not in has]
        return count

    def _were_there(self, cell: int) -> list[Record]:
        """Return what was in ``cell`` already at the last publish and is there still."""
        members = self._grid.members.get(cell, {})
        arrived: list[Crossing] = self._changes.arrivals.get(cell, [])
        if not arrived:
            return list(members.values())
        fresh = {crossing.record for crossing in arrived}
        return [record for record in members.values() if record not in fresh]

    def _body(self, cell: int, came_and_went: bytes, adds: list[bytes], adds_count: int) -> Body:
        sections = b"".join((came_and_went, array_header(adds_count), *adds))
        placed = self._events.in_view(self._grid.view(cell)) if self._events.by_cell else []
        return Body(sections, placed)


def _came_and_went(leaves: list[int], enters: list[Record]) -> bytes:
    """Return the sections ``leaves``, ``enters`` and (empty) ``sets``."""
    if not (leaves or enters):
        return _NOTHING_CROSSED
    count = sum([2 + len(record.values) for record in enters])
    return b"".join(
        (
            array_header(len(leaves)),
            fragment(leaves),
            array_header(count),
            *map(enter_fragment, enters),
            EMPTY,
        )
    )
