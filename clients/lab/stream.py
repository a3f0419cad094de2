"""A Trio stream as it is over a bad link: for clients that shall play through one.

Owns carrying bytes between a stream and the two pipes.  What the link does to them is
``conditioner.py``.
"""

from __future__ import annotations

import trio

from clients.lab.pipe import RECEIVE_BYTES, Pipe
from clients.lab.profiles import Profile


class ConditionedStream(trio.abc.HalfCloseableStream):
    """``stream``, through the link ``profile``; this side is the player's.

    Two tasks in the nursery ``tasks`` carry the bytes.  Closing is at once and drops what is still
    on its way.  ``wrap`` a TCP stream before TLS, so that TLS' own round trips take their time too.
    """

    def __init__(
        self,
        stream: trio.abc.HalfCloseableStream,
        profile: Profile,
        seed: str,
        tasks: trio.Nursery,
    ) -> None:
        up, down = profile.conditioners(seed, begin_s=trio.current_time())
        self._stream = stream
        self._up, self._down = Pipe(up), Pipe(down)
        self._closed = False
        self._has_end = False
        tasks.start_soon(self._carry_up)
        tasks.start_soon(self._carry_down)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Return once all is on its way, which waits while the link's window is full."""
        self._check_open()
        if self._has_end:
            raise trio.ClosedResourceError("the sending side has ended")
        await self._up.send(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Return once the link's window has room."""
        self._check_open()
        await self._up.wait_for_room()

    async def send_eof(self) -> None:
        """End the way up, behind all that was sent."""
        self._check_open()
        await trio.lowlevel.checkpoint()
        self._has_end = True
        self._up.end()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return what comes out of the link next, ``b""`` at the end."""
        self._check_open()
        try:
            return await self._down.receive(max_bytes or RECEIVE_BYTES)
        except trio.BrokenResourceError:
            self._check_open()  # closed meanwhile, by ourselves
            raise

    async def aclose(self) -> None:
        """Close at once."""
        self._closed = True
        self._break_off()
        await self._stream.aclose()

    def _check_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("the stream was closed")

    def _break_off(self) -> None:
        self._up.break_off()
        self._down.break_off()

    async def _carry_up(self) -> None:
        try:
            while data := await self._up.receive():
                await self._stream.send_all(data)
            await self._stream.send_eof()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._break_off()

    async def _carry_down(self) -> None:
        try:
            while data := await self._stream.receive_some(RECEIVE_BYTES):
                await self._down.send(data)
            self._down.end()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._break_off()
