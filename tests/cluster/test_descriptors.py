"""Messages with descriptors: whole in any portions, and no descriptor is ever left open."""

from __future__ import annotations

import array
import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from typing import IO, Any

import msgpack
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from gameserver.cluster.descriptors import (
    MAX_DESCRIPTORS,
    ChannelClosed,
    ChannelError,
    DescriptorChannel,
    Received,
)


def open_descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


@contextlib.contextmanager
def nothing_left_open() -> Iterator[None]:
    before = open_descriptors()
    yield
    assert open_descriptors() == before


def null_file() -> IO[str]:
    return open(os.devnull)


@contextlib.contextmanager
def pair(**limits: Any) -> Iterator[tuple[DescriptorChannel, DescriptorChannel]]:
    left, right = (DescriptorChannel(end, **limits) for end in socket.socketpair())
    try:
        yield left, right
    finally:
        left.close()
        right.close()


@contextlib.contextmanager
def raw_pair(**limits: Any) -> Iterator[tuple[socket.socket, DescriptorChannel]]:
    """Yield a bare socket, for a peer that keeps no rules, and the channel at its other end."""
    left, right = socket.socketpair()
    channel = DescriptorChannel(right, **limits)
    try:
        yield left, channel
    finally:
        left.close()
        channel.close()


async def receive_all(channel: DescriptorChannel) -> None:
    while True:
        (await channel.receive()).close()


def framed(body: bytes, descriptors: int = 0) -> bytes:
    return struct.pack("!II", len(body), descriptors) + body


def send_raw(sock: socket.socket, data: bytes, descriptors: list[int]) -> None:
    rights = array.array("i", descriptors).tobytes()
    sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])


async def test_a_message_arrives_with_its_descriptors() -> None:
    with nothing_left_open(), pair() as (left, right):
        ends = socket.socketpair()
        await left.send(["sessions", {"seat": 3}, b"\0\xff"], ends)
        with await right.receive() as received:
            assert received.body == ["sessions", {"seat": 3}, b"\0\xff"]
            first, second = received.take_socket(), received.take_socket()
            assert not first.get_inheritable()
            assert not first.getblocking()
        for end in ends:
            end.close()
        first.send(b"still open")
        assert second.recv(20) == b"still open"
        first.close()
        second.close()


async def test_descriptors_that_are_not_taken_are_closed() -> None:
    with nothing_left_open(), pair() as (left, right):
        with null_file() as file:
            await left.send("three", [file, file, file.fileno()])
        with await right.receive() as received:
            os.close(received.take())
            assert len(received) == 2


async def test_descriptors_of_a_message_that_nobody_received_are_closed() -> None:
    with nothing_left_open(), pair() as (left, right):
        with null_file() as file:
            await left.send("first", [file])
            await left.send("second", [file, file])
        (await right.receive()).close()


async def test_two_messages_in_one_read_keep_their_own_descriptors(tmp_path: Any) -> None:
    with nothing_left_open(), pair() as (left, right):
        for name in ("a", "b"):
            (tmp_path / name).write_text(name)
            with (tmp_path / name).open() as file:
                await left.send(name, [file])
        await left.send("none")
        for name in ("a", "b"):
            with await right.receive() as received:
                descriptor = received.take()
                assert (received.body, os.read(descriptor, 9)) == (name, name.encode())
                os.close(descriptor)
        with await right.receive() as received:
            assert (received.body, len(received)) == ("none", 0)


async def test_a_large_message_passes_while_its_reader_is_slow() -> None:
    with nothing_left_open(), pair(max_body_bytes=4 << 20) as (left, right):
        body = os.urandom(3 << 20)
        async with trio.open_nursery() as nursery:
            with null_file() as file:
                nursery.start_soon(left.send, body, [file])
                with await right.receive() as received:
                    assert received.body == body
                    assert len(received) == 1


@given(
    bodies=st.lists(st.binary(max_size=300), min_size=1, max_size=5),
    cuts=st.lists(st.integers(1, 40), max_size=40),
)
def test_messages_are_whole_however_they_are_cut(bodies: list[bytes], cuts: list[int]) -> None:
    async def play() -> None:
        with raw_pair() as (peer, channel):
            data = b"".join(framed(msgpack.packb(body)) for body in bodies)

            async def write() -> None:
                at = 0
                for length in [*cuts, len(data)]:
                    peer.sendall(data[at : at + length])
                    at += length
                    await trio.lowlevel.checkpoint()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(write)
                assert [(await channel.receive()).body for _ in bodies] == bodies

    trio.run(play)


