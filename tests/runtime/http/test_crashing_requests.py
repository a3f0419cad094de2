"""No peer can end the server: each way in which one can crash a bare trio-websocket server.

In every test another client is connected to the same acceptor; it exchanges messages before and
after, and the acceptor has to take a new client too.
"""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from wsproto.events import BytesMessage, CloseConnection, TextMessage

from gameserver.runtime.http.acceptor import AcceptorSettings
from tests.support.broken_clients import BROKEN_FRAMES, CODES, MASKED_PING, REFUSED, head
from tests.support.sockets import (
    SUBPROTOCOL,
    OpenAcceptor,
    WirePeer,
    exchange,
    open_acceptor,
    reset,
    rest_of,
    until,
    until_delivered,
)

both = pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])


@asynccontextmanager
async def witnessed(*, tls: bool, **options):
    """An acceptor with a second client on it that must not notice anything."""
    async with open_acceptor(tls=tls, **options) as opened, opened.websocket("/echo") as witness:
        await exchange(witness, "before")
        yield opened
        await exchange(witness, "after")
        async with opened.websocket("/echo") as late:
            await exchange(late, "a new client")
        assert opened.acceptor.statistics().crashed == 0


# Requests that wsproto would crash on, accept, or hold a task for


@both
@pytest.mark.parametrize("request_head", REFUSED.values(), ids=REFUSED.keys())
async def test_a_bad_upgrade_is_answered_and_hurts_nobody(tls, request_head):
    async with witnessed(tls=tls) as opened:
        stream = await opened.connect()
        await stream.send_all(request_head)
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 400 ")
        await trio.aclose_forcefully(stream)


@both
async def test_an_upgrade_with_a_head_over_8_kib_is_refused(tls):
    async with witnessed(tls=tls) as opened:
        for spare_bytes, status in ((0, b"101"), (-1, b"431")):
            padding = 8192 - len(head(Cookie=b"")) - spare_bytes
            stream = await opened.connect()
            await stream.send_all(head(Cookie=b"x" * padding))
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 " + status)
            await trio.aclose_forcefully(stream)


@both
@pytest.mark.parametrize("version", [b"12", b"", b"13, 8", None])
async def test_another_websocket_version_is_told_the_right_one(tls, version):
    async with witnessed(tls=tls) as opened:
        stream = await opened.connect()
        await stream.send_all(head(Sec_WebSocket_Version=version))
        answer = await stream.receive_some()
        assert answer.startswith(b"HTTP/1.1 426 ")
        assert b"\r\nsec-websocket-version: 13\r\n" in answer.lower()
        await trio.aclose_forcefully(stream)


@both
@pytest.mark.parametrize(
    "changes",
    [
        {"Connection": b"keep-alive, Upgrade"},
        {"Connection": b"Upgrade\r\nConnection: keep-alive"},
        {"Sec_WebSocket_Protocol": b"x\r\nSec-WebSocket-Protocol: " + SUBPROTOCOL.encode()},
        {"Sec_WebSocket_Extensions": b"permessage-deflate"},
        {"Origin": b"http://localhost"},
        {"Cookie": b"\xff\xfe"},
    ],
    ids=["list", "two headers", "two protocols", "extensions", "origin", "cookie"],
)
async def test_what_a_good_client_may_send_is_accepted(tls, changes):
    async with witnessed(tls=tls) as opened:
        stream = await opened.connect()
        await stream.send_all(head(**changes))
        answer = await stream.receive_some()
        assert answer.startswith(b"HTTP/1.1 101 ")
        assert b"extensions" not in answer.lower()
        await trio.aclose_forcefully(stream)


@both
@pytest.mark.parametrize(
    "sent", [b"\x00\xff\r\n\r\n", head(Connection=None), head(), b"GET / HTTP/1.1\r\nHos"]
)
async def test_a_request_followed_by_a_reset(tls, sent):
    async with witnessed(tls=tls) as opened:
        for _ in range(10):
            stream = await opened.connect()
            await stream.send_all(sent)
            reset(stream)
        await until(lambda: opened.open_connections <= 1)


async def out_of_time(opened, said, mock_clock):
    """All that comes back for these bytes, if nothing follows them until the time is up."""
    accepted = opened.acceptor.statistics().accepted
    stream = await trio.open_tcp_stream("127.0.0.1", opened.port)
    await until(lambda: opened.acceptor.statistics().accepted > accepted)
    await stream.send_all(said)
    await until_delivered(stream)
    mock_clock.jump(AcceptorSettings().handshake_timeout_s)
    answer = await rest_of(stream)
    await stream.aclose()
    return answer


