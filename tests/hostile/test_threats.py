"""One test per threat, over real sockets, with an honest player who must get every tick."""

from __future__ import annotations

import random
import signal
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from ipaddress import ip_network

import pytest
import trio
from wsproto.events import BytesMessage, CloseConnection, Ping

from gameserver.protocol.closing import CONNECTION_LOST, CloseCode
from gameserver.protocol.messages import (
    MAX_CLIENT_MESSAGE_BYTES,
    Bye,
    Status,
    Welcome,
    decode_from_server,
)
from gameserver.runtime.admission.connection_limits import REQUEST_COST, Reason
from tests.hostile.honest_player import Attacked, attacked, next_message
from tests.support.attack_bytes import (
    CODES,
    ENDLESS_FRAME,
    FLOODS,
    NO_MESSAGES,
    PAGES,
    PING,
    TLS_BEGINNING,
    UPGRADE,
    forged_tokens,
    guessed_resume_token,
    hello,
    lies,
    masked,
)
from tests.support.broken_clients import BROKEN_FRAMES, REFUSED, head
from tests.support.broken_clients import CODES as BROKEN_FRAMES_CODES
from tests.support.sockets import WirePeer, reset, rest_of, until
from tests.support.tls_records import ForgedTls

pytestmark = pytest.mark.long

both = pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])

GONE = (trio.BrokenResourceError, trio.ClosedResourceError)


async def close_code_of(peer: WirePeer, *, answer: bool = True) -> int | None:
    """Read to the end; return the code of the close frame, None if there was none."""
    code = None
    with suppress(*GONE):
        while (event := await peer.next_event()) is not None:
            if isinstance(event, CloseConnection):
                code = int(event.code)
                if answer:
                    await peer.send(event.response())
                break
        await rest_of(peer.stream)
    await trio.aclose_forcefully(peer.stream)
    return code


# Requests that kill a bare trio-websocket server


@both
async def test_heads_that_wsproto_stumbles_over(tls):
    async with attacked(tls=tls) as it:
        for name in ("non-ascii host", "non-ascii connection", "non-ascii subprotocol"):
            stream = await it.connect()
            await stream.send_all(REFUSED[name])
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 400 ")
            await trio.aclose_forcefully(stream)


@both
@pytest.mark.parametrize("sent", [head(Connection=None), head(), b"\xff" * 100, b""])
async def test_requests_followed_by_resets(tls, sent):
    async with attacked(tls=tls) as it:
        for _ in range(20):
            stream = await it.connect()
            await stream.send_all(sent)
            reset(stream)


@both
async def test_pings_during_our_close_handshake(tls):
    async with attacked(tls=tls) as it:
        peer = await it.enter()
        await peer.stream.send_all(masked(b"\xc1"))
        await peer.stream.send_all(PING * 50)
        assert await close_code_of(peer) == CloseCode.PROTOCOL_ERROR


# Slowly


#: Of those who attack slowly.
DEADLINE_S = 0.3


async def dribble_in(it: Attacked, data: bytes) -> None:
    """Connect and dribble.  A busy machine may need all the time for the TLS handshake."""
    with suppress(*GONE):
        await dribble(await it.connect(), data)


async def dribble(stream: trio.abc.Stream, data: bytes) -> None:
    """Send a byte now and then, until the server has had enough of it."""
    async with trio.open_nursery() as nursery:

        async def send() -> None:
            with suppress(*GONE):
                for byte in data:
                    await stream.send_all(bytes([byte]))
                    await trio.sleep(0.02)

        nursery.start_soon(send)
        await rest_of(stream)
        nursery.cancel_scope.cancel()
    await trio.aclose_forcefully(stream)


@both
async def test_slowloris_in_http(tls):
    request = b"GET / HTTP/1.1\r\nX: " + b"x" * 8000
    async with attacked(tls=tls) as it:
        with it.hello_deadline(DEADLINE_S):
            async with trio.open_nursery() as nursery:
                for _ in range(20):
                    nursery.start_soon(dribble_in, it, request)


async def test_slowloris_in_tls():
    async with attacked(tls=True) as it:
        with it.hello_deadline(DEADLINE_S):
            async with trio.open_nursery() as nursery:
                for _ in range(20):
                    nursery.start_soon(dribble, await it.connect_tcp(), TLS_BEGINNING)


@both
async def test_slowloris_in_websocket(tls):
    """The hello comes a byte at a time; the rest of the stream would too."""
    slow = masked(hello("mallory", token="x" * 1000))
    async with attacked(tls=tls) as it:
        # Long beside an upgrade, on a busy machine too, and short beside the hello.
        with it.hello_deadline(5 * DEADLINE_S):
            async with trio.open_nursery() as nursery:
                for _ in range(20):
                    nursery.start_soon(dribble, (await it.open()).stream, slow)


