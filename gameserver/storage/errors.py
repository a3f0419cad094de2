"""Errors of storage.

Owns the split between a write that may be tried again (``StorageUnavailable``), one that never can
succeed (``Conflict``, ``FencedOff``), and a database that must not be touched (``StorageRefused``).
"""

from __future__ import annotations

from gameserver.errors import GameServerError


class StorageError(GameServerError):
    """Base of all errors of storage."""


class StorageUnavailable(StorageError):
    """The database cannot be reached, or is busy, full or read-only.

    The write did not happen, or nobody knows whether it did.  ``WriteBehind`` tries it again and
    never applies it twice.
    """


class StorageRefused(StorageError):
    """The database is damaged, newer, or another program's; nothing was changed in it.

    The text names the file or table, and the reason.
    """


class Conflict(StorageError):
    """The object has another version than the write expects."""


class Owned(StorageError):
    """Another server has the room; its lease ends in ``left_s``, unless it is renewed."""

    def __init__(self, room: str, left_s: float) -> None:
        super().__init__(f"{room!r} belongs to another server")
        self.left_s = left_s


class FencedOff(StorageError):
    """The room has a newer owner: the holder of this fence may write nothing for it."""
