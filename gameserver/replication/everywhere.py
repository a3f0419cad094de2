"""The short way through a publish where everyone sees everything: one body, one loop over seats.

Serves the seats of a room without a view that are up to date and clear.  All other seats take the
general way (``round.py``), which gives the same bytes.  So do seats that get private events, and
seats whose entities came, went or changed owners.  If any entity came or went, so do seats that are
due for a checksum, because entities move between cells only after the posting.
"""

from __future__ import annotations

from collections.abc import Iterable

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
    DELTA,
    DELTA_HEADER,
    PublisherStatistics,
    extra_frames,
    flush,
)
from gameserver.replication.seat import Seat


def post_everywhere(
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
    tick, crossings = changes.tick, changes.crossings
    placed = events.by_cell.get(EVERYWHERE)
    heard = EMPTY_ARRAY if placed is None else events_section([event for _, event in placed])
    stayed = changes.flat.get(EVERYWHERE)
    adds = EMPTY_ARRAY if stayed is None else pack(stayed)
    sections = (_crossed(changes) if crossings else NOTHING_CROSSED) + adds
    body = sections + EMPTY_ARRAY + heard
    quiet = stayed is None and not (crossings or placed)
    owner_changes = changes.owner_changes
    # What seldom happens is asked about once, not for every seat.
    checking = turn != NO_TURN
    others: list[Seat] = []
    if crossings or changes.owner_touched or changes.despawned or events.by_seat:
        seats, others = _served(seats, changes, events, turn)
    sums: dict[int, int] = {}
    #: Command seq → frame, for all seats that get nothing else.
    frames: dict[int, bytes] = {}
    batch: list[tuple[Seat, bytes]] = []
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
        more = seat.notices or (checking and is_checked(seat, turn))
        changed = owner_changes.get(seat.number) if owner_changes else None
        if margin is None and changed is None and not more:
            if quiet and seq == seat.sent_seq and seat.posted_tick > quiet_after:
                statistics.quiet += 1
                continue
            frame = frames.get(seq)
            if frame is None:
                frame = frames[seq] = _frame(tick, seq, None, body)
        else:
            rest = body
            if changed is not None:
                rest = sections + own_values_section(seat, changed) + heard
            frame = _frame(tick, seq, margin, rest)
            if more:
                frame += extra_frames(world, seat, tick, turn, sums, statistics)
        batch.append((seat, frame))
        if len(batch) == BATCH_FRAMES:
            flush(batch, tick, statistics)
    flush(batch, tick, statistics)
    return others


def _served(
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


def _frame(tick: int, seq: int, margin: int | None, rest: bytes) -> bytes:
    """Return the frame of a delta; ``rest`` is what comes after ``margin``."""
    payload = DELTA_HEADER + pack((DELTA, tick, seq, margin))[1:] + rest
    return binary_frame_header(len(payload)) + payload


def _crossed(changes: Changes) -> bytes:
    """Return leaves, enters and (empty) sets of a room with only one cell."""
    leaves = [crossing.record.id for crossing in changes.crossings if crossing.target is None]
    enters = [crossing.record for crossing in changes.crossings if crossing.target is not None]
    return came_and_went(leaves, enters)
