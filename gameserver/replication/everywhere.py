"""The short way through a publish where everyone sees everything: one body, one loop over seats.

Serves the seats of a room without a view radius that are up to date, clear, and have nothing of
their own to be told.  All other seats, and all publishes in which entities came or went, take the
general way (``round.py``), which gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from gameserver.model.grid import EVERYWHERE
from gameserver.model.world import World
from gameserver.protocol.frames import binary_frame_header
from gameserver.protocol.wire import array_header, pack
from gameserver.replication.bodies import NOTHING_CROSSED
from gameserver.replication.changes import Changes
from gameserver.replication.checksum import NO_TURN, is_checked
from gameserver.replication.events import RoundEvents, events_section
from gameserver.replication.fragments import EMPTY_ARRAY, NIL
from gameserver.replication.knowledge import UP_TO_DATE
from gameserver.replication.round import (
    BATCH_FRAMES,
    DELTA_HEAD,
    PublisherStatistics,
    extra_frames,
    flush,
)
from gameserver.replication.seat import Seat


def takes_short_way(changes: Changes) -> bool:
    """Whether this publish of a room without a view moves no entity and no owner."""
    return not (changes.crossings or changes.owner_touched)


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
    """Post the body, texts and checksums to every seat that needs nothing else; return the others.

    A delta from before ``overdue`` should have been acknowledged.  A seat whose last delta is from
    ``quiet_after`` or later goes without one if nothing happened.
    """
    tick = changes.tick
    head = DELTA_HEAD + pack(tick)
    placed = events.by_cell.get(EVERYWHERE)
    body = b"".join(
        (
            NOTHING_CROSSED,
            array_header(changes.stayed_counts.get(EVERYWHERE, 0)),
            changes.stayed.get(EVERYWHERE, b""),
            EMPTY_ARRAY,
            EMPTY_ARRAY if placed is None else events_section([event for _, event in placed]),
        )
    )
    quiet = not (changes.stayed or placed)
    told: Container[int] = ()
    if changes.owner_changes or events.by_seat:
        told = changes.owner_changes.keys() | events.by_seat.keys()
    checking = turn != NO_TURN
    sums: dict[int, int] = {}
    others: list[Seat] = []
    batch: list[tuple[Seat, bytes]] = []
    shared, shared_seq = b"", -1
    for seat in seats:
        own = seat.own
        if (
            seat.knowledge is not UP_TO_DATE
            or not seat.sink.clear
            or seat.awaited < overdue < seat.posted_tick
            or seat.own_changed
            or (own is not None and not own.alive)
            or seat.number in told
        ):
            others.append(seat)
            continue
        seat.looked_at = seat.focus
        seq, margin = seat.command_seq, seat.margin
        more = seat.notices or (checking and is_checked(seat, turn))
        if (
            quiet
            and margin is None
            and seq == seat.sent_seq
            and seat.posted_tick > quiet_after
            and not more
        ):
            statistics.quiet += 1
            continue
        if margin is None and seq == shared_seq:
            frame = shared
        else:
            start = head + pack(seq) + (NIL if margin is None else pack(margin))
            frame = binary_frame_header(len(start) + len(body)) + start + body
            if margin is None:
                shared, shared_seq = frame, seq
        if more:
            frame += extra_frames(world, seat, tick, turn, sums, statistics)
        batch.append((seat, frame))
        if len(batch) == BATCH_FRAMES:
            flush(batch, tick, statistics)
    flush(batch, tick, statistics)
    return others
