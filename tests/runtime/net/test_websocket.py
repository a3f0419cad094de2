"""The WebSocket: its states, the causes of each transition, and what may be sent in each."""

from __future__ import annotations

import attrs
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, TextMessage

from gameserver.protocol.allowance import Intake
from gameserver.protocol.closing import CONNECTION_LOST
from gameserver.protocol.frames import binary_frame
from gameserver.runtime.net.link import Link
from gameserver.runtime.net.websocket import State, WebSocket, WebSocketClosed
from tests.support.examples import examples
from tests.support.sockets import WirePeer, two_links

BIG = bytes(64 * 1024)
"""More than all the buffers between two links hold."""

both = pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])


async def opened(
    nursery: trio.Nursery, server: Link, peer: WirePeer, **limits: object
) -> WebSocket:
    """Open the WebSocket that ``peer`` asks for."""
    nursery.start_soon(peer.open)
    ws = await WebSocket.open(server, nursery, await server.receive_some(), **limits)
    await trio.testing.wait_all_tasks_blocked()
    return ws


# ---------------------------------------------------------------- open


async def test_it_is_open_once_the_upgrade_is_answered(nursery):
    async with two_links(tls=False) as (server, client):
        ws = await opened(nursery, server, WirePeer(client))
        assert ws.state is State.OPEN
        assert ws.link is server


@both
async def test_messages_go_both_ways_while_it_is_open(tls, nursery):
    async with two_links(tls=tls) as (server, client):
        peer = WirePeer(client)
        ws = await opened(nursery, server, peer)
        await peer.send(TextMessage(data="one"))
        assert await ws.receive() == "one"
        await ws.send(b"two")
        assert ws.post(binary_frame(b"three"))
        assert await peer.next_event() == BytesMessage(data=b"two")
        assert await peer.next_event() == BytesMessage(data=b"three")
        assert ws.state is State.OPEN


async def test_small_binary_messages_go_to_on_message_in_order_with_the_others(nursery):
    async with two_links(tls=False) as (server, client):
        peer = WirePeer(client)
        ws = await opened(nursery, server, peer, fast_path=True)
        seen: list[object] = []
        ws.on_message(seen.append, seen.append)
        await peer.send(BytesMessage(data=b"1"))
        await peer.send(TextMessage(data="2"))
        await peer.send(BytesMessage(data=b"3"))
        await trio.testing.wait_all_tasks_blocked()
        assert seen == [b"1"]
        seen.append(await ws.receive())
        assert await ws.receive() == b"3"
        await peer.send(BytesMessage(data=b"4"))
        await trio.testing.wait_all_tasks_blocked()
        assert seen == [b"1", "2", b"4"]
        ws.off_message()
        ws.off_message()
        await peer.send(BytesMessage(data=b"5"))
        assert await ws.receive() == b"5"
        assert seen == [b"1", "2", b"4"]


async def test_a_refused_post_is_counted_only_by_the_link(nursery):
    async with two_links(tls=False) as (server, client):
        ws = await opened(nursery, server, WirePeer(client))
        assert ws.post(binary_frame(BIG))
        assert not ws.post(binary_frame(b"x"))
        assert server.posts_refused == 0


async def test_a_flood_calls_on_flood_once(nursery):
    calls: list[str] = []
    intake = Intake(frames_per_s=1, frames_burst=40)
    async with two_links(tls=False) as (server, client):
        peer = WirePeer(client)
        ws = await opened(
            nursery,
            server,
            peer,
            fast_path=True,
            intake=intake,
            on_flood=lambda: calls.append("opened with"),
        )
        ws.on_flood(lambda: calls.append("called"))
        ws.on_message(bytes, bytes)
        for _ in range(100):
            await peer.send(BytesMessage(data=b"x"))
        await trio.testing.wait_all_tasks_blocked()
        assert calls == ["called"]


# ---------------------------------------------------------------- to CLOSING and CLOSED


