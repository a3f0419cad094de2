"""Journals of durable rooms in the database, from which another host recovers them.

Owns the two tables.  A checkpoint is the beginning of a part of a journal: its head, its header and
a key frame.  The rows of the journal are the bytes that follow, as they came from the room.  So
checkpoint and rows together are one journal, as a file holds it (``state/journal/README.md``).
Every write carries the room's fence.  Rows are numbered per fence, and none is written twice.
"""

from __future__ import annotations

from typing import Final

import attrs

from gameserver.storage.database import Transaction
from gameserver.storage.fences import Fence

#: Stands in the names of journals that could not be played, and in no name of a room.
ASIDE: Final = "~"


@attrs.frozen
class Checkpoint:
    """The beginning of a room's newest journal, and the fence of the process that wrote it."""

    room: str
    fence: int
    tick: int
    snapshot: bytes


@attrs.frozen
class WriteCheckpoint:
    """Begin a part of a journal, in place of everything that was kept of the room before."""

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
        transaction.rows("DELETE FROM gameserver_journals WHERE room = :room", room=self.fence.room)


@attrs.frozen
class AppendJournal:
    """Append the next bytes of a journal.  ``part`` counts upwards within the fence."""

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
class SetAside:
    """Keep the journal of the fence's room under a name that no room has: ``room~fence``."""

    fence: Fence

    def apply(self, transaction: Transaction, _now_s: float) -> None:
        """Rename it in this transaction."""
        for table in ("gameserver_checkpoints", "gameserver_journals"):
            transaction.rows(
                f"UPDATE {table} SET room = :aside WHERE room = :room",
                room=self.fence.room,
                aside=f"{self.fence.room}{ASIDE}{self.fence.number}",
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


def is_kept(transaction: Transaction, room: str) -> bool:
    """Whether there is a checkpoint of a room."""
    return bool(
        transaction.rows("SELECT 1 FROM gameserver_checkpoints WHERE room = :room", room=room)
    )


def rooms(transaction: Transaction) -> list[str]:
    """Return the names of all rooms that have a checkpoint."""
    names = transaction.rows("SELECT room FROM gameserver_checkpoints ORDER BY room")
    return [room for (room,) in names if ASIDE not in room]


def journal(transaction: Transaction, room: str) -> bytes | None:
    """Return the newest journal of a room, as a file would hold it; None if nothing is kept."""
    kept = read(transaction, room)
    if kept is None:
        return None
    rows = transaction.rows(
        "SELECT data FROM gameserver_journals WHERE room = :room AND fence = :fence ORDER BY part",
        room=room,
        fence=kept.fence,
    )
    return kept.snapshot + b"".join(bytes(data) for (data,) in rows)
