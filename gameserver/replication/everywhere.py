"""The short way through a publish where everyone sees everything: one body, one loop over seats.

Serves the seats of a room without a view that are up to date and clear.  All other seats take the
general way (``round.py``), which gives the same bytes.  So do seats that get private events, and
seats whose entities came, went or changed owners.  If any entity came or went, so do seats that are
due for a checksum, because entities move between cells only after the posting.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from gameserver.model.grid import EVERYWHERE
from gameserver.model.world import World
from gameserver.protocol.frames import binary_frame_header
from gameserver.protocol.wire import array_header, pack
from gameserver.replication.bodies import NOTHING_CROSSED, came_and_went
from gameserver.replication.changes import Changes
from gameserver.replication.checksum import NO_TURN, is_checked
from gameserver.replication.events import RoundEvents, events_section
from gameserver.replication.fragments import EMPTY_ARRAY, NIL
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
    head = DELTA_HEAD + pack(tick)
    placed = events.by_cell.get(EVERYWHERE)
    heard = EMPTY_ARRAY if placed is None else events_section([event for _, event in placed])
    adds = changes.stayed.get(EVERYWHERE, b"")
    came_and_gone = _crossed(changes) if crossings else NOTHING_CROSSED
    sections = came_and_gone + array_header(changes.stayed_counts.get(EVERYWHERE, 0)) + adds
    body = sections + EMPTY_ARRAY + heard
    quiet = not (changes.stayed or crossings or placed)
    owner_changes = changes.owner_changes
    told: Container[int] = ()
    if events.by_seat or changes.owner_touched or crossings:
        owners = [crossing.record.owner for crossing in crossings]
        told = changes.owner_touched.union(events.by_seat, owners)
    # What seldom happens is asked about once, not for every seat.
    despawned, checking = changes.despawned, turn != NO_TURN
    sums: dict[int, int] = {}
    others: list[Seat] = []
    #: Command seq → frame, for all seats that get nothing else.
    frames: dict[int, bytes] = {}
    batch: list[tuple[Seat, bytes]] = []
    for seat in seats:
        if (
            seat.knowledge is not UP_TO_DATE
            or not seat.sink.clear
            or seat.awaited < overdue < seat.posted_tick
            or seat.own_changed
            or (told and seat.number in told)
            or (despawned and seat.own is not None and not seat.own.alive)
            or (checking and crossings and is_checked(seat, turn))
        ):
            others.append(seat)
            continue
        seq, margin = seat.command_seq, seat.margin
        more = seat.notices or (checking and is_checked(seat, turn))
        changed = owner_changes.get(seat.number) if owner_changes else None
        if (
            quiet
            and changed is None
            and margin is None
            and seq == seat.sent_seq
            and seat.posted_tick > quiet_after
            and not more
        ):
            statistics.quiet += 1
            continue
        if changed is not None:
            own = own_values_section(seat, changed)
            frame = _frame(head, seq, margin, sections + own + heard)
        elif margin is not None:
            frame = _frame(head, seq, margin, body)
        elif (shared := frames.get(seq)) is not None:
            frame = shared
        else:
            frame = frames[seq] = _frame(head, seq, None, body)
        if more:
            frame += extra_frames(world, seat, tick, turn, sums, statistics)
        batch.append((seat, frame))
        if len(batch) == BATCH_FRAMES:
            flush(batch, tick, statistics)
    flush(batch, tick, statistics)
    return others


def _frame(head: bytes, seq: int, margin: int | None, rest: bytes) -> bytes:
    """Return the frame of a delta; ``head`` is what comes before ``seq``."""
    start = head + pack(seq) + (NIL if margin is None else pack(margin))
    return binary_frame_header(len(start) + len(rest)) + start + rest


def _crossed(changes: Changes) -> bytes:
    """Return leaves, enters and (empty) sets of a room with only one cell."""
    leaves = [crossing.record.id for crossing in changes.crossings if crossing.target is None]
    enters = [crossing.record for crossing in changes.crossings if crossing.target is not None]
    return came_and_went(leaves, enters)
