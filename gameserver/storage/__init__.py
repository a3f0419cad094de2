"""Storage: objects, leaderboards and matches, in SQLite or PostgreSQL.

Owns the public names of the package.  ``database.py`` declares a transaction for all engines;
``sqlite.py`` and ``postgres.py`` are the engines; ``objects.py``, ``leaderboards.py``,
``matches.py``, ``checkpoints.py`` and ``fences.py`` are the tables, each with its statements (the
last two hold the journals of durable rooms, and who may write them); ``penalties.py``,
``player_reports.py`` and ``audit.py`` are the tables of operators; ``store.py`` joins them all to a
``Storage`` and ``opening.py`` opens one; ``write_behind.py`` takes writes from a tick;
``room_storage.py`` has the storage of one room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gameserver.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from gameserver.storage.declared import Collection, Leaderboard, client_readable
    from gameserver.storage.errors import (
        Conflict,
        FencedOff,
        StorageError,
        StorageRefused,
        StorageUnavailable,
    )
    from gameserver.storage.fences import Fence
    from gameserver.storage.leaderboards import Place, SubmitScore
    from gameserver.storage.matches import AddMatch, Match
    from gameserver.storage.objects import ChangeObject, DeleteObject, Stored, WriteObject
    from gameserver.storage.opening import open_storage
    from gameserver.storage.receipts import Receipt, ReceiptState
    from gameserver.storage.room_storage import RoomStorage
    from gameserver.storage.store import Storage
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "gameserver.storage.declared": ["Collection", "Leaderboard", "client_readable"],
            "gameserver.storage.errors": [
                "Conflict",
                "FencedOff",
                "StorageError",
                "StorageRefused",
                "StorageUnavailable",
            ],
            "gameserver.storage.fences": ["Fence"],
            "gameserver.storage.leaderboards": ["Place", "SubmitScore"],
            "gameserver.storage.matches": ["AddMatch", "Match"],
            "gameserver.storage.objects": ["ChangeObject", "DeleteObject", "Stored", "WriteObject"],
            "gameserver.storage.opening": ["open_storage"],
            "gameserver.storage.receipts": ["Receipt", "ReceiptState"],
            "gameserver.storage.room_storage": ["RoomStorage"],
            "gameserver.storage.store": ["Storage"],
        },
    )

__all__ = [
    "AddMatch",
    "ChangeObject",
    "Collection",
    "Conflict",
    "DeleteObject",
    "Fence",
    "FencedOff",
    "Leaderboard",
    "Match",
    "Place",
    "Receipt",
    "ReceiptState",
    "RoomStorage",
    "Storage",
    "StorageError",
    "StorageRefused",
    "StorageUnavailable",
    "Stored",
    "SubmitScore",
    "WriteObject",
    "client_readable",
    "open_storage",
]
