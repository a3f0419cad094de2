"""The individual path: each seat has its own set of near entities in view, instead of cells.

Owns the choice of that set, by exact distance (``Exact``) and by the game's ``sees``, and the
deltas from one such set to the next.  A seat sees the entities of its groups wherever they are;
their cells are shared as in ``layered.py``.

A seat whose groups change, or for which an entity changes between the two parts, lapses and takes
the catch-up path, so that no entity leaves and enters without need.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable
from typing import Final, Protocol

from gameserver.model.grid import EVERYWHERE
from gameserver.model.layers import layer_of, place_of
from gameserver.model.record import Record
from gameserver.model.view import LEAVE_SHARE, Exact
from gameserver.model.world import World
from gameserver.protocol.wire import array_header
from gameserver.replication.bodies import Body, came_and_went
from gameserver.replication.changes import Changes
from gameserver.replication.events import Emission, Placed, RoundEvents
from gameserver.replication.fragments import fragment
from gameserver.replication.interest import catch_up_to
from gameserver.replication.knowledge import Lapsed, UpToDate
from gameserver.replication.layered import LayeredBodies
from gameserver.replication.round import PublisherStatistics, Round
from gameserver.replication.seat import Seat

#: If a cell has more members than this, the box around them is tested first.
BOXED: Final = 4
#: An entity that is near, with its position.
Located = tuple[float, float, Record]


class Asker(Protocol):
    """Asks the game which entities a player may see; ``simulation/seeing.py`` implements it."""

    def begin(self) -> None:
        """Forget the answers of the last publish."""

    def refused(self, seat: int, records: Iterable[Record]) -> Collection[int]:
        """Return the ids of the records that ``seat`` may not see, asking once a publish."""

    def finish(self) -> None:
        """Raise ``LocalProtocolError`` if the answers have changed the world."""


class Chooser:
    """Chooses the near entities that each seat sees, for one publish."""

    def __init__(self, world: World, asker: Asker | None) -> None:
        self._grid = world.grid
        self._asker = asker
        view = world.view
        self._exact = isinstance(view, Exact)
        radius = view.radius * world.grid.share if isinstance(view, Exact) else 0.0
        self._enter = radius * radius
        self._leave = (LEAVE_SHARE * radius) ** 2
        #: Cell → its members with their positions.
        self._located: dict[int, list[Located]] = {}
        #: Cell → the least and greatest x, and y, of its members.
        self._boxes: dict[int, tuple[float, float, float, float]] = {}

    def choose(self, seat: Seat, known: Container[int]) -> dict[int, Record]:
        """Return the near entities that ``seat`` sees; its client holds the ids ``known``."""
        grid, viewpoint = self._grid, seat.cell
        assert viewpoint is not None
        chosen: dict[int, Record] = {}
        for cell in grid.near_cells(viewpoint):
            members = grid.members.get(cell)
            if not members:
                continue
            if not self._exact or place_of(cell) == EVERYWHERE:
                chosen.update(members)
            elif seat.point is not None:
                self._measure(seat.point, cell, known, chosen)
        return chosen if self._asker is None else self._narrow(seat, chosen, self._asker)

    def _measure(
        self,
        point: tuple[float, float],
        cell: int,
        known: Container[int],
        chosen: dict[int, Record],
    ) -> None:
        located = self._located.get(cell)
        if located is None:
            located = self._located[cell] = self._positions(cell)
        focus_x, focus_y = point
        enter, leave = self._enter, self._leave
        if len(located) > BOXED:
            # The least and the greatest possible distance of a member, by the box around them.
            west, east, north, south = self._box_of(cell, located)
            far_x, far_y = (
                max(focus_x - west, east - focus_x),
                max(focus_y - north, south - focus_y),
            )
            if far_x * far_x + far_y * far_y <= enter:
                chosen.update(self._grid.members[cell])
                return
            near_x = max(west - focus_x, 0.0, focus_x - east)
            near_y = max(north - focus_y, 0.0, focus_y - south)
            if near_x * near_x + near_y * near_y > leave:
                return
        # Most entities in the outer circle are known, so the inner one is seldom measured.
        within = [
            one
            for one in located
            if (one[0] - focus_x) * (one[0] - focus_x) + (one[1] - focus_y) * (one[1] - focus_y)
            <= leave
        ]
        for x, y, record in within:
            entity_id = record.id
            if entity_id in known or (x - focus_x) ** 2 + (y - focus_y) ** 2 <= enter:
                chosen[entity_id] = record

    def _box_of(self, cell: int, located: list[Located]) -> tuple[float, float, float, float]:
        box = self._boxes.get(cell)
        if box is None:
            xs, ys = [one[0] for one in located], [one[1] for one in located]
            box = self._boxes[cell] = (min(xs), max(xs), min(ys), max(ys))
        return box

    def _positions(self, cell: int) -> list[Located]:
        located: list[Located] = []
        for record in self._grid.members[cell].values():
            position = record.compiled.position
            assert position is not None, "it is in the cell of a place"
            located.append((*position(record.values), record))
        return located

    def _narrow(self, seat: Seat, chosen: dict[int, Record], asker: Asker) -> dict[int, Record]:
        number = seat.number
        refused = asker.refused(number, [r for r in chosen.values() if r.owner != number])
        for entity_id in refused:
            del chosen[entity_id]
        return chosen

    def hears(self, seat: Seat, emission: Emission) -> bool:
        """Whether ``seat`` hears an event of its cells."""
        by, number = emission.by, seat.number
        assert seat.cell is not None
        if by is not None:
            if by.layer in self._grid.layers.own[layer_of(seat.cell)]:
                return True
            if self._asker is not None and by.owner != number and self._asker.refused(number, [by]):
                return False
        if not self._exact or emission.points is None:
            return True
        if seat.point is None:
            return False
        focus_x, focus_y = seat.point
        return any(
            (x - focus_x) ** 2 + (y - focus_y) ** 2 <= self._enter for x, y in emission.points
        )


class IndividualRound(Round):
    """Posts one publish of a room in which every seat has a set of its own."""

    def __init__(
        self,
        world: World,
        changes: Changes,
        events: RoundEvents,
        turn: int,
        statistics: PublisherStatistics,
        chooser: Chooser,
    ) -> None:
        super().__init__(world, changes, events, turn, statistics)
        self._chooser = chooser
        #: Id → the ``adds`` of an entity that changed, and the number of their elements.
        self._adds: dict[int, bytes] = {}
        self._counts: dict[int, int] = {}
        self._note_changes()

    def _make_bodies(self) -> LayeredBodies:
        self._shared = LayeredBodies(self._world, self._changes, self._events)
        return self._shared

    def _note_changes(self) -> None:
        for flat in self._changes.flat.values():
            at = 0
            while at < len(flat):
                entity_id, count = flat[at], 2 + flat[at + 1].bit_count()
                self._adds[entity_id] = fragment(flat[at : at + count])
                self._counts[entity_id] = count
                at += count
        for crossing in self._changes.crossings:
            if crossing.count:
                self._adds[crossing.record.id] = crossing.adds
                self._counts[crossing.record.id] = crossing.count

    def post_still(self, seats: Iterable[Seat], quiet_ticks: int) -> None:
        """Post to seats that are up to date, whose groups are the same as at the last publish."""
        told = self._told_apart()
        for seat in seats:
            body = self._body(seat)
            assert seat.cell is not None
            if (
                body.quiet
                and not seat.own_changed
                and seat.number not in told
                and self._may_stay_quiet(seat, quiet_ticks)
            ):
                self._statistics.quiet += 1
            else:
                self._post_with_own(seat, seat.cell, body)

    def _body(self, seat: Seat) -> Body:
        assert seat.cell is not None
        known = seat.chosen
        assert known is not None
        chosen = self._chooser.choose(seat, known)
        shared = self._shared.own_part(layer_of(seat.cell))
        leaves, enters = shared.leaves, shared.enters
        changed: Iterable[int] = self._adds.keys() & chosen.keys()
        if chosen != known:
            leaves = leaves + [i for i, record in known.items() if chosen.get(i) is not record]
            enters = enters + [r for i, r in chosen.items() if known.get(i) is not r]
            changed = [i for i in changed if known.get(i) is chosen[i]]
            seat.chosen = chosen
            seat.own_changed = seat.own_changed or bool(
                seat.holds or self._world.owned.get(seat.number)
            )
        count = shared.count + sum(map(self._counts.__getitem__, changed))
        sections = b"".join(
            (
                came_and_went(leaves, enters),
                array_header(count),
                *shared.adds,
                *map(self._adds.__getitem__, changed),
            )
        )
        part = self._shared.group_part(layer_of(seat.cell))
        return Body(sections, self._placed(seat, seat.cell), part)

    def _catch_up_sections(self, seat: Seat, cell: int) -> bytes:
        knowledge = seat.knowledge
        assert not isinstance(knowledge, UpToDate), "it needs nothing to catch up with"
        known: Collection[int] = ()
        if isinstance(knowledge, Lapsed):
            records, since = self._world.records, knowledge.since
            # An id that was given out again since names another entity than the held one.
            known = {i for i in knowledge.known if i in records and records[i].born_at <= since}
        seat.chosen = self._chooser.choose(seat, known)
        visible = dict(seat.chosen)
        for own_cell in self._world.grid.own_cells(layer_of(cell)):
            visible.update(self._world.grid.members[own_cell])
        return catch_up_to(visible, knowledge)

    def _placed(self, seat: Seat, cell: int) -> list[Placed]:
        placed = super()._placed(seat, cell)
        emissions = self._events.emissions
        return [one for one in placed if self._chooser.hears(seat, emissions[one[0]])]
