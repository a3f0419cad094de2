"""From an address to an open WebSocket, and every way in which one ends."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked
from trio_websocket import ConnectionClosed, serve_websocket, wrap_server_stream

from clients import connection
from clients.connection import Address
from clients.errors import ConnectionLost
from clients.joining import open_game
from gameserver.errors import GameServerError, LocalProtocolError
from gameserver.protocol.closing import ClientAction
from gameserver.protocol.messages import SUBPROTOCOL, CommandMessage, Said, Say
from tests.support.scripted_server import (
    Dial,
    Game,
    Push,
    Server,
    delta,
    dial_fixture,  # noqa: F401 - a fixture
    full,
    game_fixture,  # noqa: F401 - a fixture
    serve,
)
from tests.support.sockets import PATIENCE_S, client_tls, server_tls

# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    "url", ["http://a/", "ws://", "ws://a:x/", "ws://a b/", "ws://ä/", "ws://[/", "a"]
)
async def test_an_invalid_address_is_a_local_error(url: str) -> None:
    with pytest.raises(LocalProtocolError, match="not an address"):
        async with open_game(url):
            pytest.fail("must not get in")


def test_addresses() -> None:
    assert Address.from_url("ws://h:81/a?b=c") == Address("h", 81, "h:81", "/a?b=c", False)
    assert Address.from_url("wss://u@[::1]") == Address("::1", 443, "[::1]", "/", True)


# ---------------------------------------------------------------- opening


async def test_nothing_listens(autojump_clock) -> None:
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    with pytest.raises(ConnectionLost, match="cannot connect") as caught:
        async with open_game(f"ws://127.0.0.1:{port}/"):
            pytest.fail("must not get in")
    assert caught.value.action is ClientAction.RESUME


async def test_a_peer_that_speaks_no_websocket_is_given_up(dial: Dial, autojump_clock) -> None:
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


# ---------------------------------------------------------------- the end


async def test_a_connection_that_breaks_is_1006(game: Game, autojump_clock) -> None:
    async def script(server: Server) -> None:
        await server.let_in()
        await trio.aclose_forcefully(server.ws._stream)

    async with game(script) as client:
        with pytest.raises(ConnectionLost) as caught:
            await client.next_delta()
        assert (caught.value.code, caught.value.action) == (1006, ClientAction.RESUME)
        assert isinstance(caught.value, GameServerError)


async def test_a_server_that_falls_silent_is_lost(game: Game, autojump_clock) -> None:
    """If the server's machine is gone, TCP may take a quarter of an hour to report it."""
    codes: list[int] = []

    async def script(server: Server) -> None:
        await server.let_in()
        codes.append(await server.closed())

    async with game(script) as client:
        began_s = trio.current_time()
        with trio.fail_after(60), pytest.raises(ConnectionLost, match="fell silent") as caught:
            await client.next_delta()
        assert (caught.value.code, caught.value.action) == (1006, ClientAction.RESUME)
        # If the server still lives, it must not take this for leaving.
        await wait_all_tasks_blocked()
        assert codes == [4001]
        assert trio.current_time() - began_s < 2 * connection.SILENCE_DEADLINE_S


async def test_a_server_that_takes_no_bytes_is_dropped(
    game: Game, monkeypatch, autojump_clock
) -> None:
    async def script(server: Server) -> None:
        await server.let_in()

    async with game(script) as client:

        async def block(data: bytes) -> None:
            await trio.sleep_forever()

        monkeypatch.setattr(client._connection.stream._stream, "send_all", block)
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
        stream = client._connection.stream._stream
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
        await wait_all_tasks_blocked()  # it waits for bytes

        async def fail(max_bytes: int | None = None) -> bytes:
            raise RuntimeError("a bug")

        monkeypatch.setattr(client._connection.stream._stream, "receive_some", fail)
        heard.set()
        with pytest.raises(ConnectionLost, match="the WebSocket failed: RuntimeError"):
            await client.next_text()


async def test_leaving_a_dead_server_takes_the_deadline_at_most(dial: Dial, autojump_clock) -> None:
    left_at_s = 0.0

    async def stuck(stream: trio.abc.Stream) -> None:
        """Accept the connection, then neither read nor write."""

        async def script(server: Server) -> None:
            await server.let_in()
            server.ws._reader_running = False
            await trio.sleep_forever()

        await serve(stream, script)

    dial(stuck)
    async with open_game("ws://test/"):
        left_at_s = trio.current_time()
    assert trio.current_time() - left_at_s == pytest.approx(connection.CLOSE_DEADLINE_S)


# ---------------------------------------------------------------- real sockets


@pytest.mark.parametrize("secure", [False, True])
async def test_over_real_sockets(secure: bool) -> None:
    server_context, client_context = (server_tls(), client_tls()) if secure else (None, None)

    async def handle(request: Any) -> None:
        server = Server(await request.accept(subprotocol=SUBPROTOCOL))
        await server.let_in()
        await server.tell(full(11))
        pushed = await server.hear(CommandMessage)
        await server.tell(delta(12, ack=pushed.seq, adds=[1, 1, pushed.values[0]]))
        await server.closed()

    async with trio.open_nursery() as nursery:
        with trio.fail_after(PATIENCE_S):
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
