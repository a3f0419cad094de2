"""The storage of a room that is played again: its submissions have been written already.

Owns one rule: submissions get a receipt and are dropped.  A recovery may read; any other replay has
no database.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn

from gameserver.errors import JournalError
from gameserver.storage.fences import Fence
from gameserver.storage.receipts import Receipt
from gameserver.storage.room_storage import RoomStorage
from gameserver.storage.store import Operation, Storage


class _Nowhere:
    """Takes submissions."""

    def submit(self, *operations: Operation, fence: Fence | None = None) -> Receipt:  # noqa: ARG002
        return Receipt()


class _Outside:
    """A database that a replay does not have."""

    async def transact(self, work: Any) -> NoReturn:  # noqa: ARG002
        _refuse()

    async def read(self, work: Any) -> NoReturn:  # noqa: ARG002
        _refuse()

    async def aclose(self) -> None:
        """Do nothing."""


def _refuse() -> NoReturn:
    raise JournalError("on_load waits for something outside, which a replay does not have")


_NOTHING: Final = Storage(_Outside(), lambda: 0.0)


def replay_storage(storage: Storage | None = None) -> RoomStorage:
    """Return the storage of a room that is played again; it reads from ``storage``."""
    return RoomStorage(storage or _NOTHING, _Nowhere())
