"""Storage: objects, leaderboards, matches and checkpoints, in SQLite or PostgreSQL.

Owns the public names of the package.  ``database.py`` is one transaction, whatever the engine;
``sqlite.py`` and ``postgres.py`` are the engines; ``objects.py``, ``leaderboards.py``,
``matches.py``, ``checkpoints.py`` and ``fences.py`` are the tables, each with its statements;
``store.py`` joins them and ``opening.py`` makes one; ``write_behind.py`` takes writes from a tick;
``room_storage.py`` is what a room gets.
"""

from gameserver.lazy_exports import lazy_exports

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "gameserver.storage.declared": ("Collection", "Leaderboard", "client_readable"),
        "gameserver.storage.errors": (
            *("Conflict", "FencedOff", "StorageError", "StorageRefused", "StorageUnavailable"),
        ),
        "gameserver.storage.fences": ("Fence",),
        "gameserver.storage.leaderboards": ("Place", "SubmitScore"),
        "gameserver.storage.matches": ("AddMatch", "Match"),
        "gameserver.storage.objects": ("DeleteObject", "Stored", "WriteObject"),
        "gameserver.storage.opening": ("open_storage",),
        "gameserver.storage.room_storage": ("RoomStorage",),
        "gameserver.storage.store": ("Storage",),
        "gameserver.storage.receipts": ("Receipt", "ReceiptState"),
        "gameserver.storage.write_behind": ("WriteBehind",),
    },
)
