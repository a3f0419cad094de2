"""Fences: numbers that tell the newest owner of a room, and keep older ones from writing.

Owns the numbers, and the leases of those who claim them.  Each process that takes over a room
claims the next number; every write for the room carries its number, and one with an older number is
refused in the same transaction.  A fence lives beside the data that it guards, so the guard cannot
be lost while the data is there.  (Martin Kleppmann, "How to do distributed locking", 2016, has the
problem and this solution.)

An owner renews its lease; while it does, nobody else can claim its rooms.  A lease only decides
when a room may be taken over.  The fence keeps two owners from writing, so a wrong clock or
a process that was paused harms no data.
"""

from __future__ import annotations

import attrs

from gameserver.storage.database import Transaction, only
from gameserver.storage.errors import FencedOff, Owned
from gameserver.storage.names import checked_name


@attrs.frozen
class Fence:
    """The claim of one owner to one room."""

    room: str
    number: int


def claim(transaction: Transaction, room: str, owner: str) -> Fence:
    """Return a fence that is newer than all others of this room; ``Owned`` if another has it."""
    number = only(
        transaction.rows(
            "INSERT INTO gameserver_fences (room, fence, owner) VALUES (:room, 1, :owner) "
            "ON CONFLICT (room) DO UPDATE "
            "SET fence = gameserver_fences.fence + 1, owner = excluded.owner "
            "WHERE gameserver_fences.owner IS NULL OR gameserver_fences.owner = excluded.owner "
            "OR NOT EXISTS (SELECT 1 FROM gameserver_owners "
            "WHERE gameserver_owners.owner = gameserver_fences.owner AND until_s > {now}) "
            "RETURNING fence",
            room=checked_name("room", room),
            owner=owner,
        )
    )
    if number is None:
        left_s = only(
            transaction.rows(
                "SELECT until_s - {now} FROM gameserver_owners JOIN gameserver_fences "
                "ON gameserver_owners.owner = gameserver_fences.owner WHERE room = :room",
                room=room,
            )
        )
        raise Owned(room, max(0.0, left_s or 0.0))
    return Fence(room, number)


def adopt(transaction: Transaction, fence: Fence, owner: str) -> Fence:
    """Return a new claim for ``owner``, to whom the holder of ``fence`` has given the room.

    ``FencedOff`` if that is not the newest claim.
    """
    number = only(
        transaction.rows(
            "UPDATE gameserver_fences SET owner = :owner, fence = fence + 1 "
            "WHERE room = :room AND fence = :fence RETURNING fence",
            owner=owner,
            room=fence.room,
            fence=fence.number,
        )
    )
    if number is None:
        raise FencedOff(f"{fence.room!r} has a newer fence than {fence.number}")
    return Fence(fence.room, number)


def renew(transaction: Transaction, owner: str, lease_s: float) -> None:
    """Let nobody else claim the rooms of ``owner`` for ``lease_s`` from now on."""
    transaction.rows(
        "INSERT INTO gameserver_owners VALUES (:owner, {now} + :lease_s) "
        "ON CONFLICT (owner) DO UPDATE SET until_s = excluded.until_s",
        owner=owner,
        lease_s=lease_s,
    )


def end_lease(transaction: Transaction, owner: str) -> None:
    """End the lease of ``owner``: others may claim its rooms at once."""
    transaction.rows("DELETE FROM gameserver_owners WHERE owner = :owner", owner=owner)


def check(transaction: Transaction, fence: Fence) -> None:
    """Raise ``FencedOff`` if ``fence`` is not the newest of its room.

    Until the end of the transaction nobody can claim a newer one.
    """
    newest = only(
        transaction.rows(
            "SELECT fence FROM gameserver_fences WHERE room = :room FOR SHARE", room=fence.room
        )
    )
    if newest != fence.number:
        raise FencedOff(
            f"{fence.room!r} has the newer fence {newest}: this process (fence {fence.number}) "
            "may write nothing for it"
        )
