"""Admission through real sockets, with an honest second client beside them."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest
import trio

from gameserver.config import Settings
from gameserver.runtime.admission.connection_limits import REQUEST_COST, Peer, Reason
from tests.support.sockets import (
    PATIENCE_S,
    OpenAcceptor,
    WirePeer,
    exchange,
    open_acceptor,
    rest_of,
    until,
    upgrade,
)

both = pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])


async def connect(opened: OpenAcceptor, source: str) -> trio.SocketStream:
    return await trio.open_tcp_stream("127.0.0.1", opened.port, local_address=source)


async def answer(stream: trio.abc.Stream) -> bytes:
    with trio.fail_after(PATIENCE_S):
        return await rest_of(stream)


@both
async def test_one_over_the_cap_of_its_address_is_told_and_the_others_go_on(tls: bool) -> None:
    """The honest client plays; three others say nothing, and the fourth is one too many."""
    limits = Settings(trusted=(), connects_per_s=1000.0, max_connections_per_address=3)
    async with open_acceptor(tls=tls, limits=limits) as opened, opened.websocket("/echo") as honest:
        silent = [await connect(opened, "127.0.0.2") for _ in range(3)]
        await until(lambda: opened.open_connections == 4)
        late = await connect(opened, "127.0.0.2")
        told = await answer(late)
        if tls:
            assert told == b""
        else:
            assert told.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nRetry-After: 5\r\n" in told
        assert opened.connection_limits.turned_away == {Reason.ADDRESS: 1}
        assert opened.acceptor.statistics().refused == 1
        await exchange(honest, "still here")
        for stream in (*silent, late):
            await stream.aclose()
        await until(lambda: opened.open_connections == 1)
        assert opened.connection_limits.joining == 0
        again = await connect(opened, "127.0.0.2")
        await until(lambda: opened.open_connections == 2)
        await again.aclose()


ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF_A_TLS_RECORD = b"\x16\x03\x01\x02\x00\x01"
#: What a client may have sent when it stops: nothing; half a head; all that comes before the hello;
#: a whole request, and nothing for the next.
STOPS = {
    "silent": b"",
    "half a head": ASK[:-2],
    "no hello": upgrade("/arena", "Sec-WebSocket-Protocol: gameserver.v2.msgpack"),
    "idle": ASK,
}


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("cap", ["max_joining", "max_connections"])
async def test_whoever_says_nothing_more_keeps_nobody_out(stop: str, cap: str) -> None:
    players = 1 if cap == "max_connections" else 0
    limits = Settings(**{cap: 3 + players})  # type: ignore[arg-type]
    async with open_acceptor(limits=limits) as opened, opened.websocket("/echo") as honest:
        stuck = [await opened.connect() for _ in range(3)]
        for stream in stuck:
            await stream.send_all(STOPS[stop])
            if stop in ("no hello", "idle"):
                await stream.receive_some()
        await until(lambda: opened.open_connections == 4)
        new = await opened.connect()
        await new.send_all(ASK)
        assert (await new.receive_some()).startswith(b"HTTP/1.1 404 ")
        assert await answer(stuck[0]) == b""  # the oldest made room
        assert opened.connection_limits.turned_away == {Reason.EVICTED: 1}
        await until(lambda: opened.open_connections == 4)
        assert opened.acceptor.statistics().crashed == 0
        await exchange(honest, "still here")
        for stream in (*stuck, new):
            await stream.aclose()


async def test_half_a_tls_handshake_keeps_nobody_out() -> None:
    async with open_acceptor(tls=True, limits=Settings(max_joining=3)) as opened:
        stuck = [await connect(opened, "127.0.0.1") for _ in range(3)]
        for stream in stuck:
            await stream.send_all(HALF_A_TLS_RECORD)
        await until(lambda: opened.open_connections == 3)
        async with opened.websocket("/echo") as honest:
            await exchange(honest, "in")
        assert await answer(stuck[0]) == b""
        assert opened.acceptor.statistics().crashed == 0
        for stream in stuck:
            await stream.aclose()


async def test_players_are_not_evicted_and_a_client_over_the_cap_is_told() -> None:
    limits = Settings(max_connections=1)
    async with open_acceptor(limits=limits) as opened, opened.websocket("/echo") as honest:
        late = await opened.connect()
        assert (await answer(late)).startswith(b"HTTP/1.1 503 ")
        assert opened.connection_limits.turned_away == {Reason.CONNECTIONS: 1}
        await exchange(honest, "still here")
        await late.aclose()


async def test_an_address_over_its_cap_ends_no_idle_connection_of_others() -> None:
    limits = Settings(trusted=(), max_connections_per_address=1, connects_per_s=1e6)
    async with open_acceptor(limits=limits) as opened:
        idle = await connect(opened, "127.0.0.1")
        await idle.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await idle.receive_some()
        silent = await connect(opened, "127.0.0.2")
        await until(lambda: opened.open_connections == 2)
        for _ in range(3):
            late = await connect(opened, "127.0.0.2")
            assert (await answer(late)).startswith(b"HTTP/1.1 503 ")
            await late.aclose()
        await idle.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await idle.receive_some()).startswith(b"HTTP/1.1 404 ")
        await idle.aclose()
        await silent.aclose()


async def test_haste_of_one_address_harms_no_other() -> None:
    limits = Settings(trusted=(), max_connections_per_address=5, connects_per_s=0.001)
    async with open_acceptor(limits=limits) as opened:
        for _ in range(5):
            await (await connect(opened, "127.0.0.2")).aclose()
        await until(lambda: opened.open_connections == 0)
        hasty = await connect(opened, "127.0.0.2")
        assert (await answer(hasty)).startswith(b"HTTP/1.1 503 ")
        await hasty.aclose()
        assert opened.connection_limits.turned_away == {Reason.HASTE: 1}
        async with opened.websocket("/echo") as honest:
            await exchange(honest, "in")


async def test_a_flood_of_requests_on_one_connection_is_answered_503_and_harms_no_other() -> None:
    limits = Settings(trusted=(), max_connections_per_address=2, connects_per_s=0.001)
    async with open_acceptor(limits=limits) as opened, opened.websocket("/echo") as honest:
        flood = await connect(opened, "127.0.0.2")
        await flood.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
        *answered, refusal = (await answer(flood)).split(b"HTTP/1.1 ")[1:]
        assert [one[:4] for one in answered] == [b"404 "] * (1 + round(1 / REQUEST_COST))
        head = refusal.lower()
        assert head.startswith(b"503 ")
        assert b"\r\nretry-after: 5\r\n" in head
        assert b"\r\nconnection: close\r\n" in head
        await flood.aclose()
        again = await connect(opened, "127.0.0.2")
        assert (await answer(again)).startswith(b"HTTP/1.1 503 ")
        await again.aclose()
        assert opened.connection_limits.turned_away == {Reason.HASTE: 2}
        await exchange(honest, "in")


async def test_behind_a_proxy_each_client_has_its_own_requests() -> None:
    loopback = ipaddress.ip_network("127.0.0.1/32")
    limits = Settings(
        trusted=(), proxies=(loopback,), max_connections_per_address=1, connects_per_s=0.001
    )
    async with open_acceptor(limits=limits) as opened:
        for client in ("192.0.2.1", "192.0.2.2"):
            stream = await opened.connect()
            asked = (
                f"GET / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {client}\r\n\r\n".encode()
            )
            await stream.send_all(asked * 10)
            answers = (await answer(stream)).split(b"HTTP/1.1 ")[1:]
            assert [one[:4] for one in answers] == [b"404 "] * round(1 / REQUEST_COST) + [b"503 "]
            await stream.aclose()


async def test_the_answer_to_one_over_a_cap_survives_its_request() -> None:
    """A socket closed with the request unread would be reset, and the answer lost."""
    limits = Settings(max_connections=1)
    async with open_acceptor(limits=limits) as opened, opened.websocket("/echo"):
        # The request is there before the acceptor has even accepted.
        raw = socket.create_connection(("127.0.0.1", opened.port))
        raw.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 10)
        raw.settimeout(0)
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(raw))
        data = b""
        with trio.fail_after(PATIENCE_S):
            while part := await stream.receive_some():  # to an end, not to a reset
                data += part
        assert data.startswith(b"HTTP/1.1 503 ")
        await stream.aclose()


async def test_behind_a_proxy_each_client_has_its_own_cap() -> None:
    loopback = ipaddress.ip_network("127.0.0.1/32")
    limits = Settings(trusted=(), proxies=(loopback,), max_connections_per_address=1)
    async with open_acceptor(limits=limits) as opened:
        answers = []
        streams = []
        for client in ("192.0.2.1", "192.0.2.1", "192.0.2.2", "6.6.6.6, 192.0.2.2"):
            stream = await opened.connect()
            await stream.send_all(upgrade("/echo", f"X-Forwarded-For: {client}"))
            answers.append((await stream.receive_some())[:13])
            streams.append(stream)
        assert answers == [b"HTTP/1.1 101 ", b"HTTP/1.1 503 "] * 2
        assert opened.connection_limits.turned_away == {Reason.ADDRESS: 2}
        for stream in streams:
            await trio.aclose_forcefully(stream)


async def test_from_whom_is_no_listed_proxy_the_header_is_ignored() -> None:
    limits = Settings(trusted=(), max_connections_per_address=2)
    async with open_acceptor(limits=limits) as opened:
        streams = []
        for client in ("192.0.2.1", "192.0.2.2"):
            stream = await opened.connect()
            await stream.send_all(upgrade("/echo", f"X-Forwarded-For: {client}"))
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 101 ")
            streams.append(stream)
        stream = await opened.connect()
        assert (await answer(stream)).startswith(b"HTTP/1.1 503 ")
        for each in (*streams, stream):
            await trio.aclose_forcefully(each)


async def test_one_deadline_from_accept_to_the_first_message(autojump_clock: object) -> None:
    """A client that is slow at each step has no more time than one that is slow at one."""
    seen: list[float] = []

    async def game(ws: Any, peer: Peer) -> None:
        with trio.move_on_at(peer.deadline_s):
            await ws.receive()
        seen.append(trio.current_time() - accepted_s)

    async with open_acceptor(game=game) as opened:
        stream = await opened.connect()
        await until(lambda: opened.open_connections == 1)
        accepted_s = trio.current_time()
        peer = WirePeer(stream)
        head = upgrade("/arena", "Sec-WebSocket-Protocol: gameserver.v2.msgpack")
        await trio.sleep(2)
        await stream.send_all(head[:50])
        await trio.sleep(2)
        await stream.send_all(head[50:])
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 101 ")
        await peer.receive()
        await trio.aclose_forcefully(stream)
    assert seen == [pytest.approx(5.0)]
