"""How TLS begins: what is waited for before OpenSSL is asked, and that it works all the same."""

from __future__ import annotations

import itertools
import socket
import ssl
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from gameserver.runtime.net.link import Link
from gameserver.runtime.net.listening import RECEIVE_BUFFER_BYTES
from gameserver.runtime.net.tls_codec import HEADER_BYTES
from gameserver.runtime.net.tls_handshake import wait_for_first_record
from tests.support.examples import examples
from tests.support.sockets import PATIENCE_S, authority, client_tls, reset, server_tls, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


#: Linux allows so much by default (``rmem_max``), and takes twice as much.
ROOM_FOR_SINGLE_BYTES = 208 * 1024


class Client:
    """A client whose hello is in ``hello`` and is sent by the test, in any pieces."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self.stream = trio.SocketStream(trio.socket.from_stdlib_socket(sock))
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname="localhost")
        with pytest.raises(ssl.SSLWantReadError):
            self._tls.do_handshake()
        self.hello = self._out.read()

    async def arrive(self, data: bytes) -> None:
        """Send it, and let the server do with it what it will."""
        await self.stream.send_all(data)
        await trio.testing.wait_all_tasks_blocked()

    async def shake_hands(self) -> None:
        """Everything after the hello."""
        over = False
        while not over:
            with suppress(ssl.SSLWantReadError):
                self._tls.do_handshake()
                over = True
            if answer := self._out.read():
                await self.stream.send_all(answer)
            if not over:
                self._in.write(await self.stream.receive_some())

    async def read(self) -> bytes:
        while True:
            try:
                return self._tls.read()
            except ssl.SSLWantReadError:
                self._in.write(await self.stream.receive_some())


def long_winded_tls() -> ssl.SSLContext:
    """A client's context whose hello is some 12 KB long."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    context.set_alpn_protocols([f"{i:->250}" for i in range(48)])
    return context


def terse_tls() -> ssl.SSLContext:
    """A client's context whose hello is as short as OpenSSL has it."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM")
    return context


class Server:
    """The server's link, and how often it has waited."""

    def __init__(self, link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
        self.link = link
        self.waits = 0
        self.failure: BaseException | None = None
        self.done = trio.Event()
        wait_readable = trio.lowlevel.wait_readable

        async def counted(sock: socket.socket) -> None:
            if sock is link._socket:
                self.waits += 1
            await wait_readable(sock)

        monkeypatch.setattr(trio.lowlevel, "wait_readable", counted)

    async def handshake(self) -> None:
        try:
            await self.link.handshake()
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self.failure = error
        self.done.set()

    @property
    def untouched(self) -> bool:
        """No SSL object exists."""
        return self.link._codec is None and self.link._tls is None

    @property
    def low_water_bytes(self) -> int:
        return self.link._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT)


def connected_sockets(receive_buffer_bytes: int) -> tuple[socket.socket, socket.socket]:
    """The server's end and the client's, which sends small segments."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        theirs = socket.socket()
        theirs.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        theirs.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        theirs.connect(listener.getsockname())
        ours, _ = listener.accept()
    return ours, theirs


@asynccontextmanager
async def connected(
    *,
    receive_buffer_bytes: int = RECEIVE_BUFFER_BYTES,
    tcp: bool = True,
    client_tls: Callable[[], ssl.SSLContext] = client_tls,
) -> AsyncIterator[tuple[Server, Client]]:
    """A server's link that shakes hands, and its client, which has sent nothing yet."""
    ours, theirs = connected_sockets(receive_buffer_bytes) if tcp else socket.socketpair()
    with pytest.MonkeyPatch.context() as monkeypatch, theirs, ours:
        client = Client(theirs, client_tls())
        async with trio.open_nursery() as nursery:
            server = Server(Link.accepted(ours, nursery, ssl_context=server_tls()), monkeypatch)
            nursery.start_soon(server.handshake)
            await trio.testing.wait_all_tasks_blocked()
            try:
                yield server, client
            finally:
                server.link.drop()
                client.stream.socket.close()


