"""One WebSocket connection to a game server: bytes in, bytes out, and how it ended.

Owns connecting (TCP, TLS, the opening handshake), and the deadlines of sending and closing.  Turns
every failure of trio-websocket into ``ConnectionLost``.  Never decodes a message: that is
``game_client.py``.
"""

from __future__ import annotations

import os
import ssl
import urllib.parse
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import attrs
import trio
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    WebSocketConnection,
    wrap_client_stream,
)
from wsproto.utilities import LocalProtocolError as WsprotoLocalError

from clients.client_stream import ClientStream
from clients.errors import ConnectionLost
from clients.nursery import open_unwrapping_nursery
from clients.shared_reader import SharedReader
from gameserver.errors import LocalProtocolError
from gameserver.protocol.closing import CONNECTION_LOST, ClientAction, CloseCode, close_reason
from gameserver.protocol.frames import masked_frame
from gameserver.protocol.messages import SUBPROTOCOL

#: Longest silence of a server.  It sends something at least once a second, as the client pings it.
SILENCE_DEADLINE_S: Final = 10.0
#: Longest time for sending one message.
SEND_DEADLINE_S: Final = 5.0
#: Longest time for the closing handshake; then TCP is closed without it.
CLOSE_DEADLINE_S: Final = 2.0
#: More than ``MAX_SERVER_MESSAGE_BYTES``, so that the decoder refuses messages that are too long.
MAX_MESSAGE_BYTES: Final = 4 << 20
#: Random bytes for the masks of frames are drawn so many at a time.
_CHANCE_BYTES: Final = 1024
#: HTTP statuses of the opening handshake after which another attempt may succeed (RFC 9110, 15.5
#: and 15.6; RFC 6585, 4).
_PASSING_STATUS: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


#: Wraps the TCP stream, for example in a link of ``clients/lab``; its tasks go into the nursery.
Via = Callable[[trio.abc.HalfCloseableStream, trio.Nursery], trio.abc.HalfCloseableStream]


