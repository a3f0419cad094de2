"""A WebSocket that goes on in another process: nothing is lost, doubled or out of order.

Two links in one process stand for the two processes: each has a descriptor of its own for the
same socket.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import permutations

import attrs
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Pong, TextMessage

from gameserver.errors import RemoteProtocolError
from gameserver.protocol.allowance import Intake
from gameserver.protocol.frames import binary_frame
from gameserver.runtime.net.frozen import FrozenWebSocket
from gameserver.runtime.net.link import Link
from gameserver.runtime.net.receive_buffer import MAX_KEPT_BYTES
from gameserver.runtime.net.websocket import State, WebSocket, WebSocketClosed
from tests.support.examples import examples
from tests.support.sockets import small_socketpair, two_links, upgrade
from tests.support.websocket_frames import frame

HEAD = upgrade("/play")


@attrs.define
class Process:
    """One of the two processes: its end of the socket, and what its session has got."""

    nursery: trio.Nursery
    sock: socket.socket
    ws: WebSocket
    got: list[str | bytes] = attrs.field(factory=list)

    def take_messages(self, most: int = 1000) -> None:
        """Have a session take messages from both paths, at most so many from the slow one."""
        self.ws.on_message(self.got.append, lambda _: None)
        self.nursery.start_soon(self._listen, most)

    async def send(self, text: str) -> None:
        with contextlib.suppress(trio.ClosedResourceError, WebSocketClosed):
            await self.ws.send(text)

    async def _listen(self, most: int) -> None:
        if self.ws.state is State.CONNECTING:
            await self.ws.begin()
        with contextlib.suppress(WebSocketClosed):
            for _ in range(most):
                self.got.append(await self.ws.receive())


@asynccontextmanager
async def first_process(sock: socket.socket, **limits: object) -> AsyncIterator[Process]:
    async with trio.open_nursery() as nursery:
        ws = await WebSocket.open(Link(sock, nursery), nursery, HEAD, fast_path=True, **limits)
        yield Process(nursery, sock, ws)
        ws.drop()
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def next_process(
    before: Process, frozen: FrozenWebSocket, **limits: object
) -> AsyncIterator[Process]:
    """The process that goes on, once the one before has closed its descriptor."""
    sock = before.sock.dup()
    before.ws.drop()
    plain = FrozenWebSocket.from_plain(frozen.to_plain())
    async with trio.open_nursery() as nursery:
        ws = WebSocket.adopt(Link(sock, nursery), nursery, plain, **limits)
        yield Process(nursery, sock, ws)
        ws.drop()
        nursery.cancel_scope.cancel()


async def received(sock: socket.socket) -> bytes:
    """All that has been sent to this end by now."""
    await trio.testing.wait_all_tasks_blocked()
    sock.settimeout(0)
    data = b""
    try:
        while part := sock.recv(1 << 16):
            data += part
            await trio.testing.wait_all_tasks_blocked()
    except BlockingIOError:
        pass
    return data


def after_answer(data: bytes) -> bytes:
    return data.partition(b"\r\n\r\n")[2]


def events_in(data: bytes) -> list[object]:
    peer = Connection(ConnectionType.CLIENT)
    peer.receive_data(data)
    return list(peer.events())


Sockets = tuple[socket.socket, socket.socket]


@contextlib.contextmanager
def pair() -> Iterator[Sockets]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    with pair() as both:
        yield both


# ---------------------------------------------------------------- in


async def test_the_peer_sees_nothing_but_its_messages(sockets):
    ours, theirs = sockets
    async with first_process(ours) as first:
        first.take_messages()
        assert after_answer(await received(theirs)) == b""
        theirs.sendall(frame(b"one"))
        await trio.testing.wait_all_tasks_blocked()
        frozen = first.ws.freeze()
        assert frozen is not None
        async with next_process(first, frozen) as second:
            second.take_messages()
            theirs.sendall(frame(b"two") + frame(b"three", 0x81))
            await trio.testing.wait_all_tasks_blocked()
            assert (first.got, second.got) == ([b"one"], [b"two", "three"])
            assert second.ws.state is State.OPEN
            assert second.ws.post(binary_frame(b"four"))
            await second.ws.send("five")
            assert events_in(await received(theirs)) == [
                BytesMessage(data=b"four"),
                TextMessage(data="five"),
            ]
            assert second.ws.link.bytes_in > first.ws.link.bytes_in


async def test_a_frozen_websocket_neither_reads_nor_writes(sockets):
    ours, theirs = sockets
    async with first_process(ours) as first:
        first.take_messages()
        await received(theirs)
        assert first.ws.freeze() is not None
        theirs.sendall(frame(b"one") + frame(b"", 0x89) + frame(b"x", 0x81))
        assert not first.ws.post(binary_frame(b"no"))
        first.nursery.start_soon(first.ws.send, "later")
        assert await received(theirs) == b""
        assert first.got == []
        first.ws.thaw()
        assert set(map(type, events_in(await received(theirs)))) == {TextMessage, Pong}
        assert first.got == [b"one", "x"]
        assert first.ws.post(binary_frame(b"yes"))


async def test_a_socket_that_is_dropped_while_frozen_stays_open_for_the_other_process(sockets):
    ours, theirs = sockets
    other = ours.dup()
    async with first_process(ours) as first:
        assert first.ws.freeze() is not None
        await first.ws.link.finish()
        await first.ws.end()
    await received(theirs)
    other.sendall(b"still here")
    assert theirs.recv(100) == b"still here"
    other.close()


async def test_messages_that_were_put_back_come_first(sockets):
    ours, theirs = sockets
    async with first_process(ours) as first:
        theirs.sendall(frame(b"hello") + frame(b"one") + frame(b"two"))
        hello = await first.ws.receive()
        assert isinstance(hello, bytes)
        frozen = first.ws.freeze([hello])
        assert frozen is not None
        async with next_process(first, frozen) as second:
            await second.ws.begin()
            assert [await second.ws.receive() for _ in range(3)] == [b"hello", b"one", b"two"]


async def test_allowances_go_along(sockets):
    ours, theirs = sockets
    intake = Intake(frames_per_s=0.0, frames_burst=100.0, bytes_per_s=0.0, bytes_burst=10_000.0)
    flooded: list[str] = []
    async with first_process(ours, intake=intake, on_flood=lambda: None) as first:
        first.take_messages()
        theirs.sendall(frame(b"") * 60)
        await trio.testing.wait_all_tasks_blocked()
        frozen = first.ws.freeze()
        assert frozen is not None
        assert frozen.allowances == (40.0, 10_000.0 - 60 * 6)
        async with next_process(
            first, frozen, intake=intake, on_flood=lambda: flooded.append("flood")
        ) as second:
            second.take_messages()
            theirs.sendall(frame(b"") * 40)
            await trio.testing.wait_all_tasks_blocked()
            assert (len(second.got), flooded) == (40, [])
            theirs.sendall(frame(b"") * 60)
            await trio.testing.wait_all_tasks_blocked()
            assert flooded == ["flood"]


# ---------------------------------------------------------------- what stays


async def test_an_encrypted_connection_stays(nursery):
    async with two_links(tls=True) as (server, client):
        nursery.start_soon(client.send_all, HEAD)
        head = await server.receive_some()
        ws = await WebSocket.open(server, nursery, head, fast_path=True)
        assert ws.freeze() is None
        assert ws.post(binary_frame(b"on we go"))


@pytest.mark.parametrize("by_peer", [False, True])
async def test_a_closing_connection_stays(by_peer, nursery, sockets):
    ours, theirs = sockets
    async with first_process(ours) as first:
        if by_peer:
            theirs.sendall(frame(b"\x03\xe8", 0x88))
        else:
            nursery.start_soon(first.ws.close, 1000)
        await trio.testing.wait_all_tasks_blocked()
        assert first.ws.freeze() is None
        events = events_in(after_answer(await received(theirs)))
        assert events == [CloseConnection(code=1000, reason="")]
        theirs.close()


async def test_a_connection_with_too_much_untaken_stays_until_it_is_taken(sockets):
    ours, theirs = sockets
    async with first_process(ours) as first:
        theirs.sendall(frame(b"text", 0x81) + frame(bytes(100), 0x89) * (MAX_KEPT_BYTES // 100))
        await received(theirs)
        assert first.ws.freeze() is None
        assert await first.ws.receive() == "text"
        theirs.sendall(frame(b"", 0x89))
        await received(theirs)
        assert first.ws.freeze() is not None


@pytest.mark.parametrize("plain", [None, [], [1] * 7, [b"", None, b"", b"", 1, 1, [1.0]]])
def test_anything_else_is_no_frozen_websocket(plain):
    with pytest.raises(RemoteProtocolError):
        FrozenWebSocket.from_plain(plain)


# ---------------------------------------------------------------- out


async def test_a_frame_begun_before_the_handover_is_finished_first():
    ours, theirs = small_socketpair()
    posted, sent = bytes(40_000), "s" * 40_000
    with theirs:
        async with first_process(ours) as first:
            assert first.ws.post(binary_frame(posted))
            first.nursery.start_soon(first.send, sent)
            first.nursery.start_soon(first.send, "last")
            await trio.testing.wait_all_tasks_blocked()
            frozen = first.ws.freeze()
            assert frozen is not None
            async with next_process(first, frozen) as second:
                await second.ws.begin()
                assert not second.ws.post(binary_frame(b"not yet"))
                data = after_answer(await received(theirs))
                assert second.ws.post(binary_frame(b"now"))
                data += await received(theirs)
                said = messages_in(data)
                assert said in ([posted, *order, b"now"] for order in permutations([sent, "last"]))


def messages_in(data: bytes) -> list[str | bytes]:
    """The whole messages in a server's bytes."""
    messages: list[str | bytes] = []
    pieces: list[str | bytes] = []
    for event in events_in(data):
        assert isinstance(event, BytesMessage | TextMessage), event
        pieces.append(event.data if isinstance(event, TextMessage) else bytes(event.data))
        if event.message_finished:
            messages.append(
                "".join(pieces) if isinstance(event, TextMessage) else b"".join(pieces)  # type: ignore[arg-type]
            )
            pieces = []
    return messages


