"""The Python client against a scripted server on a memory stream, and once over real sockets."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import pytest
import trio
import trustme
from trio.testing import memory_stream_pair
from trio_websocket import ConnectionClosed, serve_websocket, wrap_server_stream

from clients import connection
from clients.connection import Address
from clients.errors import ConnectionLost, Refused
from clients.game_client import MAX_WAITING_DELTAS, GameClient
from clients.inbox import Inbox
from clients.joining import OPEN_DEADLINE_S, open_game
from gameserver.errors import GameServerError, JoinRefused, LocalProtocolError
from gameserver.model.schema import Schema, command, entity, event, number, synced
from gameserver.protocol.closing import ClientAction
from gameserver.protocol.messages import (
    SUBPROTOCOL,
    Ack,
    Bye,
    Check,
    CommandMessage,
    Delta,
    Hello,
    Moved,
    Ping,
    Pong,
    Resync,
    Said,
    Say,
    Status,
    Welcome,
    decode_from_client,
)


@entity
class Ball:
    x: int = synced(0)


@command
class Push:
    force: int = number(-3, 3)


@event
class Bounce:
    x: int = 0


SCHEMA = Schema.of([Ball, Push, Bounce])


def welcome(**changes: Any) -> Welcome:
    fields: dict[str, Any] = {
        "room": "balls/1",
        "seat": 4,
        "own_entity": 1,
        "tick": 10,
        "tick_rate": 20,
        "schema": SCHEMA.describe(),
        "resume": "r",
        "limits": {"publish_every": 1},
    }
    return Welcome(**{**fields, **changes})


def delta(tick: int, **sections: Any) -> Delta:
    fields: dict[str, Any] = {
        "ack": 0,
        "margin": None,
        "leaves": [],
        "enters": [],
        "sets": [],
        "adds": [],
        "own": [],
        "events": [],
    }
    return Delta(tick=tick, **{**fields, **sections})


def full(tick: int, x: int = 5) -> Delta:
    return delta(tick, leaves=None, enters=[1, 0, x])


class Server:
    """The server's end of one connection, as the scripts of the tests use it."""

    def __init__(self, ws: Any) -> None:
        self.ws = ws

    async def tell(self, *messages: Any) -> None:
        for message in messages:
            await self.ws.send_message(message.encode())

    async def hear(self, kind: type) -> Any:
        """Return the next message of ``kind``; pings in between are passed over."""
        while True:
            message = decode_from_client(await self.ws.get_message())
            if isinstance(message, kind):
                return message
            assert isinstance(message, (Ping, Ack)), message

    async def closed(self) -> int:
        """Read until the connection is closed, and return the code."""
        try:
            while True:
                await self.ws.get_message()
        except ConnectionClosed:
            return self.ws.closed.code

    async def let_in(self, **changes: Any) -> None:
        await self.hear(Hello)
        await self.tell(welcome(**changes))


Script = Callable[[Server], Awaitable[None]]


async def serve(stream: trio.abc.Stream, script: Script) -> None:
    async with trio.open_nursery() as nursery:
        request = await wrap_server_stream(nursery, stream)  # type: ignore[arg-type]
        ws = await request.accept(subprotocol=SUBPROTOCOL)
        server = Server(ws)
        await script(server)
        await server.closed()
        await trio.aclose_forcefully(stream)


Dial = Callable[[Callable[[trio.abc.Stream], Awaitable[None]]], None]
Game = Callable[..., AbstractAsyncContextManager[GameClient]]


@pytest.fixture
async def dial(monkeypatch: pytest.MonkeyPatch, nursery: trio.Nursery) -> Dial:
    """Return a function that lets the next ``open_game`` connect to a server's task."""

    def serve_next(serving: Callable[[trio.abc.Stream], Awaitable[None]]) -> None:
        ours, theirs = memory_stream_pair()

        async def open_stream(address: Address, *_: Any) -> trio.abc.Stream:
            await trio.lowlevel.checkpoint()
            return ours

        monkeypatch.setattr(connection, "_open_stream", open_stream)
        nursery.start_soon(serving, theirs)

    return serve_next


