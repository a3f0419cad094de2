"""The link: the order of bytes, what it refuses, and how it ends."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
from functools import partial

import pytest
import trio
import trio.testing

from gameserver.protocol.allowance import Intake
from gameserver.runtime.net.link import Link
from gameserver.runtime.net.receive_buffer import BYTES_PER_TURN
from tests.support.sockets import linked, server_tls, two_links

#: More than all the buffers between two links hold.
BIG = bytes(64 * 1024)

both = pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])


async def read_until(link: Link, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = await link.receive_some()
        assert part
        data += part
    return data


# Trio's own rules for streams


@both
async def test_it_is_a_trio_stream(tls, nursery, autojump_clock):
    await trio.testing.check_two_way_stream(
        partial(linked, nursery, tls=tls), partial(clogged, nursery, tls=tls)
    )


async def clogged(nursery, *, tls):
    """Both directions full: nothing can be sent before something is received."""
    pair = await linked(nursery, tls=tls)
    for link in pair:
        while link.clear:
            link.post(b"x" * 512)
    return pair


# The fast path out


@both
async def test_a_posted_frame_arrives_without_waiting(tls):
    async with two_links(tls=tls) as (server, client):
        assert server.clear
        assert server.post(b"frame")
        assert server.clear
        assert await client.receive_some() == b"frame"
        assert (server.bytes_out, server.posts_refused) == (5, 0)
        assert client.bytes_in == 5


@both
async def test_what_the_kernel_does_not_accept_is_kept_and_flushed(tls):
    async with two_links(tls=tls) as (server, client):
        assert server.post(BIG)
        assert not server.clear
        assert not server.post(b"refused")
        assert server.posts_refused == 1
        assert await read_until(client, len(BIG)) == BIG
        await trio.testing.wait_all_tasks_blocked()
        assert server.clear
        assert server.bytes_out == len(BIG)
        assert server.post(b"next")
        assert await client.receive_some() == b"next"


@both
async def test_send_all_waits_for_the_backlog_and_posts_are_refused_meanwhile(tls, nursery):
    async with two_links(tls=tls) as (server, client):
        server.post(BIG)
        nursery.start_soon(server.send_all, b"after")
        await trio.testing.wait_all_tasks_blocked()
        assert await read_until(client, len(BIG) + 5) == BIG + b"after"
        await trio.testing.wait_all_tasks_blocked()
        assert server.clear


@both
async def test_nothing_is_posted_into_a_write_in_progress(tls, nursery):
    async with two_links(tls=tls) as (server, client):
        nursery.start_soon(server.send_all, BIG)
        await trio.testing.wait_all_tasks_blocked()
        assert not server.post(b"in between")
        assert await read_until(client, len(BIG)) == BIG
        await trio.testing.wait_all_tasks_blocked()
        assert server.post(b"later")
        assert await client.receive_some() == b"later"


@both
@pytest.mark.parametrize("clogged_before", [False, True])
async def test_nothing_is_posted_once_posts_have_ended(tls, clogged_before, nursery):
    async with two_links(tls=tls) as (server, client):
        before = BIG if clogged_before else b"x"
        server.post(before)
        server.end_posts()
        nursery.start_soon(server.send_all, b"\x88\x02\x03\xe8")
        await trio.testing.wait_all_tasks_blocked()
        assert not server.post(b"late")
        assert await read_until(client, len(before) + 4) == before + b"\x88\x02\x03\xe8"
        await trio.testing.wait_all_tasks_blocked()
        assert not server.clear
        assert not server.post(b"later still")


# Breaking


@both
async def test_a_failed_post_wakes_the_reader_and_raises_nothing(tls, nursery):
    """The read below waits in the kernel; only the failed write can wake it."""
    async with two_links(tls=tls) as (server, _):
        woken = trio.Event()

        async def read():
            with pytest.raises(trio.BrokenResourceError):
                await server.receive_some()
            woken.set()

        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        with _raw_socket_of(server) as raw:
            raw.shutdown(socket.SHUT_WR)
        assert not server.post(b"nobody can get it")
        assert not server.clear
        await woken.wait()
        assert not server.post(b"again")
        assert server.bytes_out == 0
        assert server.posts_refused == 2
        with pytest.raises(trio.BrokenResourceError):
            await server.send_all(b"x")


def _raw_socket_of(link: Link) -> socket.socket:
    """The same connection below TLS."""
    return socket.socket(fileno=os.dup(link._socket.fileno()))


@both
async def test_a_backlog_that_cannot_be_flushed_breaks_the_link(tls, nursery):
    async with two_links(tls=tls) as (server, client):
        server.post(BIG)
        client.drop()
        await trio.testing.wait_all_tasks_blocked()
        assert not server.clear
        with pytest.raises(trio.BrokenResourceError):
            await server.send_all(b"x")


@both
async def test_a_cancelled_half_written_send_breaks_the_link(tls):
    async with two_links(tls=tls) as (server, _):
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as inner:
                inner.start_soon(server.send_all, BIG)
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
        assert not server.clear
        assert not server.post(b"would be read as the rest of the frame")
        with pytest.raises(trio.BrokenResourceError):
            await server.receive_some()


@both
async def test_a_send_cancelled_before_its_first_byte_breaks_nothing(tls):
    async with two_links(tls=tls) as (server, client):
        server.post(BIG)
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as inner:
                inner.start_soon(server.send_all, b"never")
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
        assert await read_until(client, len(BIG)) == BIG
        await trio.testing.wait_all_tasks_blocked()
        assert server.post(b"good")
        assert await client.receive_some() == b"good"


@both
async def test_a_write_without_room_counts_as_begun_with_tls_only(tls):
    """OpenSSL keeps the sealed record of a refused write: what follows it must be the same."""
    async with two_links(tls=tls) as (server, _):
        with _raw_socket_of(server) as raw, contextlib.suppress(BlockingIOError):
            while raw.send(bytes(512)):
                pass
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as inner:
                inner.start_soon(server.send_all, b"frame")
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
        assert server.clear is not tls


@both
async def test_a_peer_that_accepts_nothing_is_dropped(tls, autojump_clock):
    async with two_links(tls=tls, stall_timeout_s=7) as (server, _):
        server.post(BIG)
        begun = trio.current_time()
        with pytest.raises(trio.BrokenResourceError, match="accepted nothing for 7 s"):
            await server.receive_some()
        assert trio.current_time() - begun == pytest.approx(7)
        assert not server.clear


async def test_a_peer_that_reads_slowly_but_steadily_is_kept(autojump_clock):
    async with two_links(tls=False, stall_timeout_s=7) as (server, client):
        server.post(BIG)
        received = 0
        while received < len(BIG):
            await trio.sleep(6)
            received += len(await client.receive_some())
        await trio.testing.wait_all_tasks_blocked()
        assert server.clear


# Reading and ending


@both
async def test_the_end_of_the_peer_reads_as_empty(tls):
    """For TLS this is an end without close_notify, as browsers leave."""
    async with two_links(tls=tls) as (server, client):
        client.drop()
        assert await server.receive_some() == b""
        assert await server.receive_some() == b""


async def test_a_reset_reads_as_broken():
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    accepted, _ = listener.accept()
    listener.close()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    async with trio.open_nursery() as nursery:
        link = Link.accepted(accepted, nursery)
        with pytest.raises(trio.BrokenResourceError):
            await link.receive_some()
        assert not link.clear
        link.drop()


@both
async def test_drop_wakes_everyone_and_may_be_repeated(tls, nursery):
    async with two_links(tls=tls) as (server, _):
        server.post(BIG)
        ended = []

        async def expect_closed(wait):
            with pytest.raises(trio.ClosedResourceError):
                await wait()
            ended.append(wait)

        nursery.start_soon(expect_closed, server.receive_some)
        nursery.start_soon(expect_closed, partial(server.send_all, b"x"))
        await trio.testing.wait_all_tasks_blocked()
        server.drop()
        server.drop()
        await server.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert len(ended) == 2
        assert not server.clear
        assert not server.post(b"x")


async def test_accepted_sets_the_socket_up():
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    accepted, _ = listener.accept()
    async with trio.open_nursery() as nursery:
        link = Link.accepted(accepted, nursery)
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == 16384
        assert accepted.gettimeout() == 0
        link.drop()
    client.close()
    listener.close()


async def test_a_failed_tls_handshake_breaks_the_link(nursery):
    async with two_links(tls=False) as (plain, client):
        raw = socket.socket(fileno=plain._socket.detach())
        server = Link.accepted(raw, nursery, ssl_context=server_tls())
        client.post(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(trio.BrokenResourceError, match="TLS handshake failed"):
            await server.handshake()
        server.drop()


@both
async def test_finish_lets_the_last_bytes_arrive(tls, nursery):
    """With unread bytes in it a plain close would reset, and the peer lose what it was sent."""
    async with two_links(tls=tls) as (server, client):
        server.post(BIG)
        client.post(b"bytes that the server never reads")
        nursery.start_soon(server.finish)
        assert await read_until(client, len(BIG)) == BIG
        assert await client.receive_some() == b""
        client.drop()
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.ClosedResourceError):
            await server.receive_some()


@both
async def test_finish_discards_what_the_peer_still_sends(tls, nursery):
    """A peer in the middle of a long message gets the answer, and no reset."""
    async with two_links(tls=tls) as (server, client):
        server.post(b"the answer")
        nursery.start_soon(server.finish)
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(20):
            await client.send_all(bytes(16_000))
        assert await read_until(client, 10) == b"the answer"
        client.drop()


@both
async def test_finish_waits_only_so_long(tls, autojump_clock):
    async with two_links(tls=tls) as (server, _):
        begun = trio.current_time()
        await server.finish(timeout_s=3)
        assert trio.current_time() - begun == pytest.approx(3)
        assert not server.post(b"x")


# Reading in turns


@both
async def test_one_turn_reads_a_little_of_a_session(tls, nursery):
    """Hundreds of frames that came at once do not hold up other tasks."""
    async with two_links(tls=tls) as (server, client):
        pong = b"\x8a\x80\0\0\0\0"
        server.receive_buffer.follow_frames()
        server.receive_buffer.limit(Intake(frames_burst=10_000), lambda: None)
        pongs: list[bytes] = []
        server.receive_buffer.open_fast_path(pongs.append, pongs.append)
        nursery.start_soon(client.send_all, pong * 5_000)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(server.receive_some)
        read = [0]
        while len(pongs) < 5_000:
            await trio.lowlevel.checkpoint()
            read.append(server.bytes_in)
        turns = [after - before for before, after in itertools.pairwise(read)]
        assert 0 < max(turns) <= 2 * BYTES_PER_TURN  # it may run last in a turn, then first
        nursery.cancel_scope.cancel()