@both
async def test_a_player_whose_frame_never_ends_is_noticed_by_its_pings(tls):
    async with attacked(tls=tls, ping_interval_s=0.1) as it:
        peer = await it.enter()
        await peer.stream.send_all(masked(bytes(4000))[:2000])
        assert await close_code_of(peer) == CloseCode.PING_TIMEOUT


# Too much at once


@both
async def test_messages_that_are_too_big(tls):
    async with attacked(tls=tls) as it:
        for payload in (bytes(MAX_CLIENT_MESSAGE_BYTES + 1), bytes(100_000)):
            peer = await it.enter()
            await peer.stream.send_all(masked(payload))
            assert await close_code_of(peer) == CloseCode.TOO_BIG
        await it.alone()
        assert it.server.figures().counters.endings == {CloseCode.TOO_BIG: 2}


@both
async def test_a_frame_that_announces_more_than_there_is(tls):
    async with attacked(tls=tls) as it:
        peer = await it.enter()
        await peer.stream.send_all(ENDLESS_FRAME)
        assert await close_code_of(peer) == CloseCode.TOO_BIG


@both
async def test_broken_frames_are_closed_and_counted_by_their_code(tls):
    """And what a peer itself closes with counts as a connection that was lost, whatever it says."""
    expected: Counter[int] = Counter()
    async with attacked(tls=tls) as it:
        for name, sent in BROKEN_FRAMES.items():
            peer = await it.enter()
            await peer.stream.send_all(sent)
            code = await close_code_of(peer)
            assert code == BROKEN_FRAMES_CODES.get(name, 1002)
            expected[code] += 1
        for code in (1002, 1007, CloseCode.TOO_BIG, CloseCode.KICKED):
            peer = await it.enter()
            await peer.stream.send_all(masked(code.to_bytes(2, "big"), 0x88))
            assert await close_code_of(peer, answer=False) == code
            expected[CONNECTION_LOST] += 1
        await it.alone()
        assert it.server.figures().counters.endings == expected


async def test_bytes_that_are_no_message():
    """Through the fast path and, in two fragments, through trio-websocket."""
    async with attacked() as it:
        for name, payload in NO_MESSAGES.items():
            for frames in (masked(payload), masked(payload, 0x02) + masked(b"", 0x80)):
                peer = await it.enter()
                await peer.stream.send_all(frames)
                assert await close_code_of(peer) == CloseCode.PROTOCOL_ERROR, name


# Floods


async def flood(peer: WirePeer, name: str, codes: dict[str, int | None]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_for_ever, peer.stream, FLOODS[name])
        codes[name] = await close_code_of(peer, answer=False)
        nursery.cancel_scope.cancel()


@both
async def test_floods_are_closed_with_4008_or_for_what_is_wrong_with_them(tls):
    codes: dict[str, int | None] = {}
    async with attacked(tls=tls) as it, trio.open_nursery() as nursery:
        for name in FLOODS:
            nursery.start_soon(flood, await it.enter(), name, codes)
    assert {
        name: code
        for name, code in codes.items()
        if code not in (CloseCode.RATE, CODES.get(name, CloseCode.RATE))
    } == {}
    assert len(codes) == len(FLOODS)


@both
async def test_floods_before_the_hello(tls):
    names = ("pings", "pongs", "empty fragments")
    codes: dict[str, int | None] = {}
    async with attacked(tls=tls) as it, trio.open_nursery() as nursery:
        for name in names:
            nursery.start_soon(flood, await it.open(), name, codes)
    assert codes == dict.fromkeys(names, CloseCode.RATE)


async def send_for_ever(stream: trio.abc.Stream, data: bytes) -> None:
    with suppress(*GONE):
        while True:
            await stream.send_all(data * 10)


@both
async def test_requests_for_pages_without_end(tls):
    """Of each connection what its address may still ask is answered; then 503, and it is closed."""
    answers: Counter[bytes] = Counter()

    async def ask_for_ever(stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_for_ever, stream, b"".join(PAGES))
            answers.update(part[:4] for part in (await rest_of(stream)).split(b"HTTP/1.1 ")[1:])
            nursery.cancel_scope.cancel()
        await trio.aclose_forcefully(stream)

    at_once = 50
    mallory = "127.0.0.2"
    limits = {"max_connections_per_address": at_once, "connects_per_s": 0.001}
    trusted = (ip_network("127.0.0.1/32"),)
    async with attacked(tls=tls, trusted=trusted, **limits) as it:
        streams = [await it.connect(mallory) for _ in range(10)]
        async with trio.open_nursery() as nursery:
            for stream in streams:
                nursery.start_soon(ask_for_ever, stream)
        assert it.server.connection_limits.turned_away == {Reason.HASTE: 10}
    assert answers.pop(b"503 ") == 10
    # Connecting was the first request of each; the others cost less.
    assert answers.total() == 10 + round((at_once - 10) / REQUEST_COST)


