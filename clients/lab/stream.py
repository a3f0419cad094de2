"""A Trio stream over a bad link, for clients that play through one.

Owns carrying bytes between a stream and the two pipes.  ``conditioner.py`` is the link.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import trio

from clients.lab.pipe import RECEIVE_BYTES, Pipe
from clients.lab.profiles import Profile

#: How long bytes that were sent before closing may still take.
LINGER_S: Final = 5.0


def over(
    profile: Profile, seed: str
) -> Callable[[trio.abc.HalfCloseableStream, trio.Nursery], trio.abc.HalfCloseableStream]:
    """Return the ``via`` of ``open_game`` for a link: ``open_game(…, via=over(profile, seed))``."""
    return lambda stream, tasks: ConditionedStream(stream, profile, seed, tasks)


class ConditionedStream(trio.abc.HalfCloseableStream):
    """``stream``, through the link ``profile``; this side is the player's.

    A task in the nursery ``tasks`` carries the bytes.  Closing returns at once.  As with a socket,
    bytes that were sent before still arrive: the task goes on for up to ``LINGER_S``, even in a
    cancelled nursery.  So the stream must be closed, or that nursery never ends.

    The link lies between TCP and TLS, so it delays the handshake of TLS too.
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
        self._closed = trio.Event()
        self._has_end = False
        #: The scope of the carrying task; its deadline is set when the stream is closed.
        self._lingering = trio.CancelScope(shield=True)
        tasks.start_soon(self._carry)

    @property
    def stalls(self) -> int:
        """Number of segments lost so far, in both directions."""
        return self._up.conditioner.stalls + self._down.conditioner.stalls

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of ``data``; wait while the link's window is full."""
        self._check_open()
        if self._has_end:
            raise trio.ClosedResourceError("the sending side has ended")
        try:
            await self._up.send(data)
        except trio.BrokenResourceError:
            self._check_open()  # this side has closed it meanwhile
            raise

    async def wait_send_all_might_not_block(self) -> None:
        """Return once the link's window has room."""
        self._check_open()
        await self._up.wait_for_room()

    async def send_eof(self) -> None:
        """End the sending side, after all bytes that were sent."""
        self._check_open()
        await trio.lowlevel.checkpoint()
        self._has_end = True
        self._up.end()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return the next bytes from the link, ``b""`` at the end."""
        self._check_open()
        try:
            return await self._down.receive(max_bytes or RECEIVE_BYTES)
        except trio.BrokenResourceError:
            self._check_open()  # this side has closed it meanwhile
            raise

    async def aclose(self) -> None:
        """Accept no more bytes in either direction; bytes that were sent still arrive."""
        if not self._closed.is_set():
            self._closed.set()
            self._lingering.deadline = trio.current_time() + LINGER_S
            self._down.break_off()
            self._up.end()
        await trio.lowlevel.checkpoint()

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise trio.ClosedResourceError("the stream was closed")

    def _break_off(self) -> None:
        self._up.break_off()
        self._down.break_off()

    async def _carry(self) -> None:
        with self._lingering:
            async with trio.open_nursery() as both:
                both.start_soon(self._carry_down)
                await self._carry_up()
                await self._closed.wait()
                both.cancel_scope.cancel()
        await trio.aclose_forcefully(self._stream)

    async def _carry_up(self) -> None:
        try:
            while data := await self._up.receive():
                await self._stream.send_all(data)
            await self._stream.send_eof()
        except trio.BrokenResourceError:
            self._break_off()

    async def _carry_down(self) -> None:
        try:
            while data := await self._stream.receive_some(RECEIVE_BYTES):
                # Read on once closed: unread bytes would make the kernel reset the connection.
                if not self._closed.is_set():
                    await self._down.send(data)
            self._down.end()
        except trio.BrokenResourceError:
            if not self._closed.is_set():
                self._break_off()
