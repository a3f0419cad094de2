"""Connected sockets, certificates and clients that several test files share."""

from __future__ import annotations

import fcntl
import functools
import socket
import ssl
import struct
import termios
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import attrs
import trio
import trio.testing
import trio_websocket
import trustme
from wsproto import WSConnection
from wsproto.connection import ConnectionType
from wsproto.events import AcceptConnection, Event, Request

from gameserver.config import Settings
from gameserver.runtime.admission.connection_limits import ConnectionLimits
from gameserver.runtime.http.acceptor import Acceptor
from gameserver.runtime.http.endpoint import Endpoint
from gameserver.runtime.http.messages import Site
from gameserver.runtime.http.request_policy import RequestPolicy
from gameserver.runtime.net.link import Link
from gameserver.runtime.net.listening import open_listeners
from gameserver.runtime.net.tls_codec import TlsCodec
from gameserver.runtime.plain import plain_endpoints

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from trio import Nursery
    from trio_websocket import WebSocketConnection

    from gameserver.runtime.admission.connection_limits import Peer
    from gameserver.runtime.http.acceptor import AcceptorSettings
    from gameserver.runtime.http.endpoint import Handler
    from gameserver.runtime.net.websocket import WebSocket

SMALL_BUFFER_BYTES = 4096
#: An event that takes longer never comes, in seconds.
PATIENCE_S = 60.0
SUBPROTOCOL = "gameserver.v2.msgpack"


@functools.cache
def authority() -> trustme.CA:
    return trustme.CA()


@functools.cache
def server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@functools.cache
def client_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


def small_socketpair() -> tuple[socket.socket, socket.socket]:
    """Two connected sockets whose kernel buffers hold few bytes."""
    left, right = socket.socketpair()
    for sock in (left, right):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER_BYTES)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
    return left, right


async def linked(
    nursery: Nursery, *, tls: bool, stall_timeout_s: float = 20.0
) -> tuple[Link, Link]:
    """A server's link and the link of its client, with small buffers between them."""
    left, right = small_socketpair()
    if not tls:
        return (
            Link(left, nursery, stall_timeout_s=stall_timeout_s),
            Link(right, nursery, stall_timeout_s=stall_timeout_s),
        )
    server = Link(left, nursery, stall_timeout_s=stall_timeout_s, codec=TlsCodec(server_tls()))
    client = Link(
        right,
        nursery,
        stall_timeout_s=stall_timeout_s,
        codec=TlsCodec(client_tls(), server_hostname="localhost"),
    )
    async with trio.open_nursery() as handshakes:
        handshakes.start_soon(server.handshake)
        handshakes.start_soon(client.handshake)
    return server, client


@asynccontextmanager
async def two_links(
    *, tls: bool, stall_timeout_s: float = 20.0
) -> AsyncIterator[tuple[Link, Link]]:
    async with trio.open_nursery() as nursery:
        server, client = await linked(nursery, tls=tls, stall_timeout_s=stall_timeout_s)
        try:
            yield server, client
        finally:
            server.drop()
            client.drop()


class WirePeer:
    """A WebSocket client by wsproto that does exactly what a test says, over any stream."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.wire = WSConnection(ConnectionType.CLIENT)
        self.events: list[Event] = []

    async def open(self, path: str = "/echo", *subprotocols: str) -> None:
        await self.send(Request(host="localhost", target=path, subprotocols=list(subprotocols)))
        while not self.events:
            await self.receive()
        assert isinstance(self.events.pop(0), AcceptConnection)

    async def send(self, event: Event) -> None:
        await self.stream.send_all(self.wire.send(event))

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Read once; what arrived is parsed into ``events``."""
        data = await self.stream.receive_some(max_bytes)
        if data:
            self.wire.receive_data(data)
            self.events.extend(self.wire.events())
        return bytes(data)

    async def next_event(self) -> Event | None:
        """The next event, or None when the stream has ended."""
        while not self.events:
            if not await self.receive():
                return None
        return self.events.pop(0)