# TLS that never comes to the point


async def forge(it: Attacked, version: ssl.TLSVersion) -> tuple[trio.SocketStream, ForgedTls]:
    """Shake hands, and return what sends any record that a test wants."""
    stream, client = await it.connect_tcp(), ForgedTls(version)
    await stream.send_all(client.shake_hands(b""))
    while not client.over:
        await stream.send_all(client.shake_hands(await stream.receive_some()))
    return stream, client


async def send_records(stream: trio.SocketStream, records: Callable[[], bytes]) -> None:
    """Send until the server ends it, whatever it says."""

    async def send() -> None:
        with suppress(*GONE):
            while True:
                await stream.send_all(records())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        await rest_of(stream)
        nursery.cancel_scope.cancel()
    await trio.aclose_forcefully(stream)


TLS_12, TLS_13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
endless_records = pytest.mark.parametrize(
    ("version", "make", "idle_floods"),
    [
        (TLS_13, lambda client: client.key_updates(100), 1),
        (TLS_13, lambda client: client.key_updates(100, requested=True), 1),
        (TLS_13, lambda client: client.empties(100, PING), 1),
        (TLS_12, lambda client: client.empties(100, PING), 1),
        (TLS_12, lambda client: client.renegotiations(100), 1),
        (TLS_12, lambda client: client.warnings(100), 0),  # OpenSSL itself takes only four
    ],
    ids=["key updates", "requested", "empty 1.3", "empty 1.2", "renegotiations", "warnings"],
)


@endless_records
async def test_tls_records_without_data_instead_of_a_request(version, make, idle_floods):
    async with attacked(tls=True) as it:
        stream, client = await forge(it, version)
        await send_records(stream, partial(make, client))
        await it.alone()
        assert it.server.figures().acceptor["idle_floods"] == idle_floods


@endless_records
async def test_tls_records_without_data_in_a_game(version, make, idle_floods):
    """They count as a flood."""
    async with attacked(tls=True) as it:
        stream, client = await forge(it, version)
        await stream.send_all(client.data(UPGRADE))
        assert b"HTTP/1.1 101 " in await data_of(stream, client)
        await stream.send_all(client.data(masked(hello("mallory"))))
        await until(lambda: len(it.room.players) == 2)
        await send_records(stream, partial(make, client))
        await it.alone()
        figures = it.server.figures()
        assert figures.acceptor["idle_floods"] == idle_floods
        code = CloseCode.RATE if idle_floods else CONNECTION_LOST
        assert figures.counters.endings == {code: 1}


async def data_of(stream: trio.SocketStream, client: ForgedTls) -> bytes:
    """The next data that comes."""
    while True:
        received = await stream.receive_some()
        assert received
        if data := client.decrypt(received):
            return data


async def test_tls_hellos_in_crumbs():
    """Each byte of a hello in a record of its own, and after them records that no hello needs."""
    async with attacked(tls=True) as it:
        hello_record = ForgedTls(TLS_13).shake_hands(b"")
        crumbs = b"".join(hello_record[:3] + b"\0\x01" + bytes([byte]) for byte in hello_record[5:])
        for sent in (crumbs, hello_record[:-1] + b"\x14\x03\x03\0\x01\x01" * 1000):
            stream = await it.connect_tcp()
            await send_records(stream, lambda sent=sent: sent)


# Lies


@pytest.mark.parametrize("tick", [2**31, 2**52])
async def test_an_acknowledgement_of_what_has_not_been(tick):
    async with attacked() as it:
        for lie in lies(tick):
            peer = await it.enter()
            await peer.stream.send_all(masked(lie))
            assert await close_code_of(peer) == CloseCode.PROTOCOL_ERROR


async def test_tokens_that_nobody_signed():
    async with attacked() as it:
        for token in (*forged_tokens(random.Random(1)), None):
            peer = await it.open()
            await peer.stream.send_all(masked(hello("mallory", room="guarded", token=token)))
            assert await close_code_of(peer) == CloseCode.REFUSED


