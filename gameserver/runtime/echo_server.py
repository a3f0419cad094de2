"""A server that sends back every message on every path: ``gameserver echo``.

Owns an echo with all parts of a game's connection: the acceptor, the link with its fast paths, and
the poller.  It lets conformance suites test the WebSocket layer.  They send messages that no game
needs (16 MiB, or thousands of fragments), so its limits are wide and it should stay on loopback.
The public ``/echo`` keeps the ordinary limits (``plain.py``).

In: small binary messages come from the fast path, all others from trio-websocket.  Out: a frame is
posted at once if the link is clear, otherwise it goes through trio-websocket.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import attrs
import trio

from gameserver.protocol.closing import CloseCode
from gameserver.protocol.frames import binary_frame
from gameserver.runtime.http.acceptor import Acceptor
from gameserver.runtime.http.endpoint import Endpoint
from gameserver.runtime.http.messages import Site, text_response
from gameserver.runtime.net import poller
from gameserver.runtime.net.listening import open_listeners
from gameserver.runtime.server import StartError

if TYPE_CHECKING:
    import socket
    import ssl

    from gameserver.runtime.admission.connection_limits import Peer
    from gameserver.runtime.net.link import Link
    from gameserver.runtime.net.websocket import WebSocket

ECHO_MESSAGE_BYTES: Final = 16 * 1024 * 1024
#: The Autobahn suite cuts 4 MiB into pieces of 64 bytes.
ECHO_FRAGMENTS: Final = ECHO_MESSAGE_BYTES // 64
#: How many echoes a client may leave unread.  With more it is closed with 4008, or dropped if half
#: an echo is out.
UNREAD_MESSAGES: Final = 1024
#: How often the poller goes on reading links that had too much unread.
TICK_S: Final = 1 / 60


@attrs.frozen
class EchoPorts:
    """The ports in use; ``tls_port`` is None without TLS."""

    port: int
    tls_port: int | None


class EchoServer:
    """The echo of all connections, which share one poller as the players of a server do."""

    def __init__(self) -> None:
        self._poller = poller.Poller() if poller.AVAILABLE else None
        self._links: set[Link] = set()

    def acceptor(self, ssl_context: ssl.SSLContext | None) -> Acceptor:
        """Return an acceptor that serves only the echo."""
        return Acceptor(
            site=Site(
                {"/": lambda _query: text_response(200, "Connect with a WebSocket: it echoes.")}
            ),
            endpoints={},
            game=Endpoint(
                handler=self._handle,
                max_message_bytes=ECHO_MESSAGE_BYTES,
                fast_path=True,
                max_fragments=ECHO_FRAGMENTS,
                intake=None,
            ),
            ssl_context=ssl_context,
        )

    async def run(self) -> None:
        """Read the connections, for ever."""
        if self._poller is None:
            await trio.sleep_forever()
            return
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._poller.run)
                while True:
                    await trio.sleep(TICK_S)
                    for link in self._links:
                        self._poller.watch(link)  # one with much unread is not watched any more
                    self._poller.read_ready()
        finally:
            self._poller.close()

    async def _handle(self, ws: WebSocket, _peer: Peer) -> None:
        link = ws.link
        async with trio.open_nursery() as nursery:
            echo = _Echo(ws)
            ws.on_message(echo.take_small, _ignore_pong)
            self._links.add(link)
            if self._poller is not None:
                self._poller.add(link)
                self._poller.watch(link)
            try:
                nursery.start_soon(echo.read)
                await echo.write()
            finally:
                self._links.discard(link)
                ws.off_message()
                if self._poller is not None:
                    self._poller.remove(link)
            await ws.close(CloseCode.RATE, "read your echoes")
            nursery.cancel_scope.cancel()


class _Echo:
    """One connection's messages on their way back, in the order in which they came."""

    def __init__(self, ws: WebSocket) -> None:
        self._ws = ws
        self._waiting: deque[str | bytes] = deque()
        self._changed = trio.Event()
        self._patience = trio.CancelScope()

    def take_small(self, payload: bytes) -> None:
        """Send back a message from the fast path, at once if nothing has to go out before it."""
        if not self._waiting and self._ws.post(binary_frame(payload)):
            return
        self._put(payload)
        if len(self._waiting) > UNREAD_MESSAGES:
            self._patience.cancel()

    async def read(self) -> None:
        """Receive the messages that come through trio-websocket, one at a time."""
        while True:
            self._put(await self._ws.receive())
            while self._waiting:
                await self._changed.wait()

    async def write(self) -> None:
        """Send the echoes that could not be posted, until a client leaves too many unread."""
        with self._patience:
            while True:
                while self._waiting:
                    # It stays in the queue until it is sent: nothing is posted before it.
                    await self._ws.send(self._waiting[0])
                    self._waiting.popleft()
                    self._tell()
                await self._changed.wait()

    def _put(self, message: str | bytes) -> None:
        self._waiting.append(message)
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


def _ignore_pong(_payload: bytes) -> None:
    """Drop a pong: the echo sends no pings."""


@asynccontextmanager
async def open_echo_server(
    host: str, port: int, *, tls_port: int = 0, ssl_context: ssl.SSLContext | None = None
) -> AsyncIterator[EchoPorts]:
    """Run the echo in this block; with ``ssl_context`` over TLS too.

    Port 0 is any free one.  ``StartError`` if a port is taken.
    """
    echo = EchoServer()
    plain = await _listen(host, port)
    secure = None if ssl_context is None else await _listen(host, tls_port)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(echo.run)
        await nursery.start(echo.acceptor(None).serve, plain)
        if secure is not None:
            await nursery.start(echo.acceptor(ssl_context).serve, secure)
        yield EchoPorts(_number(plain), None if secure is None else _number(secure))
        nursery.cancel_scope.cancel()


async def serve_echo(
    host: str,
    port: int,
    tell: Callable[[list[str]], None],
    *,
    tls_port: int = 0,
    ssl_context: ssl.SSLContext | None = None,
) -> None:
    """Run the echo until SIGINT or SIGTERM; ``tell`` gets the addresses, those with TLS first.

    ``StartError`` if a port is taken.
    """
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with open_echo_server(
            host, port, tls_port=tls_port, ssl_context=ssl_context
        ) as ports:
            named = f"[{host}]" if ":" in host else host
            secure = [] if ports.tls_port is None else [f"https://{named}:{ports.tls_port}/"]
            tell([*secure, f"http://{named}:{ports.port}/"])
            await anext(signals)


async def _listen(host: str, port: int) -> list[socket.socket]:
    try:
        return await open_listeners(host, port)
    except OSError as error:
        raise StartError(f"cannot listen on {host} port {port}: {error}") from error


def _number(listeners: list[socket.socket]) -> int:
    number: int = listeners[0].getsockname()[1]
    return number