@pytest.fixture
async def game(dial: Dial) -> Game:
    """Return ``open_game`` to a server that runs a script."""

    def open_scripted(script: Script, **options: Any) -> AbstractAsyncContextManager[GameClient]:
        dial(partial(serve, script=script))
        return open_game("ws://test/", **{"resume": False, **options})

    return open_scripted


# ---------------------------------------------------------------- joining


async def test_hello_says_what_was_asked_and_welcome_is_read(game: Game, autojump_clock) -> None:
    heard: list[Hello] = []

    async def script(server: Server) -> None:
        heard.append(await server.hear(Hello))
        await server.tell(welcome(), full(11))

    options = {"room": "balls", "name": "Ada", "token": "secret", "schema": SCHEMA}
    async with game(script, **options) as client:
        applied = await client.next_delta()
        assert heard == [Hello(1, SCHEMA.hash, "balls", "Ada", "secret")]
        assert (client.room, client.seat, client.resume_token) == ("balls/1", 4, "r")
        assert applied.tick == client.replica.tick == 11
        assert client.replica.own is not None
        assert client.replica.own.x == 5
        assert client.schema is SCHEMA


@pytest.mark.parametrize("says_bye", [True, False])
async def test_a_refusal_is_join_refused(game: Game, autojump_clock, says_bye: bool) -> None:
    async def script(server: Server) -> None:
        await server.hear(Hello)
        if says_bye:
            await server.tell(Bye(4005, "full", 7.5))
        await server.ws.aclose(4005, "full")

    with pytest.raises(JoinRefused) as caught:
        async with game(script):
            pytest.fail("must not get in")
    assert isinstance(caught.value, Refused)
    assert (caught.value.code, caught.value.reason) == (4005, "full")
    assert caught.value.action is ClientAction.RESUME
    assert caught.value.retry_after_s == (7.5 if says_bye else None)


async def test_a_silent_server_is_given_up_after_the_deadline(game: Game, autojump_clock) -> None:
    async def script(server: Server) -> None:
        await server.hear(Hello)

    began_s = trio.current_time()
    with pytest.raises(ConnectionLost, match="no welcome within 10 seconds"):
        async with game(script):
            pytest.fail("must not get in")
    assert trio.current_time() - began_s == pytest.approx(OPEN_DEADLINE_S)


async def test_a_peer_that_is_no_websocket_is_given_up(dial: Dial, autojump_clock) -> None:
    async def mute(stream: trio.abc.Stream) -> None:
        await trio.sleep_forever()

    dial(mute)
    with pytest.raises(ConnectionLost, match="no answer within 10 seconds"):
        async with open_game("ws://test/"):
            pytest.fail("must not get in")


