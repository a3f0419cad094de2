"""What trio-websocket is given instead of the link and a nursery: the same, and an orderly end.

Owns what trio-websocket leaves out of its end.  A frame that breaks RFC 6455 is answered with a
close frame that says why (7.1.7), where trio-websocket would only drop the connection.  And what it
believes to be the end of the socket is only the end of its own use: the acceptor finishes the link,
so that what was sent last still arrives although the peer sent more meanwhile.  Its one task is
gone before the link is finished.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Awaitable, Callable

import trio
import trio_websocket
import wsproto.utilities
from wsproto.connection import ConnectionState

from gameserver.protocol.closing import CONNECTION_LOST, NO_STATUS
from gameserver.protocol.frames import close_frame
from gameserver.runtime.net.link import Link

CLOSE_FRAME_TIMEOUT_S = 2.0
"""For a peer that broke the protocol to take the frame that says so."""

_NEVER_SENT = (NO_STATUS, CONNECTION_LOST)


def closed_by_peer(websocket: trio_websocket.WebSocketConnection) -> bool:
    """Whether a close frame of the peer ended this WebSocket; for whoever finds it closed.

    ``closed`` does not tell: trio-websocket fills it alike with what the peer said, and with what
    it decided itself (1002, 1007, 1009; 1006 for a connection that is lost).  But only after the
    first is the closing handshake done.  A peer whose close frame comes right behind a message
    that is too big may be taken for either.
    """
    state = websocket._wsproto.state  # noqa: SLF001 - nothing public tells it
    return state is ConnectionState.CLOSED


def release(websocket: trio_websocket.WebSocketConnection) -> None:
    """End the generator in which wsproto parses frames; nothing is to be read any more.

    It has its parser, which has it, and ends by itself only with a close frame of the peer.  Of
    every connection that is cut that circle would be left until all objects are collected, which
    they are not while people play (``gc_policy.py``).
    """
    connection = websocket._wsproto.connection  # noqa: SLF001 - nothing public ends it
    if connection is not None:
        connection._proto._parse_more.close()  # noqa: SLF001


class ClosingStream(trio.abc.Stream):
    """``link`` as trio-websocket sees it; its unread bytes are the request for a WebSocket."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._sending = trio.Lock()
        self._over = False
        #: Weakly, for it has this stream: in a circle both would wait for a garbage collection.
        self._websocket: weakref.ref[trio_websocket.WebSocketConnection] | None = None
        self._opened = trio.Event()

    def opened(self, websocket: trio_websocket.WebSocketConnection) -> None:
        """The WebSocket is open; no frame is read before."""
        self._websocket = weakref.ref(websocket)
        self._opened.set()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send after whatever is being sent."""
        async with self._sending:
            await self._link.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the link takes bytes again."""
        async with self._sending:
            await self._link.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What the link has for trio-websocket; an error once it has ended its use."""
        if self._over:
            raise trio.ClosedResourceError("the WebSocket is over")
        if not self._link.receive_buffer.unread:
            await self._opened.wait()
        return await self._link.receive_some(max_bytes)

    async def aclose(self) -> None:
        """End trio-websocket's use of the link, with a close frame if the peer is owed one.

        Called by trio-websocket and, since its reader may be cancelled before it gets here, by the
        acceptor; the frame is sent once.
        """
        self._over = True
        await trio.lowlevel.checkpoint()
        with (
            trio.move_on_after(CLOSE_FRAME_TIMEOUT_S),
            contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError),
        ):
            async with self._sending:
                websocket = None if self._websocket is None else self._websocket()
                reason = None if websocket is None else websocket.closed
                if not (self._link.closing or reason is None or reason.code in _NEVER_SENT):
                    await self._link.send_all(close_frame(reason.code, reason.reason or ""))


class Reader:
    """Runs trio-websocket's reader in the nursery of its connection; ended before that.

    It is gone when the link is finished, while the link still flushes.  It is all that
    trio-websocket wants of a nursery: to start that one task.
    """

    def __init__(self, nursery: trio.Nursery, link: Link) -> None:
        self._nursery = nursery
        self._link = link
        self._scope = trio.CancelScope()
        self._gone = trio.Event()
        self.failed = False

    def start_soon(self, read: Callable[[], Awaitable[None]]) -> None:
        """Run the reader; called once."""
        self._nursery.start_soon(self._run, read)

    async def _run(self, read: Callable[[], Awaitable[None]]) -> None:
        """Read on where a ping kills the reader while we are closing.

        The session must not die of that, for its close frame may be still to come.  What else the
        peer sends is read here then, so that no reset overtakes that frame.
        """
        with self._scope:
            try:
                await read()
            except wsproto.utilities.LocalProtocolError:
                self.failed = True
                while await self._link.receive_some():
                    pass
        self._gone.set()

    async def end(self) -> None:
        """Stop reading; returns once nothing is being received any more."""
        self._scope.cancel()
        await self._gone.wait()
