"""The storage that a room gets: reads for its async hooks, and ``submit`` for its ticks.

Owns the fence that all writes of one room carry.  Pure: the server gives it a queue.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from gameserver.storage.fences import Fence
from gameserver.storage.receipts import Receipt
from gameserver.storage.store import Operation, Storage


class Queue(Protocol):
    """Takes writes from a tick; ``write_behind.py`` has one."""

    def submit(self, *operations: Operation, fence: Fence | None = None) -> Receipt:
        """Have ``operations`` written together, soon."""


class RoomStorage(Storage):
    """A ``Storage`` whose writes are those of one room.

    ``fence`` is the claim to the room that all its writes carry.  ``tick_queue`` takes
    submissions while the room is journaled in the storage, and writes them with their ticks.
    """

    def __init__(self, storage: Storage, queue: Queue, fence: Fence | None = None) -> None:
        super().__init__(storage.database, storage.clock)
        self._queue: Final = queue
        self.fence = fence
        self.tick_queue: Queue | None = None

    def submit(self, *operations: Operation) -> Receipt:
        """Have ``operations`` written together, soon, and return a receipt of it.

        For hooks that cannot wait, such as ``tick``.  Submissions of a server are written in their
        order.  While the database does not answer they wait in a bounded queue; while it is full,
        new submissions are refused.  A server that stops writes the waiting submissions first.
        """
        return (self.tick_queue or self._queue).submit(*operations, fence=self.fence)

    async def write(self, *operations: Operation, fence: Fence | None = None) -> list[Any]:
        """Do all ``operations`` in one transaction, and return what each returns."""
        return await super().write(*operations, fence=fence or self.fence)