async def test_a_peer_that_hangs_up_ends_the_handshake_at_once(dial: Dial, autojump_clock) -> None:
    async def hang_up(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.aclose()

    dial(hang_up)
    began_s = trio.current_time()
    with pytest.raises(ConnectionLost, match="lost"):
        async with open_game("ws://test/"):
            pytest.fail("must not get in")
    assert trio.current_time() == began_s


@pytest.mark.parametrize(
    ("status", "action"), [(404, ClientAction.STOP), (503, ClientAction.RESUME)]
)
async def test_an_http_answer_says_so(dial: Dial, autojump_clock, status: int, action) -> None:
    async def http(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 %d No\r\nContent-Length: 2\r\n\r\nno" % status)

    dial(http)
    with pytest.raises(ConnectionLost, match=f"HTTP status {status}") as caught:
        async with open_game("ws://test/"):
            pytest.fail("must not get in")
    assert caught.value.action is action


async def test_a_server_with_another_subprotocol_is_left(dial: Dial, autojump_clock) -> None:
    async def other(stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as nursery:
            request = await wrap_server_stream(nursery, stream)  # type: ignore[arg-type]
            ws = await request.accept()
            with pytest.raises(ConnectionClosed):
                await ws.get_message()
            assert ws.closed.code == 4000

    dial(other)
    with pytest.raises(ConnectionLost, match="does not speak"):
        async with open_game("ws://test/"):
            pytest.fail("must not get in")


@pytest.mark.parametrize("first", [full(3), welcome(schema=[1]), welcome(schema=[[], []])])
async def test_a_wrong_first_message_is_a_protocol_error(
    game: Game, autojump_clock, first: Any
) -> None:
    async def script(server: Server) -> None:
        await server.hear(Hello)
        await server.tell(first)

    with pytest.raises(ConnectionLost) as caught:
        async with game(script):
            pytest.fail("must not get in")
    assert (caught.value.code, caught.value.action) == (4000, ClientAction.STOP)


async def test_nothing_listens(autojump_clock) -> None:
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    with pytest.raises(ConnectionLost, match="cannot connect") as caught:
        async with open_game(f"ws://127.0.0.1:{port}/"):
            pytest.fail("must not get in")
    assert caught.value.action is ClientAction.RESUME


@pytest.mark.parametrize(
    "url", ["http://a/", "ws://", "ws://a:x/", "ws://a b/", "ws://ä/", "ws://[/", "a"]
)
async def test_what_is_no_address_is_our_own_mistake(url: str) -> None:
    with pytest.raises(LocalProtocolError, match="not an address"):
        async with open_game(url):
            pytest.fail("must not get in")


def test_addresses() -> None:
    assert Address.from_url("ws://h:81/a?b=c") == Address("h", 81, "h:81", "/a?b=c", False)
    assert Address.from_url("wss://u@[::1]") == Address("::1", 443, "[::1]", "/", True)


async def test_an_exception_of_the_block_comes_out_as_it_is(game: Game, autojump_clock) -> None:
    with pytest.raises(ZeroDivisionError):
        async with game(Server.let_in):
            raise ZeroDivisionError


async def test_leaving_closes_in_peace(game: Game, autojump_clock) -> None:
    codes: list[int] = []

    async def script(server: Server) -> None:
        await server.let_in()
        codes.append(await server.closed())

    async with game(script):
        pass
    assert codes == [1000]


async def test_leaving_a_dead_server_takes_the_deadline_at_most(dial: Dial, autojump_clock) -> None:
    left_at_s = 0.0

    async def stuck(stream: trio.abc.Stream) -> None:
        """Let in, then neither read nor write."""

        async def script(server: Server) -> None:
            await server.let_in()
            server.ws._reader_running = False
            await trio.sleep_forever()

        await serve(stream, script)

    dial(stuck)
    async with open_game("ws://test/"):
        left_at_s = trio.current_time()
    assert trio.current_time() - left_at_s == pytest.approx(connection.CLOSE_DEADLINE_S)


# ---------------------------------------------------------------- playing


async def test_commands_carry_seq_shown_acked_and_are_checked(game: Game, autojump_clock) -> None:
    heard: list[CommandMessage] = []
    done = trio.Event()

    async def script(server: Server) -> None:
        await server.let_in()
        await server.tell(full(11))
        heard.extend([await server.hear(CommandMessage) for _ in range(2)])
        done.set()

    async with game(script) as client:
        await client.next_delta()
        assert await client.send(Push(force=2)) == 1
        with pytest.raises(LocalProtocolError, match=r"Push\.force: 4 is outside"):
            await client.send(Push(force=4))
        with pytest.raises(LocalProtocolError, match="knows no command Ball"):
            await client.send(Ball())
        assert await client.send(Push(force=-1)) == 2
        await done.wait()
    assert heard == [
        CommandMessage(1, 0, 11 * 32, 11, 0, [2]),
        CommandMessage(2, 0, 11 * 32, 11, 0, [-1]),
    ]


async def test_events_come_with_their_delta_and_by_themselves(game: Game, autojump_clock) -> None:
    async def script(server: Server) -> None:
        await server.let_in()
        await server.tell(full(11), delta(12, events=[[0, 7], [0, 8]]), delta(14, events=[[0, 9]]))
        await server.ws.aclose(1000)

    async with game(script) as client:
        seen = [event_.x async for event_ in client.events()]
        assert seen == [7, 8, 9]
        by_delta = [(d.tick, [e.x for e in d.events]) async for d in client]
        assert by_delta == [(11, []), (12, [7, 8]), (14, [9])]


async def test_one_who_does_not_read_loses_the_oldest_and_it_is_counted(
    game: Game, autojump_clock
) -> None:
    async def script(server: Server) -> None:
        await server.let_in()
        await server.tell(full(11))
        for tick in range(12, 12 + MAX_WAITING_DELTAS + 2):
            await server.tell(delta(tick))
        await server.tell(Said(0, "", "done"))

    async with game(script) as client:
        assert (await client.next_text()).text == "done"
        assert client.statistics().unread_deltas == 3
        assert (await client.next_delta()).tick == 14


async def test_talk_goes_both_ways(game: Game, autojump_clock) -> None:
    async def script(server: Server) -> None:
        await server.let_in()
        said = await server.hear(Say)
        await server.tell(Said(4, "me", said.text.upper()))

    async with game(script) as client:
        await client.say("hello")
        assert await client.next_text() == Said(4, "me", "HELLO")
        for text in ("", "x" * 257):
            with pytest.raises(LocalProtocolError):
                await client.say(text)


async def test_an_ack_goes_out_a_second_after_the_last_command(game: Game, autojump_clock) -> None:
    acks: list[tuple[float, int]] = []
    done = trio.Event()
    sent_at_s = 0.0

    async def script(server: Server) -> None:
        await server.let_in()
        await server.tell(full(11))
        await server.hear(CommandMessage)
        await server.tell(delta(12))
        for _ in range(2):
            ack = await server.hear(Ack)
            acks.append((trio.current_time() - sent_at_s, ack.tick))
        done.set()

    async with game(script) as client:
        await client.next_delta()
        await trio.sleep(0.4)
        sent_at_s = trio.current_time()
        await client.send(Push())
        await done.wait()
    assert acks == [(pytest.approx(1.0), 12), (pytest.approx(2.0), 12)]


async def test_pings_measure_the_round_trip_and_the_clock(game: Game, autojump_clock) -> None:
    async def script(server: Server) -> None:
        await server.let_in(tick_rate=20)
        ping = await server.hear(Ping)
        await trio.sleep(0.1)
        await server.tell(Pong(ping.nonce + 1, ping.client_time, 0.0))  # of no ping of ours
        await server.tell(Pong(ping.nonce, ping.client_time, 101.0))
        await server.tell(Status(100_000, 90_000, 1_000, 80_000, 700, 3))
        await server.tell(Said(0, "", "done"))

    async with game(script) as client:
        assert client.server_tick() is None
        assert client.latency.rtt_s is None
        await client.next_text()
        assert client.round_trips.rtt_s == pytest.approx(0.1)
        assert client.round_trips.count == 1
        assert client.server_tick() == pytest.approx(101.0 + 0.05 * 20)
        assert client.latency.smoothed_s == pytest.approx(0.09)
        assert client.status is not None
        assert client.status.players == 3


async def test_a_checksum_that_fails_asks_once_for_a_full_state(game: Game, autojump_clock) -> None:
    resyncs: list[Resync] = []

    async def script(server: Server) -> None:
        await server.let_in()
        replica_sum = 0x12345678
        await server.tell(full(11), Check(11, replica_sum), delta(12), Check(12, replica_sum))
        resyncs.append(await server.hear(Resync))
        await server.tell(full(13, x=9), Said(0, "", "done"))

    async with game(script) as client:
        await client.next_text()
        statistics = client.statistics()
        assert (statistics.checks, statistics.checksum_failures, statistics.resyncs) == (1, 1, 1)
        assert client.replica.entities[1].x == 9
        assert len(resyncs) == 1


async def test_only_one_full_state_is_asked_for_at_a_time(game: Game, autojump_clock) -> None:
    heard: list[object] = []

    async def script(server: Server) -> None:
        await server.let_in()
        await server.tell(full(11), Check(11, 1), delta(12, adds=[9, 1, 1]), Said(0, "", "a"))
        await server.hear(Resync)
        heard.append(await server.hear(Say))  # fails on a second resync
        await server.tell(full(13), Check(13, 1))
        heard.append(await server.hear(Resync))
        await server.tell(Said(0, "", "b"))

    async with game(script) as client:
        await client.next_text()
        await client.say("nothing in between")
        await client.next_text()
        assert len(heard) == 2
        assert client.statistics().resyncs == 2


async def test_a_check_of_another_tick_fails(game: Game, autojump_clock) -> None:
    async def script(server: Server) -> None:
        await server.let_in()
        await server.tell(delta(11, leaves=None), Check(11, 0), Check(12, 0))
        await server.hear(Resync)
        await server.tell(Said(0, "", "done"))

    async with game(script) as client:
        await client.next_text()
        assert (client.statistics().checks, client.statistics().checksum_failures) == (2, 1)


async def test_a_delta_that_does_not_fit_asks_for_a_full_state(game: Game, autojump_clock) -> None:
    async def script(server: Server) -> None:
        await server.let_in()
        await server.tell(full(11), delta(12, adds=[9, 1, 1]), delta(13), Check(13, 1))
        await server.hear(Resync)
        await server.tell(full(14, x=6))

    async with game(script) as client:
        assert [(await client.next_delta()).tick for _ in range(2)] == [11, 14]
        statistics = client.statistics()
        assert (statistics.deltas, statistics.deltas_refused, statistics.resyncs) == (2, 1, 1)
        assert statistics.checks == 0
        assert not client.replica.broken


WRONG: dict[str, Callable[[Server], Awaitable[None]]] = {
    "no msgpack": lambda server: server.ws.send_message(b"\xc1"),
    "a client's message": lambda server: server.tell(Resync()),
    "a second welcome": lambda server: server.tell(welcome()),
    "a full state that does not fit": lambda server: server.tell(delta(11, leaves=None, adds=[1])),
    "text": lambda server: server.ws.send_message("hi"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_what_cannot_be_mended_ends_the_connection(
    game: Game, autojump_clock, wrong: str
) -> None:
    codes: list[int] = []

    async def script(server: Server) -> None:
        await server.let_in()
        await WRONG[wrong](server)
        codes.append(await server.closed())

    async with game(script) as client:
        with pytest.raises(ConnectionLost) as caught:
            await client.next_delta()
        assert caught.value.code == (1003 if wrong == "text" else 4000)
        assert caught.value.action is ClientAction.STOP
    assert codes == [caught.value.code]


# ---------------------------------------------------------------- the end


async def test_a_close_is_told_to_everyone_who_waits_or_sends(game: Game, autojump_clock) -> None:
    async def script(server: Server) -> None:
        await server.let_in()
        await server.tell(Moved("ws://else/", "t"), Bye(1001, "restart", 3))
        await server.ws.aclose(1001)

    async with game(script) as client:
        for waiting in (client.next_delta, client.next_text, client.events().__anext__):
            with pytest.raises(ConnectionLost) as caught:
                await waiting()
            lost = caught.value
            assert (lost.code, lost.reason, lost.retry_after_s) == (1001, "restart", 3)
            assert lost.action is ClientAction.RESUME
            assert lost.moved == Moved("ws://else/", "t")
        for sending in (client.send(Push()), client.say("x")):
            with pytest.raises(ConnectionLost):
                await sending


async def test_a_connection_that_breaks_is_1006(game: Game, autojump_clock) -> None:
    async def script(server: Server) -> None:
        await server.let_in()
        await trio.aclose_forcefully(server.ws._stream)

    async with game(script) as client:
        with pytest.raises(ConnectionLost) as caught:
            await client.next_delta()
        assert (caught.value.code, caught.value.action) == (1006, ClientAction.RESUME)
        assert isinstance(caught.value, GameServerError)


async def test_a_server_that_takes_no_bytes_is_dropped(
    game: Game, monkeypatch, autojump_clock
) -> None:
    async def script(server: Server) -> None:
        await server.let_in()

    async with game(script) as client:

        async def block(data: bytes) -> None:
            await trio.sleep_forever()

        monkeypatch.setattr(client._connection.stream, "send_all", block)
        began_s = trio.current_time()
        with pytest.raises(ConnectionLost, match="takes no more bytes"):
            await client.say("hi")
        assert trio.current_time() - began_s == pytest.approx(connection.SEND_DEADLINE_S)
        with pytest.raises(ConnectionLost, match="takes no more bytes"):
            await client.next_delta()


async def test_a_cancelled_send_leaves_no_half_frame(
    game: Game, monkeypatch, autojump_clock
) -> None:
    heard: list[str] = []

    async def script(server: Server) -> None:
        await server.let_in()
        heard.extend([(await server.hear(Say)).text for _ in range(2)])
        await server.tell(Said(0, "", "done"))

    async with game(script) as client:
        stream = client._connection.stream
        plain_send = stream.send_all

        async def slowly(data: bytes) -> None:
            await plain_send(data[:3])
            await trio.sleep(1.2)
            await plain_send(data[3:])

        monkeypatch.setattr(stream, "send_all", slowly)
        with trio.move_on_after(0.5):
            await client.say("one")
        await client.say("two")
        await client.next_text()
    assert heard == ["one", "two"]


async def test_a_fault_inside_the_websocket_layer_ends_only_this_connection(
    game: Game, monkeypatch, autojump_clock
) -> None:
    heard = trio.Event()

    async def script(server: Server) -> None:
        await server.let_in()
        await heard.wait()
        await server.tell(full(11))

    async with game(script) as client:
        await trio.testing.wait_all_tasks_blocked()  # it waits for bytes

        async def fail(max_bytes: int | None = None) -> bytes:
            raise RuntimeError("a bug")

        monkeypatch.setattr(client._connection.stream, "receive_some", fail)
        heard.set()
        with pytest.raises(ConnectionLost, match="the WebSocket failed: RuntimeError"):
            await client.next_text()


# ---------------------------------------------------------------- the inbox


async def test_an_inbox_gives_in_order_drops_the_oldest_and_ends() -> None:
    inbox: Inbox[int] = Inbox(2)
    for item in range(3):
        inbox.put(item)
    assert (inbox.dropped, await inbox.get()) == (1, 1)
    assert inbox.take() == [2]
    inbox.put(3)
    inbox.end()
    assert await inbox.get() == 3
    with pytest.raises(trio.EndOfChannel):
        await inbox.get()


async def test_an_inbox_wakes_who_waits_and_loses_nothing_to_the_cancelled(autojump_clock) -> None:
    inbox: Inbox[int] = Inbox(2)
    got: list[int] = []

    async def wait() -> None:
        got.append(await inbox.get())

    async with trio.open_nursery() as nursery:
        with trio.move_on_after(1):
            await inbox.get()
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        inbox.put(7)
    assert got == [7]


# ---------------------------------------------------------------- real sockets


@pytest.mark.parametrize("secure", [False, True])
async def test_over_real_sockets(secure: bool) -> None:
    authority = trustme.CA()
    server_context = client_context = None
    if secure:
        server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(server_context)
        client_context = ssl.create_default_context()
        authority.configure_trust(client_context)

    async def handle(request: Any) -> None:
        server = Server(await request.accept(subprotocol=SUBPROTOCOL))
        await server.let_in()
        await server.tell(full(11))
        pushed = await server.hear(CommandMessage)
        await server.tell(delta(12, ack=pushed.seq, adds=[1, 1, pushed.values[0]]))
        await server.closed()

    async with trio.open_nursery() as nursery:
        with trio.fail_after(10):
            serving = await nursery.start(serve_websocket, handle, "localhost", 0, server_context)
            url = f"{'wss' if secure else 'ws'}://localhost:{serving.port}/"
            async with open_game(url, ssl_context=client_context) as client:
                await client.next_delta()
                await client.send(Push(force=3))
                assert (await client.next_delta()).ack == 1
                assert client.replica.entities[1].x == 8
                assert client.statistics().bytes_received > 100
            if secure:
                with pytest.raises(ConnectionLost, match="certificate") as caught:
                    async with open_game(url):
                        pytest.fail("must not get in")
                assert caught.value.action is ClientAction.STOP
        nursery.cancel_scope.cancel()