async def welcomed(it: Attacked, name: str, resume: str | None) -> tuple[WirePeer, Welcome]:
    peer = await it.open()
    await peer.stream.send_all(masked(hello(name, resume=resume)))
    welcome = decode_from_server(await next_message(peer))
    assert isinstance(welcome, Welcome)
    return peer, welcome


async def answer_pings(peer: WirePeer, *, task_status: trio.TaskStatus[None]) -> None:
    """Be honest, at the least; started when the server has told what the first ping measured."""
    told = False
    while (event := await peer.next_event()) is not None:
        if isinstance(event, Ping):
            await peer.send(event.response())
        elif isinstance(event, BytesMessage) and not told:
            told = isinstance(decode_from_server(bytes(event.data)), Status)
            if told:
                task_status.started()


async def test_a_resume_token_that_is_replayed_or_made_up():
    """It is valid once; a client that shows it again, or guesses, is only a newcomer."""
    async with attacked(ping_interval_s=0.1) as it:
        peer, joined = await welcomed(it, "ann", None)
        async with trio.open_nursery() as nursery:
            await nursery.start(answer_pings, peer)  # a seat is held only after an answered ping
            nursery.cancel_scope.cancel()
        reset(peer.stream)
        owner, back = await welcomed(it, "ann", joined.resume)
        assert (back.resumed, back.seat) == (True, joined.seat)
        early = await it.open()
        await early.stream.send_all(masked(hello("eve", resume=joined.resume)))
        assert await close_code_of(early) == CloseCode.RESUMING
        async with trio.open_nursery() as nursery:
            # The latency is sent once the welcome is known to have come.
            await nursery.start(answer_pings, owner)
            chance = random.Random(1)
            guesses = [guessed_resume_token(chance) for _ in range(5)]
            for token in [joined.resume] * 5 + guesses + list(forged_tokens(chance)):
                peer, seated = await welcomed(it, "mallory", token)
                assert not seated.resumed
                assert seated.seat != back.seat
                reset(peer.stream)
            assert it.room.players[back.seat].connected
            nursery.cancel_scope.cancel()
        reset(owner.stream)


# Clients that stop, and clients that all come back


STOPPING = """
import socket
sock = socket.create_connection(("127.0.0.1", {port}))
sock.sendall({upgrade!r})
sock.recv(4096)
sock.sendall({hello!r})
sock.recv(4096)
print("in", flush=True)
while sock.recv(65536):
    pass
"""


async def test_a_client_stopped_with_sigstop():
    """It answers nothing and reads nothing, while the kernel still takes bytes for it."""
    async with attacked(ping_interval_s=0.1) as it, trio.open_nursery() as nursery:
        program = STOPPING.format(port=it.port, upgrade=head(), hello=masked(hello("stopped")))
        run = partial(trio.run_process, stdout=subprocess.PIPE, check=False)
        process: trio.Process = await nursery.start(
            run, [sys.executable, "-I", "-S", "-c", program]
        )
        assert process.stdout is not None
        assert await process.stdout.receive_some() == b"in\n"
        process.send_signal(signal.SIGSTOP)
        try:
            await it.alone()
            await it.more_ticks()
        finally:
            process.kill()


async def test_60_clients_that_come_back_at_once():
    """More than may join in a second: some are told when to try again, and do.

    The second time they are the same ones, and come back to their seats.
    """
    tokens: dict[int, str] = {}

    async def come(it: Attacked, nursery: trio.Nursery, number: int, peers: list[WirePeer]) -> None:
        while True:
            peer = await it.open()
            await peer.stream.send_all(masked(hello(f"player {number}", resume=tokens.get(number))))
            answer = decode_from_server(await next_message(peer))
            if isinstance(answer, Welcome):
                assert answer.resumed == (number in tokens)
                tokens[number] = answer.resume
                peers.append(peer)
                await nursery.start(answer_pings, peer)
                return
            assert isinstance(answer, Bye)
            assert answer.retry_after_s is not None
            reset(peer.stream)
            await trio.sleep(answer.retry_after_s)

    # A ping that spans a pause of the server measures nothing, so there must be a next one.
    async with attacked(joins_per_s=45.0, ping_interval_s=5.0) as it:
        for _ in range(2):
            peers: list[WirePeer] = []
            async with trio.open_nursery() as pinged:
                async with trio.open_nursery() as coming:
                    for number in range(60):
                        coming.start_soon(come, it, pinged, number, peers)
                assert len(it.room.players) == 61
                pinged.cancel_scope.cancel()
            for peer in peers:
                reset(peer.stream)
