"""A socket that speaks TLS: what a call does at most, and the order of what it sends."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator

import pytest
import trio

from gameserver.runtime.net.tls_codec import RECORDS_PER_TURN, TlsCodec
from gameserver.runtime.net.tls_socket import (
    CIPHERTEXT_BYTES,
    IDLE_RECORDS_BURST,
    IDLE_RECORDS_PER_S,
    IdleFlood,
    TlsSocket,
)
from tests.support.sockets import small_socketpair
from tests.support.tls_codecs import forged, pair
from tests.support.tls_records import ForgedTls

ALL = 2**16


@contextlib.contextmanager
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = small_socketpair()
    with ours, theirs:
        ours.settimeout(0)
        theirs.settimeout(0)
        yield ours, theirs


def connected(
    ours: socket.socket, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> tuple[TlsSocket, ForgedTls]:
    codec, client = forged(version)
    return TlsSocket(ours, codec), client


def calls_until(error: type[OSError], server: TlsSocket) -> int:
    """How many calls brought nothing before one raised ``error``."""
    for calls in range(1000):
        try:
            server.recv(ALL)
        except error:
            return calls
        except BlockingIOError:
            pass
    raise AssertionError("it never came")


async def test_no_record_and_a_record_without_data_are_told_apart():
    with sockets() as (ours, theirs):
        server, client = connected(ours)
        with pytest.raises(BlockingIOError):
            server.recv(ALL)
        assert not server.ready
        theirs.send(client.key_updates(RECORDS_PER_TURN + 1) + client.data(b"data"))
        with pytest.raises(BlockingIOError):
            server.recv(ALL)
        assert server.ready
        assert server.recv(ALL) == b"data"
        assert not server.ready


async def test_records_without_data_end_it_after_a_few():
    with sockets() as (ours, theirs):
        server, client = connected(ours)
        theirs.send(client.key_updates(4 * IDLE_RECORDS_BURST))
        assert calls_until(IdleFlood, server) == IDLE_RECORDS_BURST // RECORDS_PER_TURN


async def test_a_key_update_now_and_then_is_allowed(autojump_clock):
    with sockets() as (ours, theirs):
        server, client = connected(ours)
        for _ in range(4 * IDLE_RECORDS_BURST):
            theirs.send(client.key_updates(1) + client.data(b"data"))
            assert server.recv(ALL) == b"data"
            await trio.sleep(1.01 / IDLE_RECORDS_PER_S)


async def test_data_between_them_pays_for_nothing():
    with sockets() as (ours, theirs):
        server, client = connected(ours)
        for _ in range(IDLE_RECORDS_BURST):
            theirs.send(client.data(b"data") + client.key_updates(1))
            assert server.recv(ALL) == b"data"
        theirs.send(client.data(b"data") + client.key_updates(1))
        with pytest.raises(IdleFlood):
            server.recv(ALL)


async def test_all_ciphertext_is_counted():
    with sockets() as (ours, theirs):
        server, client = connected(ours)
        sent = client.data(b"x") + client.key_updates(3) + client.data(b"yy")
        theirs.send(sent)
        assert server.recv(ALL) == b"xyy"
        assert server.overhead_bytes == len(sent) - 3


async def test_a_call_reads_only_so_much_of_the_socket():
    with sockets() as (ours, theirs):
        server, client = connected(ours)
        sent = client.data(bytes(12_000))
        at = calls = 0
        data = b""
        while not data:
            with contextlib.suppress(BlockingIOError):
                at += theirs.send(sent[at:])
            with contextlib.suppress(BlockingIOError):
                data = server.recv(ALL)
            calls += 1
        assert data == bytes(12_000)
        assert calls >= len(sent) // CIPHERTEXT_BYTES


async def test_refused_renegotiations_that_nobody_reads_pile_up_no_further():
    with sockets() as (ours, theirs):
        server, client = connected(ours, ssl.TLSVersion.TLSv1_2)
        with contextlib.suppress(BlockingIOError):
            while True:
                ours.send(bytes(100))
        theirs.send(client.renegotiations(4 * IDLE_RECORDS_BURST))
        assert calls_until(IdleFlood, server) == IDLE_RECORDS_BURST // RECORDS_PER_TURN
        assert server.unsent


async def test_unsent_ciphertext_goes_out_before_anything_else():
    with sockets() as (ours, theirs):
        ours_codec, theirs_codec = pair()
        server, client = TlsSocket(ours, ours_codec), TlsSocket(theirs, theirs_codec)
        data = bytes(range(256)) * 200
        sent = got = b""
        while len(got) < len(data):
            with contextlib.suppress(BlockingIOError):
                sent += data[len(sent) : len(sent) + server.send(memoryview(data)[len(sent) :])]
            with contextlib.suppress(BlockingIOError):
                got += client.recv(ALL)
        assert got == sent == data
        assert not server.unsent


async def test_the_end_with_and_without_a_close_notify():
    for end in (lambda theirs, codec: theirs.send(closed(codec)), lambda *_: None):
        with sockets() as (ours, theirs):
            ours_codec, theirs_codec = pair()
            server = TlsSocket(ours, ours_codec)
            theirs_codec.encrypt(b"last")
            theirs.send(theirs_codec.take_ciphertext())
            end(theirs, theirs_codec)
            theirs.shutdown(socket.SHUT_WR)
            assert server.recv(ALL) == b"last"
            assert server.recv(ALL) == server.recv(ALL) == b""


def closed(codec: TlsCodec) -> bytes:
    codec.end()
    return codec.take_ciphertext()


async def test_bytes_that_are_no_tls_are_an_error():
    with sockets() as (ours, theirs):
        server, _ = connected(ours)
        theirs.send(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(ssl.SSLError):
            server.recv(ALL)