async def play(server: Server, client: Client) -> None:
    """The rest of the handshake succeeds, and the session that it makes works."""
    with trio.fail_after(PATIENCE_S):
        await client.shake_hands()
        await server.done.wait()
        assert server.failure is None
        assert server.low_water_bytes == 1
        assert server.link.post(b"welcome")
        assert await client.read() == b"welcome"


def in_two_records(hello: bytes) -> tuple[bytes, bytes]:
    kind_and_version, message = hello[:3], hello[HEADER_BYTES:]
    first, second = message[:50], message[50:]
    return (
        kind_and_version + len(first).to_bytes(2) + first,
        kind_and_version + len(second).to_bytes(2) + second,
    )


# Hellos, however they come


async def test_a_hello_in_one_piece():
    async with connected() as (server, client):
        assert server.untouched
        await client.arrive(client.hello)
        await play(server, client)


async def test_a_hello_byte_by_byte_wakes_nobody_and_touches_nothing_before_its_last():
    # The kernel keeps up to a KB for each byte that comes alone, and wakes us once its buffer is
    # full of that.  How many it joins depends on the machine, so here it has room for all of them.
    async with connected(receive_buffer_bytes=ROOM_FOR_SINGLE_BYTES, client_tls=terse_tls) as (
        server,
        client,
    ):
        assert len(client.hello) < 256
        for i in range(len(client.hello) - 1):
            await client.arrive(client.hello[i : i + 1])
            assert server.untouched
        await until(lambda: server.waits == 2)
        await client.arrive(client.hello[-1:])
        await until(lambda: not server.untouched)
        await play(server, client)


async def test_a_hello_of_many_segments():
    async with connected(client_tls=long_winded_tls) as (server, client):
        assert len(client.hello) > 12_000
        for i in range(0, len(client.hello) - 1, 500):
            assert server.untouched
            await client.arrive(client.hello[i : min(i + 500, len(client.hello) - 1)])
        await until(lambda: server.waits == 2)
        assert server.untouched
        await client.arrive(client.hello[-1:])
        await play(server, client)


async def test_a_hello_in_two_records():
    async with connected() as (server, client):
        first, second = in_two_records(client.hello)
        await client.arrive(first[:-1])
        assert server.untouched
        await client.arrive(first[-1:])
        await until(lambda: not server.untouched)
        await client.arrive(second)
        await play(server, client)


@pytest.mark.parametrize(
    "place", [{"tcp": False}, {"receive_buffer_bytes": 1024}], ids=["no TCP", "a small buffer"]
)
async def test_where_the_kernel_does_not_wait_openssl_does(place):
    async with connected(client_tls=long_winded_tls, **place) as (server, client):
        with trio.fail_after(PATIENCE_S):
            await client.arrive(client.hello[:3000])
            await until(lambda: not server.untouched)
            await trio.testing.wait_all_tasks_blocked()  # it does not spin
            await client.stream.send_all(client.hello[3000:])
        await play(server, client)


async def test_woken_for_nothing_it_leaves_the_waiting_to_openssl():
    async def do_not_wait(ready: object) -> None:
        await trio.lowlevel.checkpoint()

    ours, theirs = connected_sockets(RECEIVE_BUFFER_BYTES)
    ours.settimeout(0)
    with theirs, ours:
        await wait_for_first_record(ours, do_not_wait)
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1


@settings(max_examples=examples(40))
@given(st.data())
def test_a_hello_in_any_pieces(data):
    async def main() -> None:
        tcp = data.draw(st.booleans())
        async with connected(tcp=tcp) as (server, client):
            whole = client.hello
            cuts = data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=12))
            edges = [0, *sorted(cuts), len(whole)]
            for begin, end in itertools.pairwise(edges):
                assert server.untouched or not tcp
                await client.arrive(whole[begin:end])
            await play(server, client)

    trio.run(main)