@attrs.frozen
class OpenAcceptor:
    """An acceptor that serves on loopback, and ways in."""

    acceptor: Acceptor
    connection_limits: ConnectionLimits
    port: int
    tls: bool

    @property
    def open_connections(self) -> int:
        return self.acceptor.statistics().open_connections

    @property
    def url(self) -> str:
        return f"{'wss' if self.tls else 'ws'}://127.0.0.1:{self.port}"

    async def connect(self) -> trio.abc.Stream:
        """A connection that sends only what a test sends."""
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        if not self.tls:
            return stream
        encrypted = trio.SSLStream(stream, client_tls(), server_hostname="127.0.0.1")
        await encrypted.do_handshake()
        return encrypted

    async def ask(self, request: bytes) -> bytes:
        """Everything that comes back for these bytes, until the acceptor ends the connection."""
        stream = await self.connect()
        try:
            await stream.send_all(request)
            return await rest_of(stream)
        finally:
            await trio.aclose_forcefully(stream)

    def websocket(self, path: str, *subprotocols: str) -> AbstractAsyncContextManager:
        """A client by trio-websocket."""
        return trio_websocket.open_websocket_url(
            self.url + path,
            ssl_context=client_tls() if self.tls else None,
            subprotocols=subprotocols,
        )


def upgrade(path: str, *headers: str) -> bytes:
    """The head of a WebSocket upgrade with further ``headers``."""
    return "\r\n".join(
        [
            f"GET {path} HTTP/1.1",
            "Host: localhost",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            *headers,
            "",
            "",
        ]
    ).encode()


async def rest_of(stream: trio.abc.Stream) -> bytes:
    """The bytes that still come until the end, be it clean or not."""
    data = b""
    with suppress(trio.BrokenResourceError):
        while part := await stream.receive_some():
            data += part
    return data


async def exchange(ws: WebSocketConnection, text: str) -> None:
    """Have a text come back."""
    await ws.send_message(text)
    assert await ws.get_message() == text


def reset(stream: trio.abc.Stream) -> None:
    """End the connection with a TCP reset."""
    transport = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
    transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.socket.close()


async def until(condition: Callable[[], object]) -> None:
    """Until ``condition``; fails by a deadline that no good server comes near."""
    with trio.fail_after(PATIENCE_S):
        while not condition():
            await trio.lowlevel.checkpoint()


async def until_delivered(stream: trio.SocketStream) -> None:
    """Until the peer's kernel has all that was sent, and the peer, a task here, has done its part.

    ``wait_all_tasks_blocked`` alone returns at once while Linux has yet to carry the bytes.
    """
    await until(lambda: _unacknowledged_bytes(stream) == 0)
    await trio.testing.wait_all_tasks_blocked()


def _unacknowledged_bytes(stream: trio.SocketStream) -> int:
    (count,) = struct.unpack("i", fcntl.ioctl(stream.socket, termios.TIOCOUTQ, bytes(4)))
    return int(count)


async def no_game(ws: WebSocket, peer: Peer) -> None:
    """A session that waits for its client to go."""
    while True:
        await ws.receive()


@asynccontextmanager
async def open_acceptor(
    *,
    tls: bool = False,
    site: Site | None = None,
    game: Handler = no_game,
    fast_path: bool = False,
    settings: AcceptorSettings | None = None,
    limits: Settings | None = None,
) -> AsyncIterator[OpenAcceptor]:
    limits = limits or Settings()
    plain = plain_endpoints()
    connection_limits = ConnectionLimits(limits)
    acceptor = Acceptor(
        site=site or Site(),
        endpoints=plain,
        policy=RequestPolicy(limits, connection_limits, plain),
        game=Endpoint(handler=game, subprotocol=SUBPROTOCOL, fast_path=fast_path),
        ssl_context=server_tls() if tls else None,
        settings=settings,
    )
    listeners = await open_listeners("127.0.0.1", 0)
    port = listeners[0].getsockname()[1]
    async with trio.open_nursery() as nursery:
        await nursery.start(acceptor.serve, listeners)
        yield OpenAcceptor(
            acceptor=acceptor, connection_limits=connection_limits, port=port, tls=tls
        )
        nursery.cancel_scope.cancel()