@both
async def test_we_close_and_the_peer_answers(tls, nursery):
    async with two_links(tls=tls) as (server, client):
        peer = WirePeer(client)
        ws = await opened(nursery, server, peer)
        nursery.start_soon(ws.close, 4010, "kicked")
        await trio.testing.wait_all_tasks_blocked()
        assert ws.state is State.CLOSING
        assert not ws.post(binary_frame(b"late"))
        with pytest.raises(WebSocketClosed):
            await ws.send("late")
        with pytest.raises(WebSocketClosed):
            await ws.ping()
        with pytest.raises(WebSocketClosed):
            await ws.receive()
        assert await peer.next_event() == CloseConnection(code=4010, reason="kicked")
        await peer.send(CloseConnection(code=4010))
        await trio.testing.wait_all_tasks_blocked()
        assert ws.state is State.CLOSED
        await ws.close(4000, "again")
        await ws.end()


async def test_we_close_and_the_peer_does_not_answer(nursery, autojump_clock):
    async with two_links(tls=False) as (server, client):
        ws = await opened(nursery, server, WirePeer(client))
        begun_s = trio.current_time()
        await ws.close(1000, timeout_s=3)
        assert trio.current_time() - begun_s == pytest.approx(3)
        assert ws.state is State.CLOSED


@both
@pytest.mark.parametrize("clogged_before", [False, True])
async def test_nothing_is_posted_after_a_close_frame(tls, clogged_before, nursery):
    async with two_links(tls=tls) as (server, client):
        peer = WirePeer(client)
        ws = await opened(nursery, server, peer)
        before = BIG if clogged_before else b"x"
        assert ws.post(binary_frame(before))
        nursery.start_soon(ws.close, 1000)
        await trio.testing.wait_all_tasks_blocked()
        assert ws.state is State.CLOSING
        assert not ws.post(binary_frame(b"late"))
        assert [message async for message in messages_until_close(peer)] == [
            before,
            ("close", 1000),
        ]
        await trio.testing.wait_all_tasks_blocked()
        assert not server.clear
        assert not ws.post(binary_frame(b"later still"))


async def test_the_peer_closes(nursery):
    """Messages sent before the close are still received; then ``receive`` tells its code."""
    async with two_links(tls=False) as (server, client):
        peer = WirePeer(client)
        ws = await opened(nursery, server, peer)
        await peer.send(TextMessage(data="last"))
        await peer.send(CloseConnection(code=4321, reason="bored"))
        assert await peer.next_event() == CloseConnection(code=4321, reason="bored")
        assert ws.state in (State.CLOSING, State.CLOSED)
        await trio.testing.wait_all_tasks_blocked()
        assert ws.state is State.CLOSED
        assert await ws.receive() == "last"
        with pytest.raises(WebSocketClosed) as closed:
            await ws.receive()
        assert (closed.value.code, closed.value.reason) == (4321, "bored")
        assert closed.value.by_peer
        assert str(closed.value) == "4321 bored"


@pytest.mark.parametrize(
    ("sent", "code"),
    [(b"\x82\xfe\x13\x88mask" + bytes(5000), 1009), (b"\xc2\x80mask", 1002)],
    ids=["a message that is too big", "a reserved bit"],
)
async def test_trio_websocket_closes(nursery, sent, code):
    async with two_links(tls=False) as (server, client):
        peer = WirePeer(client)
        ws = await opened(nursery, server, peer)
        await client.send_all(sent)
        with pytest.raises(WebSocketClosed) as closed:
            await ws.receive()
        assert closed.value.code == code
        assert not closed.value.by_peer
        await ws.end()
        assert ws.state is State.CLOSED
        assert (await peer.next_event()).code == code