async def test_a_connection_that_says_nothing_is_ended(mock_clock):
    async with witnessed(tls=False) as opened:
        assert await out_of_time(opened, b"", mock_clock) == b""
        answer = await out_of_time(opened, b"GET / HT", mock_clock)
        assert answer.startswith(b"HTTP/1.1 408 ")


async def test_a_tls_handshake_that_stops_or_is_none(mock_clock):
    async with open_acceptor(tls=True) as opened:
        for said in (b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"):
            await out_of_time(opened, said, mock_clock)
        for said in (b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"):
            stream = await trio.open_tcp_stream("127.0.0.1", opened.port)
            await stream.send_all(said)
            reset(stream)
        await until(lambda: opened.open_connections <= 0)
        async with opened.websocket("/echo") as late:
            await exchange(late, "after")
        assert opened.acceptor.statistics().crashed == 0
        assert opened.acceptor.statistics().failed >= 3


# Sessions


async def playing(opened: OpenAcceptor) -> WirePeer:
    peer = WirePeer(await opened.connect())
    await peer.open("/arena", SUBPROTOCOL)
    return peer


@both
async def test_a_ping_during_our_close_handshake(tls):
    """The client still learns why it was closed."""

    async def closing_game(ws, peer):
        await ws.close(4010, "kicked")

    async with witnessed(tls=tls, game=closing_game) as opened:
        peer = await playing(opened)
        await peer.stream.send_all(MASKED_PING)
        event = await peer.next_event()
        assert isinstance(event, CloseConnection)
        assert (event.code, event.reason) == (4010, "kicked")
        await rest_of(peer.stream)
        await trio.aclose_forcefully(peer.stream)
        await until(lambda: opened.open_connections <= 1)


@both
@pytest.mark.parametrize("name", BROKEN_FRAMES.keys())
async def test_a_broken_frame_ends_only_its_connection(tls, name):
    """With a close frame that says why, and an end that is no reset, whatever else was sent."""
    async with witnessed(tls=tls) as opened:
        peer = await playing(opened)
        await peer.stream.send_all(BROKEN_FRAMES[name] + MASKED_PING * 100)
        event = await peer.next_event()
        assert isinstance(event, CloseConnection)
        assert event.code == CODES.get(name, 1002)
        assert await peer.stream.receive_some() == b""
        await trio.aclose_forcefully(peer.stream)
        await until(lambda: opened.open_connections <= 1)


@both
async def test_a_message_that_is_too_big_is_closed_1009(tls):
    """And the close frame arrives although the rest of the message was never read."""
    async with witnessed(tls=tls) as opened:
        peer = await playing(opened)
        await peer.send(BytesMessage(data=bytes(40_000)))
        event = await peer.next_event()
        assert isinstance(event, CloseConnection)
        assert event.code == 1009
        assert await peer.stream.receive_some() == b""  # an end, not a reset
        await trio.aclose_forcefully(peer.stream)
        await until(lambda: opened.open_connections <= 1)


@both
@pytest.mark.parametrize("part", [1, 3, 7])
async def test_a_reset_in_mid_message(tls, part):
    async with witnessed(tls=tls) as opened:
        peer = await playing(opened)
        await peer.stream.send_all(peer.wire.send(TextMessage(data="hello"))[:part])
        reset(peer.stream)
        await until(lambda: opened.open_connections <= 1)


@both
async def test_a_flood_of_pings_from_a_client_that_reads_nothing(tls):
    async with witnessed(tls=tls) as opened:
        peer = await playing(opened)
        await peer.stream.send_all(MASKED_PING * 3000)
        reset(peer.stream)
        await until(lambda: opened.open_connections <= 1)


@both
async def test_a_handler_that_crashes_closes_1011_and_is_logged_once(tls, capsys):
    async def bug(ws, peer):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            raise FileNotFoundError("a bug of the game")

    async with open_acceptor(tls=tls, game=bug) as opened, opened.websocket("/echo") as witness:
        await exchange(witness, "before")
        peer = await playing(opened)
        event = await peer.next_event()
        assert isinstance(event, CloseConnection)
        assert event.code == 1011
        await trio.aclose_forcefully(peer.stream)
        await exchange(witness, "after")
        assert opened.acceptor.statistics().crashed == 1
    assert capsys.readouterr().out.count("session crashed") == 1
