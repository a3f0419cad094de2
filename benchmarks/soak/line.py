"""A connection that fails in the ways in which networks do, beneath a client that knows nothing.

Owns the stream between TCP and the client of one connection.  When it fails, and how, is
``lives.py``'s.
"""

from __future__ import annotations

import socket
from typing import Final

import trio

from benchmarks.hostile.light import LINGER_RESETS

#: Until the server has told everyone whom a silent connection still belongs to.
FORGOTTEN_AFTER_S: Final = 12.0


class Line(trio.abc.HalfCloseableStream):
    """One TCP connection.

    ``tasks``: what outlives the client's end of it runs there.  ``breaks_after_bytes``: received
    by the client; then it is cut.
    """

    def __init__(
        self,
        stream: trio.SocketStream,
        tasks: trio.Nursery,
        breaks_after_bytes: int | None = None,
    ) -> None:
        self._stream = stream
        self._tasks = tasks
        self._bytes_left = breaks_after_bytes
        self._thawed = trio.Event()
        self._thawed.set()
        #: Around the wait for the next bytes; a new one each time.
        self._receiving = trio.CancelScope()
        self._silent = False
        #: Whether the soak itself ended it, or had the server end it.
        self.spoilt = breaks_after_bytes is not None

    # ------------------------------------------------------------ how it fails

    def cut(self) -> None:
        """Reset the connection."""
        self.spoilt = True
        if self._stream.socket.fileno() >= 0:  # else the client has closed it meanwhile
            self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESETS)
            self._stream.socket.close()

    def fall_silent(self) -> None:
        """Fail for the client only; the server sees an open connection that is silent."""
        self.spoilt = self._silent = True
        self._receiving.cancel()
        self._tasks.start_soon(self._forget)

    async def _forget(self) -> None:
        """Leave the server's side of a silent connection open for a while."""
        try:
            await trio.sleep(FORGOTTEN_AFTER_S)
        finally:
            self.cut()

    def freeze(self) -> None:
        """Let nothing more reach the client until ``thaw``."""
        self.spoilt = True
        self._thawed = trio.Event()

    def thaw(self) -> None:
        """Let everything through again, what waits first."""
        self._thawed.set()

    # ------------------------------------------------------------ as the client sees it

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """As the stream beneath, once thawed; ``BrokenResourceError`` after a failure."""
        await self._thawed.wait()
        if self._bytes_left == 0:
            self.cut()
        with trio.CancelScope() as self._receiving:
            if not self._silent:
                data = bytes(await self._stream.receive_some(self._at_most(max_bytes)))
                if self._bytes_left is not None:
                    self._bytes_left -= len(data)
                return data
        raise trio.BrokenResourceError("the line is silent")

    def _at_most(self, max_bytes: int | None) -> int | None:
        if self._bytes_left is None:
            return max_bytes
        return self._bytes_left if max_bytes is None else min(self._bytes_left, max_bytes)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """As the stream beneath; a silent line loses it."""
        if self._silent:
            await trio.lowlevel.checkpoint()
        else:
            await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """As the stream beneath."""
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """As the stream beneath."""
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """As the stream beneath; the server is told nothing of the end of a silent one."""
        self._thawed.set()
        if self._silent:
            await trio.lowlevel.checkpoint()
        else:
            await self._stream.aclose()
