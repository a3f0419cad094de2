"""Checkpoints and journals of rooms in the database, the ground for recovery on another host.

No server writes them yet: durable rooms are recovered from the files of their host
(``runtime/rooms/recovery.py``).

Owns the two tables.  Every write carries the room's fence.  Parts of a journal are numbered per
fence, and no part is written twice.
"""

from __future__ import annotations

import attrs

from gameserver.storage.database import Transaction
from gameserver.storage.fences import Fence


@attrs.frozen
class Checkpoint:
    """The newest snapshot of a room, and the fence of the process that took it."""

    room: str
    fence: int
    tick: int
    snapshot: bytes


@attrs.frozen
class WriteCheckpoint:
    """Write the newest snapshot of the fence's room, and delete the journals of older fences."""

    fence: Fence
    tick: int
    snapshot: bytes

    def apply(self, transaction: Transaction, _now_s: float) -> None:
        """Write it in this transaction."""
        transaction.rows(
            "INSERT INTO gameserver_checkpoints VALUES (:room, :fence, :tick, :snapshot) "
            "ON CONFLICT (room) DO UPDATE SET fence = excluded.fence, tick = excluded.tick, "
            "snapshot = excluded.snapshot",
            room=self.fence.room,
            fence=self.fence.number,
            tick=self.tick,
            snapshot=self.snapshot,
        )
        transaction.rows(
            "DELETE FROM gameserver_journals WHERE room = :room AND fence < :fence",
            room=self.fence.room,
            fence=self.fence.number,
        )


@attrs.frozen
class AppendJournal:
    """Append a part of a journal.  ``part`` counts from 0 within the fence."""

    fence: Fence
    part: int
    data: bytes

    def apply(self, transaction: Transaction, _now_s: float) -> None:
        """Append it in this transaction."""
        transaction.rows(
            "INSERT INTO gameserver_journals VALUES (:room, :fence, :part, :data) "
            "ON CONFLICT (room, fence, part) DO NOTHING",
            room=self.fence.room,
            fence=self.fence.number,
            part=self.part,
            data=self.data,
        )


@attrs.frozen
class ForgetRoom:
    """Delete checkpoint and journal of the fence's room, which has ended.  Its fences stay."""

    fence: Fence

    def apply(self, transaction: Transaction, _now_s: float) -> None:
        """Delete them in this transaction."""
        for table in ("gameserver_checkpoints", "gameserver_journals"):
            transaction.rows(f"DELETE FROM {table} WHERE room = :room", room=self.fence.room)


def read(transaction: Transaction, room: str) -> Checkpoint | None:
    """Return the newest checkpoint of a room, or None."""
    rows = transaction.rows(
        "SELECT room, fence, tick, snapshot FROM gameserver_checkpoints WHERE room = :room",
        room=room,
    )
    if not rows:
        return None
    name, fence, tick, snapshot = rows[0]
    return Checkpoint(name, fence, tick, bytes(snapshot))


def rooms(transaction: Transaction) -> list[str]:
    """Return the names of all rooms that have a checkpoint."""
    return [
        room
        for (room,) in transaction.rows("SELECT room FROM gameserver_checkpoints ORDER BY room")
    ]


def journal(transaction: Transaction, room: str, fence: int) -> list[bytes]:
    """Return the parts of a room's journal that one fence has written, in order, without gaps."""
    rows = transaction.rows(
        "SELECT part, data FROM gameserver_journals WHERE room = :room AND fence = :fence "
        "ORDER BY part",
        room=room,
        fence=fence,
    )
    return [bytes(data) for at, (part, data) in enumerate(rows) if at == part]
