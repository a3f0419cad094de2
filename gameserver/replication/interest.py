"""What a seat sees, and how its knowledge is brought up to date by the general road.

Owns the focus of a seat, what it knew when it fell out of step, and the four sections
(leaves, enters, sets, adds) for one seat from that knowledge.  This road alone would be a correct
publisher; the short road of ``publisher.py`` must equal it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gameserver.model.grid import EVERYWHERE
from gameserver.model.world import Record, World
from gameserver.protocol.wire import array_header, pack
from gameserver.replication.changes import Changes
from gameserver.replication.fragments import enter_fragment, fragment, owner_fragment
from gameserver.replication.seat import Seat

NIL = pack(None)
EMPTY = array_header(0)


def focus_cell(world: World, seat: Seat) -> int:
    """Return the cell that the seat looks from now, by the values just scanned.

    A seat that follows its entity looks from that entity's cell, which has hysteresis already.
    """
    if seat.focus is not None:
        return world.grid.settle(seat.cell, *seat.focus)
    own = seat.own
    if own is not None and own.spec.at and own.settled is not None:
        return own.settled
    return EVERYWHERE if seat.cell is None else seat.cell


def members_of(world: World, cell: int) -> set[int]:
    """Return the ids of all that is seen from ``cell``."""
    ids: set[int] = set()
    for seen in world.grid.view(cell):
        members = world.grid.members.get(seen)
        if members:
            ids.update(members)
    return ids


def catch_up(world: World, seat: Seat, cell: int) -> bytes:
    """Return leaves, enters, sets and adds for a seat from what it knows (``known``, ``since``)."""
    known, since = seat.known, seat.since
    visible: dict[int, Record] = {}
    for seen in world.grid.view(cell):
        visible.update(world.grid.members.get(seen, ()))
    enters: list[bytes] = []
    enters_count = 0
    sets: list[Any] = []
    for entity_id, record in visible.items():
        # Born since: the seat knows another entity by this id, which has left.
        if known is None or entity_id not in known or record.born_at > since:
            enters.append(enter_fragment(record))
            enters_count += 2 + len(record.values)
        else:
            _append_since(record.id, record.values, record.changed_at, since, sets)
    if known is None:
        leaves = NIL
    else:
        gone = [i for i in known if i not in visible or visible[i].born_at > since]
        leaves = array_header(len(gone)) + fragment(gone)
    return b"".join(
        (
            leaves,
            array_header(enters_count),
            *enters,
            array_header(len(sets)),
            fragment(sets),
            EMPTY,
        )
    )


def _append_since(
    entity_id: int, values: tuple[Any, ...], changed_at: list[int], since: int, out: list[Any]
) -> None:
    """Append ``id, mask, value…`` with the values that changed after ``since``, if any did."""
    mask = 0
    changed: list[Any] = []
    for i, tick in enumerate(changed_at):
        if tick > since:
            mask |= 1 << i
            changed.append(values[i])
    if mask:
        out += (entity_id, mask, *changed)


def _maybe_held(world: World, seat: Seat, view: Sequence[int]) -> list[int]:
    """Return ``id, 0`` for what a client may have owned at ``since`` and does not own any more.

    A change of owner counts as a change of all owner fields, so what has one that did not change
    since then has the owner that it had.
    """
    flat: list[int] = []
    for seen in view:
        for entity_id, record in world.grid.members.get(seen, {}).items():
            if (
                record.owner != seat.number
                and record.owner_changed_at
                and record.born_at <= seat.since < min(record.owner_changed_at)
                and seat.known is not None
                and entity_id in seat.known
            ):
                flat += (entity_id, 0)
    return flat


def own_section(world: World, seat: Seat, cell: int, in_step_with: Changes | None = None) -> bytes:
    """Return ``own``: what the seat steers, and the owner fields that it does not have yet.

    Works from what the client holds, so it serves both roads; a seat that is in step lacks
    exactly the changes of this publish, which are given.
    """
    view = world.grid.view(cell)
    changed: Mapping[int, list[Any]] = {}
    if in_step_with is not None:
        changed = in_step_with.owner_changes.get(seat.number, {})
    own_id = 0 if seat.own is None else seat.own.id
    flat: list[Any] = []
    fulls: list[bytes] = []
    count = 1
    if seat.holds_unsure:
        seat.holds_unsure = False
        flat += _maybe_held(world, seat, view)
    for entity_id, record in list(seat.holds.items()):
        if record.owner != seat.number or record.cell not in view or not record.alive:
            del seat.holds[entity_id]
            if record.alive and record.cell in view:
                flat += (entity_id, 0)
    for entity_id, record in world.owned.get(seat.number, {}).items():
        if not record.spec.owner_fields or record.cell not in view:
            continue
        if entity_id in seat.holds and in_step_with is not None:
            flat += changed.get(entity_id, ())
        elif entity_id in seat.holds:
            _append_since(entity_id, record.owner_values, record.owner_changed_at, seat.since, flat)
        else:
            seat.holds[entity_id] = record
            fulls.append(owner_fragment(record))
            count += 2 + len(record.owner_values)
    if not flat and not fulls and own_id == seat.sent_own_id:
        return EMPTY
    seat.sent_own_id = own_id
    return b"".join((array_header(count + len(flat)), pack(own_id), fragment(flat), *fulls))


def own_values_section(seat: Seat, changed: Mapping[int, list[Any]]) -> bytes:
    """Return ``own`` for a seat in step that owns and sees what it did: only values changed."""
    flat = [0 if seat.own is None else seat.own.id]
    for entity_id, fields in changed.items():
        if entity_id in seat.holds:
            flat += fields
    return pack(flat) if len(flat) > 1 else EMPTY
