"""Publishes a world to its seats: scan, lapse, move, post.

Owns the order of a publish and the choice of each seat's path.  The *shared path* serves a seat
that is up to date: a body (``bodies.py``) that is made once for all seats that look from the same
cell as before, or that went from one cell to another.  The *catch-up path* (``interest.py``) serves
every other seat, from what that seat knows.
Never awaits, never touches a socket: a seat's ``Sink`` takes the frames.

The order is what makes the two paths agree (``knowledge.py``): a seat that is up to date knows the
members of its view as of the last publish, so the scan must come first (it finds the new cell of
each entity), then seats lapse (by the old members), and only then entities move.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Sequence
from typing import Final

import attrs

from gameserver.model.grid import EVERYWHERE
from gameserver.model.layers import layer_of
from gameserver.model.view import Exact
from gameserver.model.world import World
from gameserver.replication.changes import Changes, apply_crossings, find_changes
from gameserver.replication.checksum import NO_TURN, CheckTurns, is_checked
from gameserver.replication.events import NO_EVENTS, Emission, RoundEvents
from gameserver.replication.everywhere import post_everywhere
from gameserver.replication.individual import Asker, Chooser, IndividualRound
from gameserver.replication.interest import Lapses, focus_cell, focus_place, focus_point
from gameserver.replication.knowledge import UP_TO_DATE
from gameserver.replication.resizing import resize_views
from gameserver.replication.round import PublisherStatistics, Round
from gameserver.replication.seat import NOTHING_AWAITED, Seat

#: A publish visits every seat if at least one in this many occupied cells has news.  Otherwise it
#: pays to work out first which seats may notice anything.
OCCUPIED_PER_NEWS: Final = 8


@attrs.define
class Paths:
    """The seats of one publish, by the way in which it reaches them."""

    #: Shared path: the focus is in the same cell as at the last publish.
    still: list[Seat] = attrs.field(factory=list)
    #: Shared path: the focus changed its cell; with the former cell.
    moved: list[tuple[Seat, int]] = attrs.field(factory=list)
    #: Catch-up path: new or lapsed.
    catching_up: list[Seat] = attrs.field(factory=list)
    #: Left out: the link is not clear, or an acknowledgement is overdue.
    behind: list[Seat] = attrs.field(factory=list)


class Publisher:
    """Publishes one world to its seats.

    A seat gets a checksum every ``check_every_ticks``.  It goes without a delta for at most
    ``quiet_ticks`` while nothing changes for it.  After ``window_ticks`` without an acknowledgement
    it is behind, and gets one delta in that time; by default no acknowledgement is waited for.
    """

    __slots__ = (
        "__weakref__",
        "_asker",
        "_check_turns",
        "_individual",
        "_published_tick",
        "_seats",
        "catch_up_notice",
        "quiet_ticks",
        "statistics",
        "view_share",
        "window_ticks",
        "world",
    )

    def __init__(
        self,
        world: World,
        *,
        check_every_ticks: int,
        quiet_ticks: int,
        window_ticks: int = NOTHING_AWAITED,
        asker: Asker | None = None,
    ) -> None:
        self.world = world
        self._asker = asker
        #: Whether each seat has its own set of near entities in view.
        self._individual = asker is not None or isinstance(world.view, Exact)
        self.statistics = PublisherStatistics()
        self.quiet_ticks = quiet_ticks
        self.window_ticks = window_ticks
        #: How wide views are, as a share of the room's; takes effect at the next publish.
        self.view_share = 1.0
        #: A frame for every seat that catches up: its client may not have been told; may be empty.
        self.catch_up_notice = b""
        self._seats: dict[int, Seat] = {}
        self._check_turns = CheckTurns(check_every_ticks)
        self._published_tick = 0

    @property
    def published_tick(self) -> int:
        """The tick of the last publish."""
        return self._published_tick

    def go_on_after(self, tick: int) -> None:
        """Continue where another publisher of this world stopped, after its publish of ``tick``."""
        self._published_tick = tick

    def add(self, seat: Seat) -> None:
        """Publish to ``seat`` from now on, beginning with what it does not know yet."""
        self._seats[seat.number] = seat
        if self._individual and seat.chosen is None:
            seat.chosen = {}

    def remove(self, seat: Seat) -> None:
        """Publish to ``seat`` no more."""
        if self._seats.get(seat.number) is seat:
            del self._seats[seat.number]

    def publish(self, tick: int, emissions: Sequence[Emission] = ()) -> None:
        """Post to every seat what it does not know yet.

        Raises ``LocalProtocolError`` if the game set a field to a value that its type cannot hold;
        the room cannot go on after that.
        """
        world, grid = self.world, self.world.grid
        if grid.layered and grid.layers.are_many:
            self._forget_unused_layers(emissions)
        if self.view_share != grid.share:
            lapses = Lapses(world, self._published_tick)
            resize_views(world, self._seats.values(), self.view_share, lapses)
        changes = find_changes(world, tick)
        turn = self._check_turns.due_at(tick)
        events = RoundEvents(world.schema, grid, emissions) if emissions else NO_EVENTS
        seats: Collection[Seat]
        if grid.cell_size or grid.layered or self._individual:
            seats = self._seats_to_visit(changes, events, turn)
        else:
            seats = self._seats.values()
            if not changes.group_changes:
                seats = post_everywhere(
                    world,
                    seats,
                    changes,
                    events,
                    turn,
                    tick - self.window_ticks,
                    tick - self.quiet_ticks,
                    self.statistics,
                )
        if seats or changes.crossings:
            self._publish_to(seats, changes, events, turn)
        self.statistics.publishes += 1
        self._published_tick = tick

    def _forget_unused_layers(self, emissions: Sequence[Emission]) -> None:
        """Free the numbers of layers and sights that no entity, event or seat has."""
        grid = self.world.grid
        layers = {layer_of(cell) for cell in grid.members}
        layers.update(record.layer for record in self.world.records.values())
        layers.update(one.by.layer for one in emissions if one.by is not None)
        looked_from = [seat.cell for seat in self._seats.values() if seat.cell is not None]
        grid.layers.forget_unused(layers, set(map(layer_of, looked_from)))

    def _publish_to(
        self,
        seats: Collection[Seat],
        changes: Changes,
        events: RoundEvents,
        turn: int,
    ) -> None:
        # Lapse.
        paths = self._choose_paths(seats, changes, Lapses(self.world, self._published_tick))
        # Move.
        apply_crossings(self.world, changes)
        for number in changes.owner_touched:
            if (seat := self._seats.get(number)) is not None:
                seat.own_changed = True
        # Post.
        posting = self._round(changes, events, turn)
        posting.post_still(paths.still, self.quiet_ticks)
        posting.post_moved(paths.moved)
        for seat in paths.catching_up:
            if self.catch_up_notice and self.catch_up_notice not in seat.notices:
                seat.notify(self.catch_up_notice)
        posting.post_catch_up(paths.catching_up)
        posting.flush()
        posting.skip(paths.behind)
        if self._asker is not None:
            self._asker.finish()

    def _round(self, changes: Changes, events: RoundEvents, turn: int) -> Round:
        if not self._individual:
            return Round(self.world, changes, events, turn, self.statistics)
        if self._asker is not None:
            self._asker.begin()
        chooser = Chooser(self.world, self._asker)
        return IndividualRound(self.world, changes, events, turn, self.statistics, chooser)

    # ------------------------------------------------------------ which seats, and by which path

    def _seats_to_visit(self, changes: Changes, events: RoundEvents, turn: int) -> Collection[Seat]:
        """Return all seats if much has changed, otherwise those that may notice a change."""
        if self._asker is not None:
            return self._seats.values()  # the answers of the game may depend on anything
        if changes.nothing() and not events:
            return self._seats_with_news(changes.tick, (), (), turn)
        grid = self.world.grid
        if grid.layered:
            return self._seats.values()
        news = changes.cells() | events.by_cell.keys()
        if EVERYWHERE in news or OCCUPIED_PER_NEWS * len(news) > len(grid.members):
            return self._seats.values()
        # Seeing is mutual: the cells that see a cell are those of the view from there.
        near = set().union(*map(grid.view_set, news))
        told = changes.owners() | events.by_seat.keys()
        return self._seats_with_news(changes.tick, near, told, turn)

    def _seats_with_news(
        self, tick: int, near: Container[int], told: Container[int], turn: int
    ) -> list[Seat]:
        """Return the seats that look from ``near``, are ``told`` something, or are due for a delta.

        This is the only loop over all seats of a quiet room, so it is one expression.  The seats
        left out are up to date and stay so.
        """
        latest = tick - self.quiet_ticks
        checking = turn != NO_TURN
        layered = self.world.grid.layered  # a seat may have joined or left a group
        visited = [
            seat
            for seat in self._seats.values()
            if seat.cell in near
            or seat.number in told
            or seat.command_seq != seat.sent_seq
            or seat.posted_tick <= latest
            or (checking and is_checked(seat, turn))
            or seat.own_changed
            or seat.notices
            or seat.margin is not None
            or seat.focus is not seat.looked_at
            or seat.knowledge is not UP_TO_DATE
            or (layered and seat.cell != focus_cell(self.world, seat))
            # The own entity may be despawned without having been in view.
            or not (seat.own is None or seat.own.alive)
        ]
        self.statistics.quiet += len(self._seats) - len(visited)
        return visited

    def _choose_paths(self, seats: Iterable[Seat], changes: Changes, lapses: Lapses) -> Paths:
        """Sort the seats by path; those that fall behind lapse."""
        # A delta from before this tick should have been acknowledged by now.
        overdue = changes.tick - self.window_ticks
        world, individual = self.world, self._individual
        layered = world.grid.layered
        lapsing = _lapsing_sights(world, changes, individual=individual) if layered else ()
        look = focus_cell if layered else focus_place
        paths = Paths()
        still, moved, catching_up = paths.still, paths.moved, paths.catching_up
        for seat in seats:
            own = seat.own
            if own is not None and not own.alive:
                seat.own = None
                seat.own_changed = True
            cell = look(world, seat)
            before, seat.cell = seat.cell, cell
            seat.looked_at = seat.focus
            if individual:
                seat.point = focus_point(seat)
            if not seat.sink.clear or seat.awaited < overdue < seat.posted_tick:
                if seat.knowledge is UP_TO_DATE:
                    assert before is not None
                    seat.lapse(lapses.of(seat, before))
                paths.behind.append(seat)
            elif seat.knowledge is not UP_TO_DATE:
                catching_up.append(seat)
            elif cell == before and not lapsing:
                still.append(seat)
            elif layered and _has_lapsed(before, cell, lapsing):
                assert before is not None
                seat.lapse(lapses.of(seat, before))
                catching_up.append(seat)
            elif cell == before or individual:
                still.append(seat)
            else:
                assert before is not None
                moved.append((seat, before))
        return paths


def _has_lapsed(before: int | None, after: int, lapsing: Container[int]) -> bool:
    """Whether a seat must catch up because its groups changed, or an entity of them did."""
    assert before is not None
    return layer_of(before) != layer_of(after) or layer_of(after) in lapsing


def _lapsing_sights(world: World, changes: Changes, *, individual: bool) -> Collection[int]:
    """Return the sights whose seats must catch up, because an entity changed its layer.

    On the individual path these are the sights whose own layers the entity enters or leaves.  With
    group fields they are those of its former and of its present group.
    """
    layers = world.grid.layers
    changed = [
        (layer_of(crossing.origin), layer_of(crossing.target))
        for crossing in changes.crossings
        if crossing.origin is not None
        and crossing.target is not None
        and (individual or crossing.record.spec.group_mask)
        and layer_of(crossing.origin) != layer_of(crossing.target)
    ]
    if not changed:
        return ()
    groups = {layers.layers[layer].group for pair in changed for layer in pair} - {0}
    return {
        number
        for number, (sight, own) in enumerate(zip(layers.sights, layers.own, strict=True))
        if sight.groups & groups or any((one in own) != (other in own) for one, other in changed)
    }
