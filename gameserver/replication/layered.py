"""Bodies for rooms with groups or hidden entities: the deltas of ``bodies.py``, by viewpoint.

Owns the parts that seats of one sight share.  The changes in the sight's own cells are joined once
for all of them.  Used from the first group or hidden entity of a room on; the bodies without layers
are made faster.
"""

from __future__ import annotations

from collections.abc import Iterator

from gameserver.model.layers import layer_of, place_of
from gameserver.model.record import Record
from gameserver.model.world import World
from gameserver.protocol.wire import array_header
from gameserver.replication.bodies import Body, came_and_went
from gameserver.replication.changes import Changes, Crossing
from gameserver.replication.events import RoundEvents
from gameserver.replication.group_fields import NO_PART, Part, shared_part


class OwnPart:
    """The changes in the cells that seats of one sight see wherever they are."""

    __slots__ = ("adds", "count", "enters", "leaves")

    def __init__(self) -> None:
        self.leaves: list[int] = []
        self.enters: list[Record] = []
        self.adds: list[bytes] = []
        #: The number of elements of ``adds``.
        self.count = 0


class LayeredBodies:
    """The bodies of one publish by viewpoints, each made on first use.

    The crossings must have been applied before (``changes.apply_crossings``).
    """

    def __init__(self, world: World, changes: Changes, events: RoundEvents) -> None:
        self._world = world
        self._grid = world.grid
        self._changes = changes
        self._events = events
        self._bodies: dict[tuple[int, int], Body] = {}
        #: Sight → the number and the bytes of the ``adds`` of its own cells.
        self._own_adds: dict[int, tuple[int, bytes]] = {}
        self._group_parts: dict[int, Part] = {}
        self._own_parts: dict[int, OwnPart] = {}
        #: The crossings by the places and by the layers that they touch.
        self._by_place: dict[int, list[Crossing]] = {}
        self._by_layer: dict[int, list[Crossing]] = {}
        for crossing in changes.crossings:
            cells = [c for c in (crossing.origin, crossing.target) if c is not None]
            for place in {place_of(cell) for cell in cells}:
                self._by_place.setdefault(place, []).append(crossing)
            for layer in {layer_of(cell) for cell in cells} - {0}:
                self._by_layer.setdefault(layer, []).append(crossing)

    def still(self, viewpoint: int) -> Body:
        """Return the body for seats whose viewpoint is the same as at the last publish."""
        return self.moved(viewpoint, viewpoint)

    def moved(self, before: int, after: int) -> Body:
        """Return the body for seats that looked from ``before`` with the same sight."""
        body = self._bodies.get((before, after))
        if body is None:
            body = self._bodies[before, after] = self._body(before, after)
        return body

    def own_part(self, sight: int) -> OwnPart:
        """Return the changes in the own cells of ``sight``."""
        part = self._own_parts.get(sight)
        if part is None:
            part = self._own_parts[sight] = OwnPart()
            own = self._grid.layers.own[sight]
            part.count, adds = self._adds_of(sight)
            part.adds.append(adds)
            concerning = {id(c): c for layer in own for c in self._by_layer.get(layer, ())}
            for crossing in concerning.values():
                had = crossing.origin is not None and layer_of(crossing.origin) in own
                has = crossing.target is not None and layer_of(crossing.target) in own
                if had and has:
                    part.adds.append(crossing.adds)
                    part.count += crossing.count
                elif had:
                    part.leaves.append(crossing.record.id)
                else:
                    part.enters.append(crossing.record)
        return part

    def _body(self, before: int, after: int) -> Body:
        leaves: list[int] = []
        enters: list[Record] = []
        adds: list[bytes] = []
        count = self._collect(before, after, adds, enters, leaves)
        count += self._cross(before, after, leaves, enters, adds)
        sections = b"".join((came_and_went(leaves, enters), array_header(count), *adds))
        part = self.group_part(layer_of(after))
        return Body(sections, self._events.heard_from(self._grid, after), part)

    def group_part(self, sight: int) -> Part:
        """Return the changes of the group fields that seats of ``sight`` hold."""
        if not self._changes.group_changes:
            return NO_PART
        part = self._group_parts.get(sight)
        if part is None:
            part = self._group_parts[sight] = shared_part(self._world, self._changes, sight)
        return part

    def _collect(
        self,
        before: int,
        after: int,
        adds: list[bytes],
        enters: list[Record],
        leaves: list[int],
    ) -> int:
        """Collect the entities that stayed in their cells; return the number of ``adds``."""
        grid = self._grid
        count, own = self._adds_of(layer_of(after))
        adds.append(own)
        if before == after:
            return count + self._stayed(grid.near_cells(after), adds)
        had, has = grid.view_set(place_of(before)), grid.view_set(place_of(after))
        for cell in grid.near_cells(after):
            if place_of(cell) in had:
                count += self._stayed((cell,), adds)
            else:
                enters += self._were_there(cell)
        for cell in grid.near_cells(before):
            if place_of(cell) not in has:
                leaves += [record.id for record in self._were_there(cell)]
        return count

    def _adds_of(self, sight: int) -> tuple[int, bytes]:
        found = self._own_adds.get(sight)
        if found is None:
            adds: list[bytes] = []
            count = self._stayed(self._grid.own_cells(sight), adds)
            found = self._own_adds[sight] = (count, b"".join(adds))
        return found

    def _stayed(self, cells: Iterator[int] | tuple[int, ...], adds: list[bytes]) -> int:
        """Append the ``adds`` of entities that stayed in these cells; return their number."""
        stayed, counts = self._changes.stayed, self._changes.stayed_counts
        count = 0
        for cell in cells:
            if cell in stayed:
                adds.append(stayed[cell])
                count += counts[cell]
        return count

    def _were_there(self, cell: int) -> list[Record]:
        """Return the entities that were in ``cell`` at the last publish and still exist."""
        members = self._grid.members.get(cell, {})
        fresh = {crossing.record for crossing in self._changes.arrivals.get(cell, ())}
        return [record for record in members.values() if record not in fresh]

    def _cross(
        self,
        before: int,
        after: int,
        leaves: list[int],
        enters: list[Record],
        adds: list[bytes],
    ) -> int:
        """Sort the crossings; returns the number of elements appended to ``adds``."""
        sees, count = self._grid.sees, 0
        for crossing in self._concerning(before, after).values():
            had = crossing.origin is not None and sees(before, crossing.origin)
            has = crossing.target is not None and sees(after, crossing.target)
            if had and has:
                adds.append(crossing.adds)
                count += crossing.count
            elif had:
                leaves.append(crossing.record.id)
            elif has:
                enters.append(crossing.record)
        return count

    def _concerning(self, before: int, after: int) -> dict[int, Crossing]:
        """Return the crossings that seats at these viewpoints may notice, each once."""
        found: dict[int, Crossing] = {}
        if not self._by_place:
            return found
        for viewpoint in (before, after):
            for place in self._grid.places(place_of(viewpoint)):
                for crossing in self._by_place.get(place, ()):
                    found[id(crossing)] = crossing
            for layer in self._grid.layers.own[layer_of(viewpoint)]:
                for crossing in self._by_layer.get(layer, ()):
                    found[id(crossing)] = crossing
        return found