# Bytes that are no hello


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "HTTP_REQUEST"),
        (b"GET /", "HTTP_REQUEST"),
        (b"\x00\x00\x00\x00\x00", "WRONG_VERSION_NUMBER"),
        (b"\x16\x02\x01\x00\x05", "WRONG_VERSION_NUMBER"),
        (b"\x16\x03\x01\xff\xff", "PACKET_LENGTH_TOO_LONG"),
        (b"\x16\x03\x01\x41\x41", None),
        (b"\x16\x03\x01\x00\x05hello", None),
    ],
    ids=["http", "http begun", "zeros", "version 2", "too long", "one too long", "no message"],
)
async def test_bytes_that_are_no_tls_hello_are_refused_at_once(sent, reason):
    async with connected() as (server, client):
        await client.stream.send_all(sent)
        with trio.fail_after(PATIENCE_S):
            await server.done.wait()
        assert isinstance(server.failure, trio.BrokenResourceError)
        assert "TLS handshake failed" in str(server.failure)
        cause = server.failure.__cause__
        assert isinstance(cause, ssl.SSLError)
        if reason is not None:
            assert cause.reason == reason


@pytest.mark.parametrize("sent_bytes", [0, 3, HEADER_BYTES, 100], ids=lambda n: f"{n} bytes")
@pytest.mark.parametrize("tcp", [True, False], ids=["tcp", "unix"])
async def test_a_peer_that_ends_first(sent_bytes, tcp):
    async with connected(tcp=tcp) as (server, client):
        await client.arrive(client.hello[:sent_bytes])
        assert server.untouched or not tcp
        await client.stream.send_eof()
        with trio.fail_after(PATIENCE_S):
            await server.done.wait()
        assert isinstance(server.failure, trio.BrokenResourceError)
        assert isinstance(server.failure.__cause__, ssl.SSLEOFError)
        assert server.untouched == (sent_bytes == 0)


@pytest.mark.parametrize("sent_bytes", [0, 3, HEADER_BYTES, 100], ids=lambda n: f"{n} bytes")
async def test_a_peer_that_resets_first(sent_bytes):
    async with connected() as (server, client):
        await client.arrive(client.hello[:sent_bytes])
        assert server.untouched
        reset(client.stream)
        with trio.fail_after(PATIENCE_S):
            await server.done.wait()
        assert isinstance(server.failure, trio.BrokenResourceError)
        assert isinstance(server.failure.__cause__, OSError)


# Waiting no longer


@pytest.mark.parametrize("sent_bytes", [0, 3, HEADER_BYTES, 100], ids=lambda n: f"{n} bytes")
async def test_the_deadline_is_the_callers(sent_bytes, autojump_clock):
    ours, theirs = connected_sockets(RECEIVE_BUFFER_BYTES)
    async with trio.open_nursery() as nursery:
        link = Link.accepted(ours, nursery, ssl_context=server_tls())
        client = Client(theirs, client_tls())
        await client.stream.send_all(client.hello[:sent_bytes])
        begun_s = trio.current_time()
        with pytest.raises(trio.TooSlowError):
            with trio.fail_after(5):
                await link.handshake()
        assert trio.current_time() - begun_s == pytest.approx(5)
        assert link._codec is None
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1
        link.drop()
        client.stream.socket.close()


async def test_a_link_that_is_dropped_waits_no_longer():
    async with connected() as (server, client):
        await client.arrive(client.hello[:100])
        server.link.drop()
        await trio.testing.wait_all_tasks_blocked()
        assert isinstance(server.failure, trio.ClosedResourceError)


async def test_nothing_is_sent_in_the_clear():
    async with connected() as (server, client):
        assert not server.link.post(b"secret")
        with pytest.raises(RuntimeError, match="handshake must come first"):
            await server.link.send_all(b"secret")
        await client.arrive(client.hello)
        await play(server, client)
