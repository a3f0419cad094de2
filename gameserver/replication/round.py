"""One publish on its way out: makes the frame of each seat and posts it.

Owns what seats share in one publish (bodies, catch-up sections, checksums of cells) and the batch
of frames not yet posted.  Never chooses a seat's path and never moves entities: both have been done
when a round begins (``publisher.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import Any, Final

import attrs

from gameserver.accelerated import twin
from gameserver.model.layers import layer_of
from gameserver.model.world import World
from gameserver.protocol.frames import binary_frame_header
from gameserver.protocol.messages import Kind
from gameserver.protocol.wire import array_header, pack
from gameserver.replication import checksum
from gameserver.replication.bodies import Bodies, Body
from gameserver.replication.changes import Changes
from gameserver.replication.checksum import NO_TURN, is_checked
from gameserver.replication.events import Placed, RoundEvents, events_section
from gameserver.replication.fragments import EMPTY_ARRAY, NIL, fragment
from gameserver.replication.group_fields import NO_PART, catch_up_parts, private_sum
from gameserver.replication.interest import catch_up
from gameserver.replication.knowledge import NEW, Lapsed, New, UpToDate
from gameserver.replication.layered import LayeredBodies
from gameserver.replication.own import changed_since, own_section, own_values_section
from gameserver.replication.seat import Seat

#: Frames are made in batches and then posted: the system call of a post evicts our code and data
#: from the processor's caches.  Larger batches gain nothing and take memory.
BATCH_FRAMES: Final = 256

DELTA_HEAD: Final = array_header(10) + pack(int(Kind.DELTA))


@attrs.define
class PublisherStatistics:
    """Counts since the room began."""

    publishes: int = 0
    deltas: int = 0
    delta_bytes: int = 0
    #: Deltas made by the catch-up path.
    catch_up_deltas: int = 0
    #: Times that a seat went without a publish because it was behind.
    skipped: int = 0
    #: Times that a seat went without a delta because nothing had changed for it.
    quiet: int = 0
    checks: int = 0


def flush_in_python(
    batch: list[tuple[Seat, bytes]], tick: int, statistics: PublisherStatistics
) -> None:
    """Post these frames, which brings their seats up to date with ``tick``; empty the batch."""
    deltas, delta_bytes = len(batch), 0
    for seat, frame in batch:
        if seat.sink.post(frame):
            seat.delta_posted(tick)
            delta_bytes += len(frame)
        else:
            deltas -= 1
            seat.forget()  # broken; if it ever takes frames again, it starts over
    statistics.deltas += deltas
    statistics.delta_bytes += delta_bytes
    batch.clear()


flush = twin("flush", flush_in_python)


def extra_frames(
    world: World,
    seat: Seat,
    tick: int,
    turn: int,
    sums: dict[int, int],
    statistics: PublisherStatistics,
) -> bytes:
    """Return the frames that follow the delta of ``tick``: the checksum, if due, and texts.

    ``sums`` keeps the checksums of cells for the other seats of the publish.
    """
    frames: list[bytes] = []
    if is_checked(seat, turn):
        frames.append(_check_frame(world, seat, tick, sums))
        statistics.checks += 1
    frames += seat.notices
    seat.notices.clear()
    return b"".join(frames)


def _check_frame(world: World, seat: Seat, tick: int, sums: dict[int, int]) -> bytes:
    assert seat.cell is not None
    grid = world.grid
    total = private_sum(world, seat, sums)
    cells: Iterable[int] = grid.view(seat.cell)
    if seat.chosen is not None:
        total += checksum.sum_public(seat.chosen.values())
        cells = grid.own_cells(layer_of(seat.cell))
    for cell in cells:
        cell_sum = sums.get(cell)
        if cell_sum is None:
            members = grid.members.get(cell, {})
            cell_sum = sums[cell] = checksum.sum_public(members.values())
        total += cell_sum
    payload = pack((int(Kind.CHECK), tick, total % checksum.MODULUS))
    return binary_frame_header(len(payload)) + payload


class Round:
    """Posts one publish.  ``turn`` is the turn of seats to be checked, or ``NO_TURN``."""

    def __init__(
        self,
        world: World,
        changes: Changes,
        events: RoundEvents,
        turn: int,
        statistics: PublisherStatistics,
    ) -> None:
        self._world = world
        self._changes = changes
        self._events = events
        self._turn = turn
        self._statistics = statistics
        self._head = DELTA_HEAD + pack(changes.tick)
        #: Command seq → head with this seq and without a margin.
        self._heads: dict[int, bytes] = {}
        self._bodies = self._make_bodies()
        #: Cell → checksum of the public fields of its members.
        self._sums: dict[int, int] = {}
        #: The newest frame of a spectator, and what it was made of, for the next one to share.
        self._last_sections = self._last_frame = b""
        self._last_seq = -1
        #: Frames that are made and not yet posted.
        self._batch: list[tuple[Seat, bytes]] = []
        #: Catch-up sections by what is known and the cell looked from.
        self._caught_up: dict[tuple[New | Lapsed, int], bytes] = {}

    def _make_bodies(self) -> Bodies | LayeredBodies:
        bodies = LayeredBodies if self._world.grid.layered else Bodies
        return bodies(self._world, self._changes, self._events)

    # ------------------------------------------------------------ the shared path

    def post_still_in_python(self, seats: Iterable[Seat], quiet_ticks: int) -> None:
        """Post to seats that look from the same cell as at the last publish."""
        body_of = self._bodies.still
        told = self._told_apart()
        tells_groups = bool(self._changes.group_changes)
        for seat in seats:
            cell = seat.cell
            assert cell is not None
            body = body_of(cell)
            if seat.own_changed or seat.number in told or (tells_groups and body.group_part[0]):
                self._post_with_own(seat, cell, body)
            elif body.quiet and self._may_stay_quiet(seat, quiet_ticks):
                self._statistics.quiet += 1
            else:
                self._add(seat, body.whole)

    post_still = twin("post_still", post_still_in_python)

    def _told_apart(self) -> Set[int]:
        """Return the seats that get an event or values of owner fields for themselves."""
        return self._changes.owner_changes.keys() | self._events.by_seat.keys()

    def _may_stay_quiet(self, seat: Seat, quiet_ticks: int) -> bool:
        """Whether a seat for which nothing changed may go without a delta."""
        return (
            seat.command_seq == seat.sent_seq
            and seat.margin is None
            and self._changes.tick - seat.posted_tick < quiet_ticks
            and not is_checked(seat, self._turn)
            and not seat.notices
        )

    def post_moved(self, seats: Iterable[tuple[Seat, int]]) -> None:
        """Post to seats whose focus changed its cell; each comes with its former cell."""
        for seat, before in seats:
            cell = seat.cell
            assert cell is not None
            seat.own_changed = True  # what it owns may have entered or left the view
            self._post_with_own(seat, cell, self._bodies.moved(before, cell))

    def _post_with_own(self, seat: Seat, cell: int, body: Body) -> None:
        own = EMPTY_ARRAY
        changed = self._changes.owner_changes.get(seat.number)
        if seat.own_changed:
            own = own_section(self._world, seat, cell, changed or {}, body.group_part)
            seat.own_changed = False
        elif changed is not None or body.group_part[0]:
            own = own_values_section(seat, changed or {}, body.group_part)
        events = body.events
        if seat.number in self._events.by_seat:
            heard = self._events.with_private(body.placed, seat.number)
            events = events_section([event for _, event in heard])
        self._add(seat, body.sections + own + events)

    # ------------------------------------------------------------ the catch-up path

    def post_catch_up(self, seats: Iterable[Seat]) -> None:
        """Post to seats that are new or lapsed: all that they do not know."""
        for seat in seats:
            cell = seat.cell
            assert cell is not None
            sections = self._catch_up_sections(seat, cell)
            forgotten: list[Any] = []
            part = NO_PART
            if self._world.schema.has_group_fields:
                forgotten, told = catch_up_parts(self._world, seat)
                part = (len(told), fragment(told))
            changed = changed_since(seat.holds, seat.knowledge)
            own = own_section(self._world, seat, cell, changed, part, forgotten)
            seat.own_changed = False
            events = [*seat.waiting_events, *self._heard(seat, cell)]
            seat.waiting_events.clear()
            self._statistics.catch_up_deltas += 1
            self._add(seat, sections + own + events_section(events))

    def _catch_up_sections(self, seat: Seat, cell: int) -> bytes:
        knowledge = seat.knowledge
        assert not isinstance(knowledge, UpToDate), "it takes the shared path"
        key = knowledge, cell
        sections = self._caught_up.get(key)
        if sections is None:
            sections = self._caught_up[key] = catch_up(self._world, knowledge, cell)
        return sections

    def skip(self, seats: Iterable[Seat]) -> None:
        """Post nothing to seats that are behind; their next delta covers this publish.

        Only events are kept for them, because they are in no later delta.
        """
        for seat in seats:
            seat.skipped += 1
            self._statistics.skipped += 1
            if seat.knowledge is NEW:
                continue  # it gets a full state, and past events are not part of that
            assert seat.cell is not None
            for event in self._heard(seat, seat.cell):
                seat.miss_event(event)

    def _heard(self, seat: Seat, cell: int) -> Sequence[bytes]:
        placed = self._placed(seat, cell)
        return [event for _, event in self._events.with_private(placed, seat.number)]

    def _placed(self, seat: Seat, cell: int) -> list[Placed]:  # noqa: ARG002 - of use to others
        return self._events.heard_from(self._world.grid, cell)

    # ------------------------------------------------------------ frames

    def _add(self, seat: Seat, sections: bytes) -> None:
        """Add the frame of a delta to the batch.  Spectators of one cell share the frame."""
        seq = seat.command_seq
        shares = seat.own is None and seat.margin is None
        if shares and sections is self._last_sections and seq == self._last_seq:
            frame = self._last_frame
        else:
            head = self._head_of(seq, seat.margin)
            frame = binary_frame_header(len(head) + len(sections)) + head + sections
            if shares:
                self._last_sections, self._last_seq, self._last_frame = sections, seq, frame
        if seat.notices or (self._turn != NO_TURN and is_checked(seat, self._turn)):
            frame += extra_frames(
                self._world, seat, self._changes.tick, self._turn, self._sums, self._statistics
            )
        self._batch.append((seat, frame))
        if len(self._batch) == BATCH_FRAMES:
            self.flush()

    def _head_of(self, seq: int, margin: int | None) -> bytes:
        """Return what comes before the sections; many seats have the same seq, and no margin."""
        if margin is not None:
            return self._head + pack(seq) + pack(margin)
        head = self._heads.get(seq)
        if head is None:
            head = self._heads[seq] = self._head + pack(seq) + NIL
        return head

    def flush(self) -> None:
        """Post the frames made so far, which brings their seats up to date."""
        flush(self._batch, self._changes.tick, self._statistics)
