"""One direction of a conditioned connection, for Trio tasks.

Owns waiting: for room at one end, and for the time at which bytes come out at the other.
``conditioner.py`` decides on these.  Never touches a stream.
"""

from __future__ import annotations

import math
from typing import Final

import trio
from trio.lowlevel import ParkingLot

from clients.lab.conditioner import Conditioner

#: Most bytes of one receive, and so most bytes that a task holds outside the conditioner.
RECEIVE_BYTES: Final = 16 * 1024


class Pipe:
    """Bytes go in by ``send`` and come out by ``receive``; one task at each end."""

    def __init__(self, conditioner: Conditioner) -> None:
        self.conditioner: Final = conditioner
        self.broken = False
        self._has_end = False
        self._room = ParkingLot()
        self._news = ParkingLot()

    async def send(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of ``data``, waiting for room; ``BrokenResourceError`` if the pipe is broken."""
        await trio.lowlevel.checkpoint()
        rest = memoryview(data)
        while rest and not self.broken and not self._has_end:
            room = self.conditioner.room_bytes
            if not room:
                await self._room.park()
                continue
            self.conditioner.push(trio.current_time(), bytes(rest[:room]))
            rest = rest[room:]
            self._news.unpark_all()
        if rest or self.broken:
            raise trio.BrokenResourceError("the conditioned connection takes no more")

    def end(self) -> None:
        """Accept no more bytes; the receiver gets the end after all bytes that were sent."""
        self._has_end = True
        self._room.unpark_all()
        self.conditioner.push_end(trio.current_time())
        self._news.unpark_all()

    def break_off(self) -> None:
        """End both sides at once; bytes on their way are lost."""
        self.broken = True
        self._room.unpark_all()
        self._news.unpark_all()

    async def wait_for_room(self) -> None:
        """Return when ``send`` would accept bytes at once, or fail."""
        await trio.lowlevel.checkpoint()
        while not (self.conditioner.room_bytes or self.broken or self._has_end):
            await self._room.park()

    async def receive(self, max_bytes: int = RECEIVE_BYTES) -> bytes:
        """Return the next bytes, ``b""`` at the end; ``BrokenResourceError`` if broken."""
        await trio.lowlevel.checkpoint()
        while not self.broken:
            now_s = trio.current_time()
            data = self.conditioner.pop(now_s, max_bytes)
            if data:
                self._room.unpark_all()
                return data
            if self.conditioner.ended(now_s):
                return b""
            await self._wait_for_news(self.conditioner.next_due_s)
        raise trio.BrokenResourceError("the conditioned connection is broken")

    async def _wait_for_news(self, due_s: float | None) -> None:
        """Return at ``due_s``, after a ``send`` (which may change ``due_s``), or at the end."""
        with trio.move_on_at(math.inf if due_s is None else due_s):
            await self._news.park()
