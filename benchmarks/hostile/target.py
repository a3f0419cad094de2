"""Means of an attacker: source addresses, and ways to connect, join and misbehave at the end.

Owns sockets.  ``ammunition.py`` has the bytes to send, ``attacks.py`` decides when and how often.
"""

from __future__ import annotations

import ipaddress
import itertools
import random
import socket
import ssl
from collections.abc import Iterator
from typing import Final

import attrs
import trio

from benchmarks.hostile.light import CLOSE, LINGER_RESETS, PING, PONG, first_frame
from gameserver.errors import RemoteProtocolError
from gameserver.protocol.closing import CloseCode
from gameserver.protocol.messages import Bye, ServerMessage, Status, Welcome, decode_from_server
from tests.support.attack_bytes import UPGRADE, hello, masked
from tests.support.tls_records import ForgedTls

#: Honest players come from 127.0.0.1; attackers from here on (all of 127/8 is this machine).
FIRST_ADDRESS: Final = ipaddress.IPv4Address("127.66.0.1")
#: For anything that a server should answer; one under attack may also say nothing.
ANSWER_WITHIN_S: Final = 10.0

GONE: Final = (OSError, trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError)


class TurnedAway(Exception):
    """The server ended the connection instead of going on; it may have said when to come again."""

    def __init__(self, retry_after_s: float | None = None) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s


@attrs.define
class Tally:
    """Counts of the attackers' acts.  ``endings``: connections that the server ended.

    ``resumed``: seats that they came back to by right, ``stolen``: without one, ``seats_lost``:
    that they should have got back, or kept.  ``shut_out``: honest newcomers among them who were
    not let in.  ``rooms``: the most that all of them together had opened at a time.
    ``misled``: requests for a host that is not the server's which it answered all the same.
    """

    connections: int = 0
    refused: int = 0
    joined: int = 0
    resumed: int = 0
    stolen: int = 0
    seats_lost: int = 0
    endings: int = 0
    shut_out: int = 0
    rooms: int = 0
    misled: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0


@attrs.define
class Target:
    """The server under attack.  ``addresses``: from how many an attacker comes, in turn."""

    port: int
    tls_port: int
    addresses: int
    seed: int
    rng: random.Random = attrs.field(init=False)
    tally: Tally = attrs.field(factory=Tally, init=False)
    _from: Iterator[int] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self._from = itertools.cycle(range(self.addresses))

    async def connect(
        self,
        *,
        to_tls: bool = False,
        receive_buffer: int | None = None,
        source: str | None = None,
    ) -> Wire:
        """Connect TCP from ``source`` or the next address; ``OSError`` if that is refused."""
        sock = trio.socket.socket()
        try:
            if receive_buffer is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            # Only the address is bound here; with the port, ports would run out.
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
            await sock.bind((source or self.next_address(), 0))
            with trio.fail_after(ANSWER_WITHIN_S):
                await sock.connect(("127.0.0.1", self.tls_port if to_tls else self.port))
        except BaseException as error:
            sock.close()
            if isinstance(error, GONE):
                self.tally.refused += 1
            raise
        self.tally.connections += 1
        return Wire(sock, self.tally)

    async def connect_tls(self) -> Wire:
        """Connect, and shake hands as TLS wants it."""
        raw = await self.connect(to_tls=True)
        stream = trio.SSLStream(trio.SocketStream(raw.sock), any_certificate())
        try:
            with trio.fail_after(ANSWER_WITHIN_S):
                await stream.do_handshake()
        except BaseException:
            raw.reset()
            raise
        return Wire(raw.sock, self.tally, stream)

    async def connect_forging(self, version: ssl.TLSVersion) -> tuple[Wire, ForgedTls]:
        """Connect and shake hands as in ``connect_tls``, so that any record can be sent after it.

        The wire is below TLS: what is sent over it must be a record.
        """
        wire, client = await self.connect(to_tls=True), ForgedTls(version)
        try:
            with trio.fail_after(ANSWER_WITHIN_S):
                await wire.send(client.shake_hands(b""))
                while not client.over:
                    await wire.send(client.shake_hands(await wire.receive()))
        except BaseException:
            client.forget()
            wire.reset()
            raise
        return wire, client

    async def open(self, *, receive_buffer: int | None = None) -> Wire:
        """Connect as far as the WebSocket; ``TurnedAway`` if the answer is no."""
        wire = await self.connect(receive_buffer=receive_buffer)
        try:
            await wire.upgrade()
        except BaseException:
            wire.reset()
            raise
        return wire

    async def enter(self, message: bytes | None = None) -> Wire:
        """Connect and join with ``message`` (None: a good hello); ``TurnedAway`` if not let in."""
        wire = await self.open()
        try:
            await wire.join(self.name_hello() if message is None else message)
        except BaseException:
            wire.reset()
            raise
        return wire

    def name(self) -> str:
        """Return some name."""
        return f"mallory {self.rng.randrange(10**6)}"

    def name_hello(self) -> bytes:
        """Return a hello under some name."""
        return hello(self.name())

    def next_address(self) -> str:
        """Return where the next one comes from."""
        return str(FIRST_ADDRESS + next(self._from))