# ---------------------------------------------------------------- any split of any bytes


@st.composite
def client_bytes(draw: st.DrawFn) -> tuple[list[bytes], list[str | bytes]]:
    """Frames of a client, and the messages in them."""
    frames: list[bytes] = []
    messages: list[str | bytes] = []
    for kind in draw(st.lists(st.sampled_from(["plain", "long", "text", "parts"]), max_size=8)):
        body = bytes([ord("a") + len(messages)]) * draw(st.integers(1, 150))
        pings = [frame(b"ping", 0x89)] * draw(st.integers(0, 1))
        if kind == "plain":
            frames.append(frame(body))
        elif kind == "long":
            frames.append(frame(body * 20))
        elif kind == "text":
            frames.append(frame(body, 0x81))
        else:
            frames += [frame(body[:5], 0x02), *pings, frame(body[5:], 0x80)]
        frames += pings
        sent = body * 20 if kind == "long" else body
        messages.append(sent.decode() if kind == "text" else sent)
    return frames, messages


async def _play(data: bytes, splits: Sequence[int], most: int) -> list[str | bytes]:
    """Send ``data`` in portions, with a process for each; return what their sessions get.

    All but the last process take only ``most`` messages by the slow path.
    """
    with pair() as (ours, theirs):
        async with first_process(ours) as first:
            await received(theirs)
            return await _go_on(first, theirs, data, splits, most)


async def _go_on(
    process: Process, theirs: socket.socket, data: bytes, splits: Sequence[int], most: int
) -> list[str | bytes]:
    process.take_messages(most if splits else 1000)
    split = splits[0] if splits else len(data)
    theirs.sendall(data[:split])
    await received(theirs)
    if not splits:
        return process.got
    frozen = process.ws.freeze()
    assert frozen is not None
    async with next_process(process, frozen) as later:
        further = [each - split for each in splits[1:]]
        return process.got + await _go_on(later, theirs, data[split:], further, most)


@settings(max_examples=examples(60), deadline=None)
@given(client_bytes(), st.data())
def test_no_message_is_lost_doubled_or_out_of_order(client, data):
    frames, messages = client
    whole = b"".join(frames)
    splits = sorted(data.draw(st.lists(st.integers(0, len(whole)), min_size=1, max_size=3)))
    most = data.draw(st.integers(0, 3))
    assert trio.run(_play, whole, splits, most) == messages