@pytest.mark.parametrize("cut", ["an end without a close frame", "dropped here"])
async def test_the_connection_is_lost(nursery, cut):
    async with two_links(tls=False) as (server, client):
        ws = await opened(nursery, server, WirePeer(client))
        if cut == "dropped here":
            ws.drop()
        else:
            client.drop()
        with pytest.raises(WebSocketClosed) as closed:
            await ws.receive()
        assert (closed.value.code, closed.value.by_peer) == (CONNECTION_LOST, False)
        assert ws.state is State.CLOSED
        with pytest.raises(WebSocketClosed):
            await ws.send("nobody reads it")
        await ws.close(1000)
        await ws.end()


async def test_a_ping_while_we_close_ends_only_the_reader(nursery):
    async with two_links(tls=False) as (server, client):
        peer = WirePeer(client)
        ws = await opened(nursery, server, peer)
        nursery.start_soon(ws.close, 4010)
        await trio.testing.wait_all_tasks_blocked()
        assert not ws.reader_failed
        await peer.send(Ping(payload=b"?"))
        await trio.testing.wait_all_tasks_blocked()
        assert ws.reader_failed
        assert (await peer.next_event()).code == 4010
        await ws.end()


@pytest.mark.parametrize("message", [b"\x88", "\x88", b"\x82\x01x"])
async def test_only_a_close_frame_begins_closing(message, nursery):
    async with two_links(tls=False) as (server, client):
        ws = await opened(nursery, server, WirePeer(client))
        await ws.send(message)
        assert ws.state is State.OPEN
        assert server.clear


# ---------------------------------------------------------------- everything at once


@attrs.frozen
class Post:
    """Post so many frames at once."""

    sizes: tuple[int, ...]


@attrs.frozen
class Say:
    """Send a text by a task."""

    size: int


class PingPeer:
    """Send a ping frame by a task."""


@attrs.frozen
class Read:
    """Let the client take so much."""

    max_bytes: int


sizes = st.one_of(st.integers(0, 200), st.integers(0, 20_000))
actions = st.lists(
    st.one_of(
        st.builds(Post, st.lists(sizes, min_size=1, max_size=3).map(tuple)),
        st.builds(Say, sizes),
        st.builds(PingPeer),
        st.builds(Read, st.integers(1, 9000)),
    ),
    max_size=30,
)


@both
@settings(max_examples=examples(50))
@given(actions=actions, code=st.sampled_from([1000, 1001, 4000]))
async def test_frames_never_interleave(tls, actions, code):
    """For any order of posts, sends, partial writes and reads: whole messages arrive, in the
    order in which they were accepted, then the close, and nothing after it."""
    async with two_links(tls=tls) as (server, client), trio.open_nursery() as nursery:
        peer = WirePeer(client)
        ws = await opened(nursery, server, peer)
        expected: list[object] = []
        for number, action in enumerate(actions):
            match action:
                case Post(sizes):
                    payloads = [bytes([number]) * size for size in sizes]
                    if ws.post(b"".join(map(binary_frame, payloads))):
                        expected += payloads
                case Say(size):
                    expected.append(chr(number) * size)
                    nursery.start_soon(ws.send, chr(number) * size)
                case PingPeer():
                    expected.append("ping")
                    nursery.start_soon(ws.ping)
                case Read(max_bytes):
                    async with trio.open_nursery() as reading:
                        reading.start_soon(peer.receive, max_bytes)
                        await trio.testing.wait_all_tasks_blocked()
                        reading.cancel_scope.cancel()
            # In the order in which they were started, writers stand in line for the link.
            await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(ws.close, code)
        await trio.testing.wait_all_tasks_blocked()
        assert not ws.post(binary_frame(b"after the close"))
        received = [message async for message in messages_until_close(peer)]
        assert received == [*expected, ("close", code)]
        await peer.send(CloseConnection(code=code))
        assert await peer.receive() == b""
        nursery.cancel_scope.cancel()


async def messages_until_close(peer: WirePeer):
    parts = []
    while event := await peer.next_event():
        match event:
            case Ping():
                yield "ping"
            case CloseConnection(code=code):
                yield "close", code
                return
            case Message():
                parts.append(event.data)
                if event.message_finished:
                    yield parts[0][:0].join(parts)
                    parts.clear()
