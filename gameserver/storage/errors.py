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
    """The database is damaged, newer, or not ours; its text names file or table, and reason.

    Nothing was changed in it.
    """


class Conflict(StorageError):
    """The object has another version than the write expects."""


class FencedOff(StorageError):
    """The room has a newer owner: whoever holds this fence may write nothing."""
