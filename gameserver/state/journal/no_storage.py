"""The storage of a room that is played again: what was submitted has been written already.

Owns one rule: submissions get a receipt and go nowhere.  A recovery may read; a replay elsewhere
has nothing to read.
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
    raise JournalError("on_load waits for something outside, which a replay has not")


_NOTHING: Final = Storage(_Outside(), lambda: 0.0)


def replay_storage(storage: Storage | None = None) -> RoomStorage:
    """Return what a played room gets in place of ``storage``."""
    return RoomStorage(storage or _NOTHING, _Nowhere())
