"""Fences: numbers that tell the newest owner of a room, and keep older ones from writing.

The ground for recovery on another host, with ``checkpoints.py``; no server claims a fence yet.

Owns the numbers.  Each process that takes over a room claims the next one; every write for the room
carries its number, and one with an older number is refused in the same transaction.  A fence lives
beside the data that it guards, so the guard cannot be lost while the data is there.  (Martin
Kleppmann, "How to do distributed locking", 2016, has the problem and this solution.)
"""

from __future__ import annotations

import attrs

from gameserver.storage.database import Transaction, only
from gameserver.storage.errors import FencedOff
from gameserver.storage.names import checked_name


@attrs.frozen
class Fence:
    """The claim of one owner to one room."""

    room: str
    number: int


def claim(transaction: Transaction, room: str) -> Fence:
    """Return a fence that is newer than all others of this room."""
    number = only(
        transaction.rows(
            "INSERT INTO gameserver_fences VALUES (:room, 1) "
            "ON CONFLICT (room) DO UPDATE SET fence = gameserver_fences.fence + 1 RETURNING fence",
            room=checked_name("room", room),
        )
    )
    return Fence(room, number)


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
