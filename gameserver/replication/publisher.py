"""Sends what changed: one finished frame per seat and publish, joined from shared bytes.

Owns the order of a publish and the choice between its two roads.  The *short road*, for a
seat that has the last publish: a body (``bodies.py``) that all seats share that look from the same
cell as before, or went on from one cell to another.  The *general road* (``interest.catch_up``) for
all others: from what the seat knows.
Never awaits, never touches a socket: a seat's ``Sink`` takes the frames.

Invariant: a seat that is in step knows exactly the members of its view as of the last
publish.  That is why ``publish`` first scans, then writes down what seats know that are about to
lose step, and only then moves entities between cells.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable
from typing import Final

import attrs

from gameserver.model.grid import EVERYWHERE
from gameserver.model.world import World
from gameserver.protocol.frames import binary_frame_header
from gameserver.protocol.messages import Kind
from gameserver.protocol.wire import array_header, pack
from gameserver.replication import checksum
from gameserver.replication.bodies import EMPTY, Bodies, Body
from gameserver.replication.changes import Changes, apply_crossings, find_changes
from gameserver.replication.events import Emission, RoundEvents, events_section
from gameserver.replication.interest import (
    NIL,
    catch_up,
    focus_cell,
    members_of,
    own_section,
    own_values_section,
)
from gameserver.replication.resizing import resize_views
from gameserver.replication.seat import NOTHING_AWAITED, Seat

#: So many frames are made before they are sent, for a system call throws our code and data out of
#: the processor's caches.  More at once gained nothing more, and would only take memory.
BATCH_FRAMES: Final = 256

#: Seats are checked in so many turns, for all at once would be the longest tick of all.  But each
#: turn needs the checksum of every entity in view, so there are few.
CHECK_TURNS: Final = 5
NOBODYS_TURN: Final = -1

#: Much happens where there is news in at least one of so many of the cells in which anything is.
MUCH_NEWS: Final = 8

_DELTA_HEAD: Final = array_header(10) + pack(int(Kind.DELTA))


@attrs.define
class PublisherStatistics:
    """Counts since the room began."""

    publishes: int = 0
    deltas: int = 0
    delta_bytes: int = 0
    general_road: int = 0
    skipped: int = 0
    quiet: int = 0
    checks: int = 0


class Publisher:
    """Publishes one world to its seats.

    ``check_every_ticks``: how often a seat gets the checksum of what it should know.
    ``quiet_ticks``: how long a seat may go without a delta while nothing changes for it.
    ``window_ticks``: how long a delta may go unacknowledged; after that the seat is behind, and
    gets one delta in so many ticks.  By default nobody is waited for.
    """

    def __init__(
        self,
        world: World,
        *,
        check_every_ticks: int,
        quiet_ticks: int,
        window_ticks: int = NOTHING_AWAITED,
    ) -> None:
        self.world = world
        self.statistics = PublisherStatistics()
        self._turn_ticks = max(1, round(check_every_ticks / CHECK_TURNS))
        self.quiet_ticks = quiet_ticks
        self.window_ticks = window_ticks
        #: How wide views are, as a share of the room's; kept from the next publish on.
        self.view_share = 1.0
        #: Tells the pace of the room to whoever comes or comes back; empty if it never changed.
        self.pace_frame = b""
        self._seats: dict[int, Seat] = {}
        self._turn = 0
        self._turn_tick = 0

    def add(self, seat: Seat) -> None:
        """Publish to ``seat`` from now on, beginning with what it does not know yet."""
        self._seats[seat.number] = seat

    def remove(self, seat: Seat) -> None:
        """Publish to ``seat`` no more."""
        if self._seats.get(seat.number) is seat:
            del self._seats[seat.number]

    def publish(self, tick: int, emissions: Iterable[Emission] = ()) -> None:
        """Post to every seat what it does not know yet.

        Raises ``LocalProtocolError`` if the game set a field to something that its type cannot
        hold; the room cannot go on after that.
        """
        world = self.world
        if self.view_share != world.grid.share:
            resize_views(world, self._seats.values(), self.view_share)
        changes = find_changes(world, tick)
        events = RoundEvents(world.schema, world.grid, emissions)
        turn = self._turn_due(tick)
        seats = self._concerned(tick, changes, events, turn)
        still, moved, general, behind = self._choose_roads(seats, tick - self.window_ticks)
        apply_crossings(world, changes)
        for number in changes.owner_touched:
            if (seat := self._seats.get(number)) is not None:
                seat.own_changed = True
        post = _Round(world, changes, events, turn, self.statistics)
        post.still(still, self.quiet_ticks)
        for seat, before in moved:
            post.moved(seat, before)
        for seat in general:
            if self.pace_frame and self.pace_frame not in seat.notices:
                seat.notify(self.pace_frame)
            post.out_of_step(seat)
        post.send()
        for seat in behind:
            seat.skipped += 1
            self.statistics.skipped += 1
            post.miss(seat)
        self.statistics.publishes += 1

    def _concerned(
        self, tick: int, changes: Changes, events: RoundEvents, turn: int
    ) -> Collection[Seat]:
        """Return the seats to look at: all, where much happens, else those that may notice it."""
        grid = self.world.grid
        news = changes.cells() | events.by_cell.keys()
        if EVERYWHERE in news or MUCH_NEWS * len(news) > len(grid.members):
            return self._seats.values()
        # Seeing is mutual: what sees a cell are the cells of the view from there.
        near = set().union(*map(grid.view_set, news))
        return self._awake(tick, near, changes.owners() | events.by_seat.keys(), turn)

    def _awake(
        self, tick: int, near: Container[int], told: Container[int], turn: int
    ) -> list[Seat]:
        """Return the seats that look from a cell of ``near``, are ``told`` something, or are due.

        What costs a quiet room most is looking at every seat, so this is all that is looked at.
        The others are in step, and stay so.
        """
        latest = tick - self.quiet_ticks
        awake = [
            seat
            for seat in self._seats.values()
            if seat.cell in near
            or seat.number in told
            or seat.command_seq != seat.sent_seq
            or seat.posted_tick <= latest
            or seat.number % CHECK_TURNS == turn  # ``is_checked``, without the call
            or seat.own_changed
            or seat.notices
            or seat.margin is not None
            or seat.focus is not seat.looked_at
            or not seat.in_step
            or not (
                seat.own is None or seat.own.alive
            )  # it may be gone without having been in view
        ]
        self.statistics.quiet += len(self._seats) - len(awake)
        return awake

    def _choose_roads(
        self, seats: Iterable[Seat], overdue: int
    ) -> tuple[list[Seat], list[tuple[Seat, int]], list[Seat], list[Seat]]:
        """Sort the seats, and write down what those know that leave the short road.

        ``overdue``: a delta of a tick before that should have been acknowledged by now.
        """
        still: list[Seat] = []
        moved: list[tuple[Seat, int]] = []
        general: list[Seat] = []
        behind: list[Seat] = []
        for seat in seats:
            own = seat.own
            if own is not None and not own.alive:
                seat.own = None
                seat.own_changed = True
            cell = focus_cell(self.world, seat)
            before, seat.cell = seat.cell, cell
            seat.looked_at = seat.focus
            if not seat.sink.clear or seat.awaited < overdue < seat.posted_tick:
                if seat.in_step:
                    assert before is not None
                    seat.known = members_of(self.world, before)
                    seat.in_step = False
                behind.append(seat)
            elif not seat.in_step:
                general.append(seat)
            elif cell == before:
                still.append(seat)
            else:
                assert before is not None
                moved.append((seat, before))
        return still, moved, general, behind

    def _turn_due(self, tick: int) -> int:
        """Return whose turn it is to be checked."""
        if tick - self._turn_tick < self._turn_ticks:
            return NOBODYS_TURN
        self._turn_tick = tick
        self._turn = (self._turn + 1) % CHECK_TURNS
        return self._turn


def is_checked(seat: Seat, turn: int) -> bool:
    """Whether it is the turn of ``seat``."""
    return seat.number % CHECK_TURNS == turn


class _Round:
    """One publish on its way out: what is made once for all seats, made when first needed."""

    def __init__(
        self,
        world: World,
        changes: Changes,
        events: RoundEvents,
        turn: int,
        statistics: PublisherStatistics,
    ) -> None:
        self.world = world
        self.changes = changes
        self.events = events
        self.turn = turn
        self.statistics = statistics
        self.head = _DELTA_HEAD + pack(changes.tick)
        self.bodies = Bodies(world, changes, events)
        self.sums: dict[int, int] = {}
        #: The newest frame for one who steers nothing, and what it was made of: a crowd of
        #: spectators shares it whole.
        self.last_sections = self.last_frame = b""
        self.last_seq = -1
        #: Frames that are made and not yet sent.
        self.batch: list[tuple[Seat, bytes]] = []
        #: What the general road made: by what is known, and the cell looked from.
        self.caught_up: dict[tuple[int, int], tuple[bytes, set[int] | None]] = {}

    def still(self, seats: Iterable[Seat], quiet_ticks: int) -> None:
        """The short road, for seats that look from where they looked before."""
        body_of = self.bodies.still
        changed = self.changes.owner_changes
        for seat in seats:
            cell = seat.cell
            assert cell is not None
            body = body_of(cell)
            if seat.own_changed or seat.number in changed:
                self._in_step(seat, cell, body)
            elif body.quiet and self._may_rest(seat, quiet_ticks):
                # ``since`` stays: nothing that this seat knows has changed after it.
                self.statistics.quiet += 1
            elif seat.number in self.events.by_seat:
                self._in_step(seat, cell, body)
            else:
                self._add(seat, body.whole)

    def _may_rest(self, seat: Seat, quiet_ticks: int) -> bool:
        """Whether a seat for which nothing happened may go without a delta."""
        return (
            seat.command_seq == seat.sent_seq
            and seat.margin is None
            and self.changes.tick - seat.posted_tick < quiet_ticks
            and not is_checked(seat, self.turn)
            and not seat.notices
            and seat.number not in self.events.by_seat
        )

    def moved(self, seat: Seat, before: int) -> None:
        """The short road, for a seat whose view went on."""
        cell = seat.cell
        assert cell is not None
        seat.own_changed = True  # what it owns may have come into view, or gone
        self._in_step(seat, cell, self.bodies.moved(before, cell))

    def _in_step(self, seat: Seat, cell: int, body: Body) -> None:
        own = EMPTY
        if seat.own_changed:
            own = own_section(self.world, seat, cell, self.changes)
            seat.own_changed = False
        elif (changed := self.changes.owner_changes.get(seat.number)) is not None:
            own = own_values_section(seat, changed)
        events = body.events
        if seat.number in self.events.by_seat:
            heard = self.events.with_private(body.placed, seat.number)
            events = events_section([e for _, e in heard])
        self._add(seat, body.sections + own + events)

    def out_of_step(self, seat: Seat) -> None:
        """The general road."""
        cell = seat.cell
        assert cell is not None
        sections = self._caught_up(seat, cell)
        own = own_section(self.world, seat, cell)
        seat.own_changed = False
        missed = list(seat.waiting_events)
        seat.waiting_events.clear()
        self.statistics.general_road += 1
        self._add(seat, sections + own + events_section(missed + self._heard(seat, cell)))

    def _caught_up(self, seat: Seat, cell: int) -> bytes:
        """Return what brings a seat up to date: the same bytes for all that know the same."""
        # Who shares what it knows was in step with the others, so ``since`` makes no difference.
        key = (id(seat.known), cell)
        made = self.caught_up.get(key)
        if made is None:
            # What is known is kept with it, so that nothing else gets its id meanwhile.
            made = catch_up(self.world, seat, cell), seat.known
            self.caught_up[key] = made
        return made[0]

    def miss(self, seat: Seat) -> None:
        """The seat is behind: its next delta covers this one; only events must be kept."""
        if seat.known is not None:  # else a full state is due, and the past is not news
            assert seat.cell is not None
            for event in self._heard(seat, seat.cell):
                seat.miss_event(event)

    def _heard(self, seat: Seat, cell: int) -> list[bytes]:
        placed = self.events.in_view(self.world.grid.view(cell))
        return [event for _, event in self.events.with_private(placed, seat.number)]

    def _add(self, seat: Seat, sections: bytes) -> None:
        """Make the frame of a delta, or share the last, to be sent with the next batch."""
        seq = seat.command_seq
        watches = seat.own is None and seat.margin is None
        if watches and sections is self.last_sections and seq == self.last_seq:
            frame = self.last_frame
        else:
            margin = NIL if seat.margin is None else pack(seat.margin)
            head = self.head + pack(seq) + margin
            frame = binary_frame_header(len(head) + len(sections)) + head + sections
            if watches:
                self.last_sections, self.last_seq, self.last_frame = sections, seq, frame
        if seat.notices or seat.number % CHECK_TURNS == self.turn:
            frame += self._extras(seat)
        self.batch.append((seat, frame))
        if len(self.batch) == BATCH_FRAMES:
            self.send()

    def send(self) -> None:
        """Send the frames made so far; what their seats know is then that of this publish."""
        tick = self.changes.tick
        sent_bytes = 0
        for seat, frame in self.batch:
            if not seat.sink.post(frame):
                seat.forget()  # broken; should it ever take frames again, it starts anew
                continue
            seat.in_step = True
            seat.known = None
            seat.since = seat.posted_tick = tick
            if seat.awaited == NOTHING_AWAITED:
                seat.awaited = tick
            seat.sent_seq = seat.command_seq
            seat.margin = None
            sent_bytes += len(frame)
            self.statistics.deltas += 1
        self.statistics.delta_bytes += sent_bytes
        self.batch.clear()

    def _extras(self, seat: Seat) -> bytes:
        """Return the frames that follow the delta: the checksum, and texts."""
        frames: list[bytes] = []
        if is_checked(seat, self.turn):
            frames.append(self._check_frame(seat))
            self.statistics.checks += 1
        frames += seat.notices
        seat.notices.clear()
        return b"".join(frames)

    def _check_frame(self, seat: Seat) -> bytes:
        assert seat.cell is not None
        total = checksum.sum_owner(seat.holds.values())
        for cell in self.world.grid.view(seat.cell):
            known = self.sums.get(cell)
            if known is None:
                members = self.world.grid.members.get(cell, {})
                known = self.sums[cell] = checksum.sum_public(members.values())
            total += known
        payload = pack((int(Kind.CHECK), self.changes.tick, total % checksum.MODULUS))
        return binary_frame_header(len(payload)) + payload
