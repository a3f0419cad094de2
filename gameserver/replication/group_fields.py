"""The fields ``to="group"``: their part of the ``own`` section of a delta.

Owns the part that all seats of one sight share, which is made once, and the part of a seat that
catches up.  Values are sent whole, never as edits, so a client may get one twice.

A member of a group holds the group fields of all entities of that group, and of no others.  When an
entity that has such fields changes its group, the seats of both groups lapse (``publisher.py``), so
the catch-up path alone takes such fields away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from zlib import crc32

from gameserver.model.layers import layer_of
from gameserver.model.record import Record
from gameserver.model.world import World
from gameserver.replication.changes import Changes
from gameserver.replication.fragments import fragment
from gameserver.replication.interest import visible_now
from gameserver.replication.knowledge import Lapsed
from gameserver.replication.seat import Seat

#: The number of elements, and their bytes.
Part = tuple[int, bytes]
NO_PART: Part = (0, b"")


def shared_part(world: World, changes: Changes, sight: int) -> Part:
    """Return the changes for seats of ``sight`` that are up to date."""
    flat = [
        element
        for group in sorted(world.grid.layers.sights[sight].groups & changes.group_changes.keys())
        for fields in changes.group_changes[group].values()
        for element in fields
    ]
    return (len(flat), fragment(flat)) if flat else NO_PART


def catch_up_parts(world: World, seat: Seat) -> tuple[list[Any], list[Any]]:
    """Return the fields that a seat which catches up must forget and must get, both flat.

    Call this before the rest of ``own`` is made: it removes forgotten entities that belong to the
    seat from ``seat.holds``, so that their owner fields come again.
    """
    forgotten: list[Any] = []
    told: list[Any] = []
    knowledge = seat.knowledge
    for record in visible_now(world, seat):
        if not record.spec.group_mask:
            continue
        known = (
            isinstance(knowledge, Lapsed)
            and record.id in knowledge.known
            and record.born_at <= knowledge.since
        )
        since = knowledge.since if isinstance(knowledge, Lapsed) and known else -1
        # A change of group counts as a change of all group fields.
        same_group = min(record.group_changed_at) <= since
        had = isinstance(knowledge, Lapsed) and not knowledge.resumed and same_group
        had = had and record.group in getattr(knowledge, "groups", ())
        if record.group in seat.groups:
            told += changed_after(record, since if had else -1)
        elif known and (had or not same_group or getattr(knowledge, "resumed", False)):
            forgotten += (record.id, 0)
            seat.holds.pop(record.id, None)
    return forgotten, told


def changed_after(record: Record, since: int) -> list[Any]:
    """Return ``id, mask, value…`` of the group fields that changed after ``since``."""
    first = record.spec.group_from
    values = record.compiled.group_form(record.group_values)
    mask, changed = 0, []
    for i, tick in enumerate(record.group_changed_at):
        if tick > since:
            mask |= 1 << (first + i)
            changed.append(values[i])
    return [record.id, mask, *changed] if mask else []


def members_with_fields(world: World, groups: Iterable[int]) -> Iterator[Record]:
    """Yield the entities of ``groups`` that have group fields, as of the last publish."""
    grid = world.grid
    for cell, members in grid.members.items():
        if grid.layers.layers[layer_of(cell)].group in groups:
            yield from (record for record in members.values() if record.spec.group_mask)


def private_fragment(record: Record, *, owner: bool, group: bool) -> bytes:
    """Return ``id, mask, value…`` of the private fields that a client holds, for its checksum."""
    spec = record.spec
    mask = 0
    values: list[Any] = []
    if owner:
        mask |= spec.owner_mask
        values += record.owner_values
    if group:
        mask |= spec.group_mask
        values += record.group_values
    return fragment((record.id, mask, *values))


def private_sum(world: World, seat: Seat, sums: dict[int, int]) -> int:
    """Return the checksum of the private fields that ``seat`` holds.

    ``sums`` keeps the sums of groups, under negative keys, for the other seats of the publish.
    """
    total = 0
    for record in seat.holds.values():
        both = bool(record.spec.group_mask) and record.group in seat.groups
        if record.spec.owner_mask:
            total += crc32(private_fragment(record, owner=True, group=both))
            if both:
                total -= crc32(private_fragment(record, owner=False, group=True))
    if world.schema.has_group_fields:
        for group in seat.groups:
            key = -2 - group
            if key not in sums:
                fragments = (
                    private_fragment(record, owner=False, group=True)
                    for record in members_with_fields(world, (group,))
                )
                sums[key] = sum(map(crc32, fragments))
            total += sums[key]
    return total