class Wire:
    """One connection of an attacker; ``stream`` is over TLS if the connection is."""

    def __init__(
        self,
        sock: trio.socket.SocketType,
        tally: Tally,
        stream: trio.abc.Stream | None = None,
    ) -> None:
        self.sock: Final = sock
        self.stream: Final = trio.SocketStream(sock) if stream is None else stream
        self._tally = tally
        self._read = b""
        self._welcome: Welcome | None = None

    @property
    def welcome(self) -> Welcome:
        """The message that answered the hello."""
        assert self._welcome is not None, "join comes first"
        return self._welcome

    async def send(self, data: bytes) -> None:
        """Send all of ``data``."""
        await self.stream.send_all(data)
        self._tally.bytes_sent += len(data)

    async def receive(self) -> bytes:
        """Return what comes next; ``TurnedAway`` at the end."""
        data = bytes(await self.stream.receive_some(65536))
        self._tally.bytes_received += len(data)
        if not data:
            self._tally.endings += 1
            raise TurnedAway
        return data

    async def drain(self) -> None:
        """Read and drop everything until the server closes the connection."""
        try:
            while True:
                await self.receive()
        except TurnedAway:
            return
        except GONE:
            self._tally.endings += 1

    async def upgrade(self, request: bytes = UPGRADE) -> None:
        """Shake hands; ``TurnedAway`` if the answer is another."""
        if not (await self.ask(request)).startswith(b"HTTP/1.1 101 "):
            raise TurnedAway

    async def ask(self, request: bytes) -> bytes:
        """Send a request and return the head of the answer."""
        await self.send(request)
        with trio.fail_after(ANSWER_WITHIN_S):
            while b"\r\n\r\n" not in self._read:
                self._read += await self.receive()
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        return head

    async def join(self, message: bytes) -> Welcome:
        """Send ``message`` and return the welcome; ``TurnedAway`` if the answer is another."""
        await self.send(masked(message))
        with trio.fail_after(ANSWER_WITHIN_S):
            answer = _decoded(await self._next_message())
        if isinstance(answer, Bye):
            raise TurnedAway(answer.retry_after_s)
        if not isinstance(answer, Welcome):
            raise TurnedAway
        self._tally.joined += 1
        self._welcome = answer
        return answer

    async def be_known(self) -> None:
        """Play until the server has told what its first ping measured: now it holds the seat.

        ``TurnedAway`` if the connection ends before.
        """
        with trio.fail_after(ANSWER_WITHIN_S):
            while not isinstance(_decoded(await self._next_message()), Status):
                pass

    async def stay(self) -> None:
        """Do only what an honest client must do; ``TurnedAway`` when the server closes."""
        while True:
            await self._next_message()

    async def _next_message(self) -> bytes:
        """Return what is in the next frame that is not a ping; those are answered."""
        while True:
            first, payload = await self._next_frame()
            if first != PING:
                return payload
            await self.send(masked(payload, PONG))

    async def _next_frame(self) -> tuple[int, bytes]:
        while (frame := first_frame(self._read)) is None:
            self._read += await self.receive()
        first, payload, used = frame
        self._read = self._read[used:]
        return first, payload

    async def leave(self) -> None:
        """Close normally, so that no seat is held for this client."""
        await self.send(masked(CloseCode.NORMAL.to_bytes(2, "big"), CLOSE))
        await self.drain()
        self.sock.close()

    def half_close(self) -> None:
        """Close the sending direction only."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        if self.sock.fileno() >= 0:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESETS)
            self.sock.close()


def _decoded(payload: bytes) -> ServerMessage:
    try:
        return decode_from_server(payload)
    except RemoteProtocolError:
        raise TurnedAway from None


def any_certificate() -> ssl.SSLContext:
    """Return a context of one who does not care whom it attacks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
