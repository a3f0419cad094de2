"""The echo through the whole stack: order, both paths, and a client that does not read."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from wsproto.events import BytesMessage, CloseConnection, TextMessage

from gameserver.runtime import echo_server
from gameserver.runtime.echo_server import EchoServer, open_echo_server
from gameserver.runtime.net.link import Link
from gameserver.runtime.server import StartError
from tests.support.sockets import PATIENCE_S, WirePeer, client_tls, server_tls
from tests.support.websocket_frames import frame

both = pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])


@asynccontextmanager
async def client(*, tls: bool) -> AsyncIterator[WirePeer]:
    context = server_tls() if tls else None
    async with open_echo_server("127.0.0.1", 0, ssl_context=context) as ports:
        stream: trio.abc.Stream = await trio.open_tcp_stream(
            "127.0.0.1", ports.tls_port or ports.port
        )
        if tls:
            stream = trio.SSLStream(stream, client_tls(), server_hostname="127.0.0.1")
        peer = WirePeer(stream)
        await peer.open("/any/path")
        with trio.fail_after(PATIENCE_S):
            yield peer
        await trio.aclose_forcefully(stream)


async def next_message(peer: WirePeer) -> str | bytes:
    parts: list[str | bytes] = []
    while True:
        event = await peer.next_event()
        assert isinstance(event, (BytesMessage, TextMessage)), event
        parts.append(event.data if isinstance(event, TextMessage) else bytes(event.data))
        if event.message_finished:
            return parts[0][:0].join(parts)  # type: ignore[arg-type]


@both
async def test_messages_come_back_in_order_whichever_path_they_take(tls: bool) -> None:
    """FastPath: small binary.  trio-websocket: text, large and fragmented ones."""
    messages: list[str | bytes] = []
    sent = b""
    for i in range(200):
        small, text, large = f"{i}".encode(), f"text {i}", bytes([i]) * 5000
        messages += [small, small, text, large, small, b"in two"]
        sent += frame(small) * 2 + frame(text.encode(), 0x81) + frame(large) + frame(small)
        sent += frame(b"in ", 0x02) + frame(b"two", 0x80)
    async with client(tls=tls) as peer, trio.open_nursery() as nursery:
        nursery.start_soon(peer.stream.send_all, sent)
        assert [await next_message(peer) for _ in messages] == messages


@both
async def test_small_messages_are_posted(tls: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    posted: list[bytes] = []
    post = Link.post

    def spy(link: Link, data: bytes) -> bool:
        posted.append(data)
        return post(link, data)

    monkeypatch.setattr(Link, "post", spy)
    async with client(tls=tls) as peer:
        for i in range(10):
            await peer.send(BytesMessage(data=b"%d" % i))
            assert await next_message(peer) == b"%d" % i
    assert posted == [b"\x82\x01%d" % i for i in range(10)]


async def test_without_a_poller_it_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(echo_server.poller, "AVAILABLE", False)
    async with client(tls=False) as peer:
        for message in (BytesMessage(data=b"small"), TextMessage(data="text")):
            await peer.send(message)
            assert await next_message(peer) == message.data


async def test_16_mib_come_back() -> None:
    message = bytes(range(256)) * (16 * 1024 * 1024 // 256)
    async with client(tls=False) as peer, trio.open_nursery() as nursery:
        nursery.start_soon(peer.send, BytesMessage(data=message))
        assert await next_message(peer) == message


async def test_a_client_that_never_reads_its_echoes_is_ended() -> None:
    async with client(tls=False) as peer:
        stream = peer.stream
        assert isinstance(stream, trio.SocketStream)
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with pytest.raises(trio.BrokenResourceError):
            await send_for_ever(stream, frame(bytes(4096)) * 64)


async def send_for_ever(stream: trio.abc.Stream, data: bytes) -> None:
    while True:
        await stream.send_all(data)


async def test_a_frame_that_breaks_rfc_6455_is_answered_with_a_close_frame() -> None:
    async with client(tls=False) as peer:
        await peer.stream.send_all(frame(b"fine") + frame(b"x", 0xC2) + frame(b"more") * 50)
        assert await next_message(peer) == b"fine"
        event = await peer.next_event()
        assert isinstance(event, CloseConnection)
        assert event.code == 1002
        assert await peer.stream.receive_some() == b"", "an end, not a reset"


async def test_a_taken_port_is_a_start_error() -> None:
    async with open_echo_server("127.0.0.1", 0) as ports:
        with pytest.raises(StartError, match=f"127.0.0.1 port {ports.port}"):
            async with open_echo_server("127.0.0.1", ports.port):
                pass


def test_the_limits_admit_what_the_autobahn_suite_sends() -> None:
    endpoint = EchoServer().acceptor(None)._game
    assert endpoint.max_message_bytes >= 16 * 1024 * 1024
    assert endpoint.max_fragments >= 4 * 1024 * 1024 // 64
