"""The storage of a server: opened before the first room, flushed after the last one.

Owns the database and the queue in front of it, and hands each room its ``RoomStorage``.  A server
without the setting ``storage`` keeps nothing.
"""

from __future__ import annotations

from typing import Final

import structlog

from gameserver.ops.metrics import StorageFigures
from gameserver.storage.errors import StorageError
from gameserver.storage.fences import Fence
from gameserver.storage.opening import open_storage
from gameserver.storage.room_storage import RoomStorage
from gameserver.storage.store import Storage
from gameserver.storage.write_behind import WriteBehind

log = structlog.get_logger(__name__)


class ServerStorage:
    """An open storage, and the writes that wait for it."""

    def __init__(self, storage: Storage) -> None:
        self.storage: Final = storage
        self._behind: Final = WriteBehind(storage, report)

    @classmethod
    async def open(cls, url: str) -> ServerStorage:
        """Open the database at ``url``; raise ``StorageError`` if that fails."""
        return cls(await open_storage(url))

    def figures(self) -> StorageFigures:
        """Return the figures of the queue for the metrics."""
        counts = self._behind.counts
        return StorageFigures(
            waiting=self._behind.waiting,
            retries=counts.retries,
            settled={name: getattr(counts, name) for name in ("written", "failed", "refused")},
        )

    def for_room(self, fence: Fence | None = None) -> RoomStorage:
        """Return the storage of one room; all its writes carry ``fence``."""
        return RoomStorage(self.storage, self._behind, fence)

    async def run(self) -> None:
        """Write the submissions of rooms, until cancelled."""
        await self._behind.run()

    async def wait_written(self) -> None:
        """Wait until all submissions are written."""
        await self._behind.flush()

    async def flush(self) -> None:
        """Wait until all submissions are written; if cancelled, log how many are lost."""
        try:
            await self._behind.flush()
        finally:
            if self._behind.waiting:
                log.error(
                    "the storage did not answer until the end; submissions are lost",
                    lost=self._behind.waiting,
                )

    async def aclose(self) -> None:
        """Close the database."""
        await self.storage.aclose()


def report(error: StorageError) -> None:
    """Log a submission that could not be written."""
    log.error("a submission could not be written", error=str(error))
