"""The endpoints for clients that do not speak the game's protocol."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from wsproto.events import BytesMessage, CloseConnection, Pong, TextMessage

from gameserver.runtime.net.websocket import WebSocket, WebSocketClosed
from gameserver.runtime.plain import CHAT_MESSAGE_BYTES, ECHO_MESSAGE_BYTES, Chat, echo
from tests.support.sockets import WirePeer, open_acceptor, two_links

both = pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])


@both
async def test_echo_returns_every_message_as_it_came(tls):
    async with open_acceptor(tls=tls) as opened, opened.websocket("/echo") as ws:
        for message in ("", "text", "ünï → 🚀", b"", b"\0\xff", "x" * ECHO_MESSAGE_BYTES):
            await ws.send_message(message)
            assert await ws.get_message() == message
        await ws.send_message("__ping__")
        assert await ws.get_message() == "__pong__"
        await ws.send_message(b"__ping__")
        assert await ws.get_message() == b"__ping__"


@both
async def test_fragments_come_back_whole(tls):
    async with open_acceptor(tls=tls) as opened:
        peer = WirePeer(await opened.connect())
        await peer.open("/echo")
        await peer.send(TextMessage(data="one ", message_finished=False))
        await peer.send(TextMessage(data="two", message_finished=True))
        assert await peer.next_event() == TextMessage(data="one two")
        await trio.aclose_forcefully(peer.stream)


async def test_echo_of_too_much_is_closed_1009():
    async with open_acceptor() as opened:
        peer = WirePeer(await opened.connect())
        await peer.open("/echo")
        await peer.send(BytesMessage(data=bytes(ECHO_MESSAGE_BYTES + 1)))
        assert (await peer.next_event()).code == 1009
        await trio.aclose_forcefully(peer.stream)


@both
async def test_a_text_goes_to_everyone_in_the_chat(tls):
    async with (
        open_acceptor(tls=tls) as opened,
        opened.websocket("/chat") as ann,
        opened.websocket("/chat") as bob,
    ):
        await ann.send_message("__ping__")
        assert await ann.get_message() == "__pong__"
        await bob.send_message("__ping__")
        assert await bob.get_message() == "__pong__"  # both are in, and no ping was handed on
        await ann.send_message("hello")
        assert await ann.get_message() == "hello"
        assert await bob.get_message() == "hello"
        await bob.send_message("hi")
        assert await ann.get_message() == "hi"


async def test_bytes_in_the_chat_are_closed_1003():
    async with open_acceptor() as opened, opened.websocket("/chat") as witness:
        peer = WirePeer(await opened.connect())
        await peer.open("/chat")
        await peer.send(BytesMessage(data=b"\0"))
        closed = await peer.next_event()
        assert isinstance(closed, CloseConnection)
        assert (closed.code, closed.reason) == (1003, "only text is spoken here")
        await trio.aclose_forcefully(peer.stream)
        await witness.send_message("still here")
        assert await witness.get_message() == "still here"


async def test_a_long_text_is_closed_1009():
    async with open_acceptor() as opened:
        peer = WirePeer(await opened.connect())
        await peer.open("/chat")
        await peer.send(TextMessage(data="x" * (CHAT_MESSAGE_BYTES + 1)))
        assert (await peer.next_event()).code == 1009
        await trio.aclose_forcefully(peer.stream)


# Without an acceptor, so that buffers are small and the clock is ours


async def session(nursery, handler, server, client) -> WirePeer:
    """A client of ``handler`` over two links."""
    peer = WirePeer(client)
    nursery.start_soon(peer.open)
    ws = await WebSocket.open(server, nursery, await server.receive_some())
    nursery.start_soon(run_handler, handler, ws)
    await trio.testing.wait_all_tasks_blocked()
    return peer


async def run_handler(handler, ws):
    try:
        await handler(ws, "peer")
    except* WebSocketClosed:
        pass


async def test_a_slow_reader_blocks_nobody_and_is_told_how_many_texts_it_missed(autojump_clock):
    chat = Chat(queue_messages=4)
    texts = [f"{number} " + "x" * 2000 for number in range(60)]
    async with (
        two_links(tls=False) as (server_1, client_1),
        two_links(tls=False) as (server_2, client_2),
        trio.open_nursery() as nursery,
    ):
        speaker = await session(nursery, chat.join, server_1, client_1)
        sleeper = await session(nursery, chat.join, server_2, client_2)
        assert len(chat) == 2
        for text in texts:
            await speaker.send(TextMessage(data=text))
            assert await whole_text(speaker) == text
        assert chat.dropped > 0

        heard = []
        while not heard or heard[-1] != texts[-1]:
            heard.append(await whole_text(sleeper))
        notices = [text for text in heard if text.startswith("[")]
        assert notices == [f"[{chat.dropped} earlier messages were dropped here]"]
        at = heard.index(notices[0])
        assert heard[:at] == texts[:at]
        assert heard[at + 1 :] == texts[-4:]
        assert at + chat.dropped + 4 == len(texts)
        nursery.cancel_scope.cancel()
    assert len(chat) == 0


async def whole_text(peer: WirePeer) -> str:
    text = ""
    while True:
        event = await peer.next_event()
        assert isinstance(event, TextMessage)
        text += event.data
        if event.message_finished:
            return text


@pytest.mark.parametrize("answers", [True, False])
@pytest.mark.parametrize("endpoint", ["echo", "chat"])
async def test_a_client_that_answers_no_ping_is_dropped(answers, endpoint, autojump_clock):
    handler = echo if endpoint == "echo" else Chat().join
    async with two_links(tls=False) as (server, client), trio.open_nursery() as nursery:
        peer = await session(nursery, handler, server, client)
        for _ in range(5):
            ping = await peer.next_event()
            if ping is None:
                break
            if answers:
                await peer.send(Pong(payload=ping.payload))
        assert (ping is not None) is answers
        assert trio.current_time() == pytest.approx(100 if answers else 40, abs=1)
        nursery.cancel_scope.cancel()