@given(data=st.binary(min_size=1, max_size=200), descriptors=st.integers(0, 3))
def test_any_bytes_are_messages_or_an_error(data: bytes, descriptors: int) -> None:
    async def play() -> None:
        with nothing_left_open(), raw_pair() as (peer, channel):
            with null_file() as file:
                send_raw(peer, data, [file.fileno()] * descriptors)
            peer.close()
            with pytest.raises(ChannelError):
                await receive_all(channel)

    trio.run(play)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (framed(b"\xc1"), "no msgpack"),
        (framed(b"\x81\x90\x01"), "no msgpack"),
        (framed(b"\x91" * 60_000 + b"\x01"), "no msgpack"),
        (struct.pack("!II", 1 << 31, 0), "over 65536"),
        (framed(b"\x01", 3), "1 descriptors came of 3"),
        (framed(b"\x01", 0), "more descriptors came than the message has"),
        (framed(b"\x01" * 8)[:12], "in the middle of a message"),
    ],
)
async def test_a_broken_message_ends_the_channel(data: bytes, reason: str) -> None:
    with nothing_left_open(), raw_pair() as (peer, channel):
        with null_file() as file:
            send_raw(peer, data, [file.fileno()])
        peer.close()
        with pytest.raises(ChannelError, match=reason):
            await channel.receive()
        with pytest.raises(ChannelError, match="this end of the channel is closed"):
            await channel.receive()


async def test_a_flood_of_descriptors_ends_the_channel() -> None:
    with nothing_left_open(), raw_pair() as (peer, channel):
        peer.setblocking(False)
        with null_file() as file:
            for _ in range(5):
                send_raw(peer, b"\0", [file.fileno()] * 200)
        with pytest.raises(ChannelError, match="than two messages have"):
            await channel.receive()


async def test_the_end_of_the_peer_is_told_apart() -> None:
    with nothing_left_open(), pair() as (left, right):
        left.close()
        with pytest.raises(ChannelClosed):
            await right.receive()
    with nothing_left_open(), pair() as (left, right):
        left.close()
        with pytest.raises(ChannelClosed):
            await right.send("anything")


async def test_deadlines(autojump_clock: Any) -> None:
    with (
        nothing_left_open(),
        pair() as (_, right),
        pytest.raises(ChannelError, match="no message came within 3 s"),
    ):
        await right.receive(within_s=3)
    with nothing_left_open(), raw_pair(deadline_s=2) as (peer, channel):
        peer.send(framed(b"\x01" * 8)[:-1])
        with pytest.raises(ChannelError, match="the rest of a message did not come within 2 s"):
            await channel.receive()
    with (
        nothing_left_open(),
        raw_pair(deadline_s=2, max_body_bytes=8 << 20) as (_, channel),
        pytest.raises(ChannelError, match="the peer does not read within 2 s"),
    ):
        await channel.send(bytes(4 << 20))


async def test_a_cancelled_receive_loses_nothing(autojump_clock: Any) -> None:
    with nothing_left_open(), raw_pair() as (peer, channel):
        message = framed(msgpack.packb("whole"), 1)
        with null_file() as file:
            send_raw(peer, message[:9], [file.fileno()])
        with trio.move_on_after(1):
            await channel.receive()
        peer.send(message[9:])
        with await channel.receive() as received:
            assert (received.body, len(received)) == ("whole", 1)


async def test_a_cancelled_send_closes_the_channel(autojump_clock: Any) -> None:
    with nothing_left_open(), raw_pair(max_body_bytes=8 << 20) as (_, channel):
        with trio.move_on_after(1):
            await channel.send(bytes(4 << 20))
        with pytest.raises(ChannelError, match="this end of the channel is closed"):
            await channel.send("more")


async def test_messages_over_the_limits_are_not_sent() -> None:
    with nothing_left_open(), pair(max_body_bytes=100) as (left, right):
        with pytest.raises(ChannelError, match="over 100"):
            await left.send(bytes(100))
        with null_file() as file, pytest.raises(ChannelError, match="over 200"):
            await left.send("many", [file] * (MAX_DESCRIPTORS + 1))
        await left.send("still of use")
        assert (await right.receive()).body == "still of use"


def test_a_descriptor_that_is_no_socket_is_closed() -> None:
    with nothing_left_open():
        received = Received("file", [os.open(os.devnull, os.O_RDONLY)])
        with pytest.raises(ChannelError, match="no socket"):
            received.take_socket()
        with pytest.raises(ChannelError, match="fewer descriptors"):
            received.take()


async def test_the_peer_is_this_process() -> None:
    with pair() as (left, _):
        peer = left.peer()
        assert (peer.pid, peer.uid, peer.trusted) == (os.getpid(), os.geteuid(), True)