@attrs.frozen
class Address:
    """The parts of a ws:// or wss:// URL."""

    host: str
    port: int
    #: The value of the ``Host`` header.
    authority: str
    resource: str
    secure: bool

    @classmethod
    def from_url(cls, url: str) -> Address:
        """Return the address in ``url``; ``LocalProtocolError`` if it is not a valid URL."""
        try:
            parts = urllib.parse.urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise LocalProtocolError(f"{url!r} is not an address: {error}") from error
        plain = url.isascii() and url.isprintable() and " " not in url
        if parts.scheme not in ("ws", "wss") or not host or not plain:
            raise LocalProtocolError(f"{url!r} is not an address such as ws://localhost:8000/")
        secure = parts.scheme == "wss"
        return cls(
            host,
            port or (443 if secure else 80),
            parts.netloc.rpartition("@")[2],
            (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
            secure,
        )


class Connection:
    """An open WebSocket; ``open_connection`` makes it and closes it.

    ``tasks`` is a nursery that lives as long as the connection.  ``reader`` reads its messages, if
    it can; None: a task of its own does.
    """

    def __init__(
        self, stream: ClientStream, tasks: trio.Nursery, reader: SharedReader | None = None
    ) -> None:
        self.stream: Final = stream
        self.tasks: Final = tasks
        self._reader = reader
        self._ws: WebSocketConnection | None = None
        self._carried = trio.Event()
        self._closing = False
        #: Whether nothing will come any more, and how trio-websocket says that it ended.
        self._over = False
        self._closed: ConnectionClosed | None = None
        #: Why the connection ended, if trio-websocket cannot know it.
        self._failure: ConnectionLost | None = None
        self._chance = b""

    # ------------------------------------------------------------ in

    async def receive(self) -> bytes:
        """Return the next binary message; ``ConnectionLost`` if the connection has ended.

        For the time before ``deliver``.
        """
        waiting = self.stream.waiting
        with trio.move_on_after(SILENCE_DEADLINE_S):
            await trio.lowlevel.checkpoint()
            while not waiting and not self._over:
                await self.stream.news.park()
        if waiting:
            self.stream.news.unpark_all()
            return waiting.popleft()
        if not self._over:
            await self.fall_silent()
        raise self._lost(self._closed)

    async def deliver(self, take: Callable[[bytes], None], until: trio.Event) -> None:
        """Hand every message to ``take`` at once, until the event ``until`` is set.

        ``ConnectionLost`` if the connection ends before.
        """
        self.stream.deliver_to(take)
        if self._reader is not None:
            self._reader.add(self.stream)
        self.tasks.start_soon(self._tell_when_over, until)
        await until.wait()
        if self._over:
            raise self._lost(self._closed)

    async def _tell_when_over(self, until: trio.Event) -> None:
        while not self._over:
            await self.stream.news.park()
        until.set()

    async def fall_silent(self) -> None:
        """End the connection, as nothing came for ``SILENCE_DEADLINE_S``."""
        self._failure = ConnectionLost(CONNECTION_LOST, "the server fell silent")
        # Code 1000 would mean that the player leaves, and the server would free the seat.
        await self.fail(CloseCode.TOO_SLOW, "")

    async def _follow_end(self, ws: WebSocketConnection) -> None:
        """Note how the connection ends; a task."""
        try:
            await ws.get_message()  # binary ones do not come this way
            await self.fail(CloseCode.UNSUPPORTED_DATA, "a text message came")
        except ConnectionClosed as closed:
            if closed.reason is None:  # the lower layer failed, and its task knows why
                await trio.aclose_forcefully(self.stream)
                await self._carried.wait()
            self._closed = closed
        if (fault := self.stream.fault) is not None and self._failure is None:
            self._failure = ConnectionLost(CloseCode.PROTOCOL_ERROR, str(fault))
        self._over = True
        self.stream.news.unpark_all()

    # ------------------------------------------------------------ out

    def post(self, data: bytes) -> None:
        """Send one binary message without waiting; ``ConnectionLost`` if that is not possible."""
        if self._closing or self._over or self._failure is not None:
            raise self._lost(self._closed)
        if not self._chance:
            self._chance = os.urandom(_CHANCE_BYTES)
        mask, self._chance = self._chance[:4], self._chance[4:]
        self.stream.post(masked_frame(data, mask))

    async def send(self, data: bytes) -> None:
        """Send one binary message, and wait until the peer accepts it.

        ``ConnectionLost`` if that is not possible.  A send that is cancelled still sends it whole:
        half a frame would corrupt the stream.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        self.post(data)
        await self.stream.drained()
        if self._failure is not None or self.stream.ended.is_set():
            raise self._lost(self._closed)

    async def _send_rest(self) -> None:
        """Send what the peer did not accept at once; a task."""
        try:
            while True:
                await self.stream.unsent()
                with trio.fail_after(SEND_DEADLINE_S):
                    await self.stream.flush()
        except trio.TooSlowError:
            self._failure = ConnectionLost(CONNECTION_LOST, "the server takes no more bytes")
            await trio.aclose_forcefully(self.stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # whoever reads learns how the connection has ended

    # ------------------------------------------------------------ the end

    async def fail(self, code: int, reason: str) -> ConnectionLost:
        """Close because of an error of the server; return the exception that says so."""
        if self._failure is None:
            self._failure = ConnectionLost(code, reason)
        await self.close(code, reason)
        return self._lost(None)

    async def close(self, code: int = CloseCode.NORMAL, reason: str = "") -> None:
        """Close with a handshake, or without one if the server does not answer."""
        self._closing = True
        with trio.move_on_after(CLOSE_DEADLINE_S, shield=True):
            try:
                if self._ws is not None:
                    await self._ws.aclose(code, close_reason(reason) or None)
            except WsprotoLocalError:  # both sides close at once
                pass
        await trio.aclose_forcefully(self.stream)

    def _lost(self, closed: ConnectionClosed | None) -> ConnectionLost:
        """Return why the connection ended, as a new exception for each call."""
        if (known := self._failure) is not None:
            return ConnectionLost(known.code, known.reason, action=known.action)
        reason = closed.reason if closed is not None else self._ws.closed if self._ws else None
        if reason is None or reason.code == CONNECTION_LOST:
            return ConnectionLost(CONNECTION_LOST, "the connection was lost")
        return ConnectionLost(reason.code, reason.reason or "")

    # ------------------------------------------------------------ the opening handshake

    async def shake_hands(self, address: Address) -> None:
        """Return when the WebSocket is open; ``ConnectionLost`` if the handshake fails."""
        settled = trio.Event()
        self.tasks.start_soon(self._send_rest)
        self.tasks.start_soon(self._carry, address, settled)
        await settled.wait()
        if self._ws is None:
            raise self._lost(None)
        if self._ws.subprotocol != SUBPROTOCOL:
            raise await self.fail(
                CloseCode.PROTOCOL_ERROR, f"the server does not speak {SUBPROTOCOL}"
            )
        self.tasks.start_soon(self._follow_end, self._ws)

    async def _carry(self, address: Address, settled: trio.Event) -> None:
        """Run trio-websocket's task, and keep its errors from all other tasks.

        Sets ``settled`` when the handshake has succeeded or failed.
        """
        try:
            async with trio.open_nursery() as nursery:
                with trio.CancelScope() as opening:
                    # trio-websocket would wait forever for the answer of a peer that is gone.
                    nursery.start_soon(_cancel_after, self.stream.ended, opening)
                    self._ws = await wrap_client_stream(
                        nursery,
                        self.stream,  # type: ignore[arg-type]  # any stream does
                        address.authority,
                        address.resource,
                        subprotocols=[SUBPROTOCOL],
                        max_message_size=MAX_MESSAGE_BYTES,
                    )
                    settled.set()
        except* ConnectionRejected as group:
            self._failure = _rejected(group)
        except* Exception as group:  # noqa: BLE001 - becomes the reason of ConnectionLost
            # trio-websocket can fail on what a peer sends, e.g. a ping while it closes.
            self._failure = ConnectionLost(
                CONNECTION_LOST, f"the WebSocket failed: {group.exceptions[0]!r}"
            )
        finally:
            self._carried.set()
            settled.set()
            await trio.aclose_forcefully(self.stream)


def _rejected(group: BaseExceptionGroup[ConnectionRejected]) -> ConnectionLost:
    error = group.exceptions[0]
    assert isinstance(error, ConnectionRejected)
    passing = error.status_code in _PASSING_STATUS
    return ConnectionLost(
        CONNECTION_LOST,
        f"the server answered with HTTP status {error.status_code}",
        action=ClientAction.RESUME if passing else ClientAction.STOP,
    )


async def _cancel_after(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


async def _open_stream(
    address: Address, ssl_context: ssl.SSLContext | None, via: Via | None, tasks: trio.Nursery
) -> trio.abc.Stream:
    """Connect TCP, and TLS over it; trio sets TCP_NODELAY on the streams that it opens."""
    try:
        tcp: trio.abc.HalfCloseableStream
        tcp = await trio.open_tcp_stream(address.host, address.port)
        if via is not None:
            tcp = via(tcp, tasks)
        if not address.secure:
            return tcp
        stream = trio.SSLStream(
            tcp,
            ssl_context or ssl.create_default_context(),
            server_hostname=address.host,
            https_compatible=True,
        )
        try:
            await stream.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
    except OSError as error:
        raise ConnectionLost(CONNECTION_LOST, f"cannot connect: {error}") from error
    except trio.BrokenResourceError as error:
        cause = error.__cause__
        # Another attempt would meet the same certificate.
        wrong = isinstance(cause, ssl.SSLCertVerificationError)
        raise ConnectionLost(
            CONNECTION_LOST,
            f"cannot connect: {cause or error}",
            action=ClientAction.STOP if wrong else ClientAction.RESUME,
        ) from error
    return stream


@asynccontextmanager
async def open_connection(
    url: str,
    *,
    ssl_context: ssl.SSLContext | None,
    deadline_s: float,
    via: Via | None = None,
    reader: SharedReader | None = None,
) -> AsyncIterator[Connection]:
    """Connect to ``url`` within ``deadline_s``; close at the end of the block.

    ``via`` wraps the TCP stream; ``reader`` reads the messages of many connections.  An exception
    of the block is raised as it is, not in an ``ExceptionGroup``.
    """
    address = Address.from_url(url)
    async with open_unwrapping_nursery() as tasks:
        connection: Connection | None = None
        try:
            try:
                with trio.fail_after(deadline_s):
                    stream = await _open_stream(address, ssl_context, via, tasks)
                    connection = Connection(ClientStream(stream, MAX_MESSAGE_BYTES), tasks, reader)
                    await connection.shake_hands(address)
            except trio.TooSlowError:
                raise ConnectionLost(
                    CONNECTION_LOST, f"no answer within {deadline_s:g} seconds"
                ) from None
            yield connection
        finally:
            if connection is not None:
                await connection.close()
            tasks.cancel_scope.cancel()
