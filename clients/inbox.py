"""A bounded queue between the task that reads a connection and the rest of a program.

Owns the overflow policy ``drop-oldest`` and its counter.  Putting never waits, so a program that
does not read its inbox blocks nothing.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import trio

T = TypeVar("T")


class Inbox(Generic[T]):
    """At most ``size`` items; when full, the oldest one is dropped and counted in ``dropped``."""

    def __init__(self, size: int) -> None:
        self.dropped = 0
        self._items: deque[T] = deque(maxlen=size)
        self._waiting = trio.lowlevel.ParkingLot()
        self._ended = False

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Add ``item`` at the end."""
        if len(self._items) == self._items.maxlen:
            self.dropped += 1
        self._items.append(item)
        self._waiting.unpark()

    def end(self) -> None:
        """Make ``get`` fail when the remaining items have been taken."""
        self._ended = True
        self._waiting.unpark_all()

    async def get(self) -> T:
        """Wait for an item and take it out; ``trio.EndOfChannel`` if none will come."""
        if self._items or self._ended:
            await trio.lowlevel.checkpoint()
        while not self._items:
            if self._ended:
                raise trio.EndOfChannel
            await self._waiting.park()
        return self._items.popleft()

    def take(self) -> list[T]:
        """Take out all items, without waiting."""
        taken = list(self._items)
        self._items.clear()
        return taken
