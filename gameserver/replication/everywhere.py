"""The short path of a publish in rooms without a view: one body, one loop over the seats.

Serves the seats of a room without a view that are up to date and clear.  All other seats take the
general path (``round.py``), which gives the same bytes.  So do seats that get private events, and
seats whose entities came, went or changed owners.  If any entity came or went, so do seats that are
due for a checksum, because entities move between cells only after the posting.
"""

from __future__ import annotations

from collections.abc import Iterable

from gameserver.accelerated import twin
from gameserver.model.grid import EVERYWHERE
from gameserver.model.world import World
from gameserver.protocol.frames import binary_frame_header
from gameserver.protocol.wire import pack
from gameserver.replication.bodies import NOTHING_CROSSED, came_and_went
from gameserver.replication.changes import Changes
from gameserver.replication.checksum import NO_TURN, is_checked
from gameserver.replication.events import RoundEvents, events_section
from gameserver.replication.fragments import EMPTY_ARRAY
from gameserver.replication.knowledge import UP_TO_DATE
from gameserver.replication.own import own_values_section
from gameserver.replication.round import (
    BATCH_FRAMES,
    DELTA_HEAD,
    PublisherStatistics,
    extra_frames,
    flush,
)
from gameserver.replication.seat import Seat


def post_everywhere_in_python(
    world: World,
    seats: Iterable[Seat],
    changes: Changes,
    events: RoundEvents,
    turn: int,
    overdue: int,
    quiet_after: int,
    statistics: PublisherStatistics,
) -> list[Seat]:
    """Post to every seat that the module serves, and return the others.

    A delta from before ``overdue`` should have been acknowledged.  A seat whose last delta is from
    ``quiet_after`` or later goes without one if nothing happened.
    """
    tick = changes.tick
    sections, heard = sections_of(changes, events)
    body = sections + EMPTY_ARRAY + heard
    quiet = is_quiet(changes, events)
    owner_changes = changes.owner_changes
    # Rare conditions are checked once, not for every seat.
    checking = turn != NO_TURN
    others: list[Seat] = []
    if changes.crossings or changes.owner_touched or changes.despawned or events.by_seat:
        seats, others = served(seats, changes, events, turn)
    sums: dict[int, int] = {}
    #: Command seq → frame, for all seats that get nothing else.
    frames: dict[int, bytes] = {}
    batch: list[tuple[Seat, bytes]] = []
    head = head_of(tick)
    for seat in seats:
        if (
            seat.knowledge is not UP_TO_DATE
            or not seat.sink.clear
            or (seat.awaited < overdue and overdue < seat.posted_tick)
            or seat.own_changed
        ):
            others.append(seat)
            continue
        seq, margin = seat.command_seq, seat.margin
        if (
            seat.notices
            or (checking and is_checked(seat, turn))
            or (owner_changes and seat.number in owner_changes)
        ):
            frame = frame_with_more(world, seat, changes, turn, sums, statistics, sections, heard)
        elif margin is None:
            if quiet and seq == seat.sent_seq and seat.posted_tick > quiet_after:
                statistics.quiet += 1
                continue
            shared = frames.get(seq)
            frame = frames[seq] = _frame(head, seq, None, body) if shared is None else shared
        else:
            frame = _frame(head, seq, margin, body)
        batch.append((seat, frame))
        if len(batch) == BATCH_FRAMES:
            flush(batch, tick, statistics)
    flush(batch, tick, statistics)
    return others


def sections_of(changes: Changes, events: RoundEvents) -> tuple[bytes, bytes]:
    """Return what all seats share: the sections before ``own``, and the events."""
    placed = events.by_cell.get(EVERYWHERE)
    heard = EMPTY_ARRAY if placed is None else events_section([event for _, event in placed])
    stayed = changes.flat.get(EVERYWHERE)
    adds = EMPTY_ARRAY if stayed is None else pack(stayed)
    return (_crossed(changes) if changes.crossings else NOTHING_CROSSED) + adds, heard


def is_quiet(changes: Changes, events: RoundEvents) -> bool:
    """Whether nothing happened that all seats are told."""
    return not (EVERYWHERE in changes.flat or changes.crossings or EVERYWHERE in events.by_cell)


def served(
    seats: Iterable[Seat], changes: Changes, events: RoundEvents, turn: int
) -> tuple[list[Seat], list[Seat]]:
    """Return the seats that the module may serve, and the others, where more than values changed.

    The order of neither changes.
    """
    owners = [crossing.record.owner for crossing in changes.crossings]
    told = changes.owner_touched.union(events.by_seat, owners)
    served: list[Seat] = []
    others: list[Seat] = []
    for seat in seats:
        apart = (
            seat.number in told
            or (changes.despawned and seat.own is not None and not seat.own.alive)
            or (changes.crossings and is_checked(seat, turn))
        )
        (others if apart else served).append(seat)
    return served, others


def frame_with_more(
    world: World,
    seat: Seat,
    changes: Changes,
    turn: int,
    sums: dict[int, int],
    statistics: PublisherStatistics,
    sections: bytes,
    heard: bytes,
) -> bytes:
    """Return the frames of a seat with values of its own, a checksum that is due, or texts."""
    tick = changes.tick
    changed = changes.owner_changes.get(seat.number)
    own = EMPTY_ARRAY if changed is None else own_values_section(seat, changed)
    frame = _frame(head_of(tick), seat.command_seq, seat.margin, sections + own + heard)
    if seat.notices or is_checked(seat, turn):
        frame += extra_frames(world, seat, tick, turn, sums, statistics)
    return frame


def head_of(tick: int) -> bytes:
    """Return what comes before the seq in all deltas of ``tick``."""
    return DELTA_HEAD + pack(tick)


def _frame(head: bytes, seq: int, margin: int | None, rest: bytes) -> bytes:
    """Return the frame of a delta; ``rest`` is what comes after ``margin``."""
    payload = head + pack((seq, margin))[1:] + rest
    return binary_frame_header(len(payload)) + payload


def _crossed(changes: Changes) -> bytes:
    """Return leaves, enters and (empty) sets of a room with only one cell."""
    leaves = [crossing.record.id for crossing in changes.crossings if crossing.target is None]
    enters = [crossing.record for crossing in changes.crossings if crossing.target is not None]
    return came_and_went(leaves, enters)


post_everywhere = twin("post_everywhere", post_everywhere_in_python)
