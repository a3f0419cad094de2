"""The whole server on loopback: routes, several clients at once, and its end."""

from __future__ import annotations

import json
import pathlib
import socket
import ssl

import attrs
import pytest
import trio
import trio_websocket

from gameserver import Player, Room, Settings, StartError, open_server
from gameserver.protocol.messages import Delta
from gameserver.runtime.net.tls import make_development_certificate
from gameserver.runtime.rooms.journal_files import JournalFolderError
from gameserver.runtime.server import Server
from tests.support.small_game import Field, RawClient, join, open_url

SETTINGS = Settings(port=0)


@pytest.fixture(autouse=True, params=["poller", "tasks"])
def both_ways_of_reading(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run everything here with the lanes as they are on Linux, and as they are elsewhere."""
    monkeypatch.setitem(globals(), "SETTINGS", attrs.evolve(SETTINGS, reading=request.param))


async def get(server: Server, path: str) -> tuple[int, bytes]:
    """Fetch a path over HTTP; return status and body."""
    stream = await trio.open_tcp_stream("127.0.0.1", server.port)
    async with stream:
        await stream.send_all(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        answer = b"".join([chunk async for chunk in stream])
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


async def test_routes() -> None:
    async with open_server({"field": Field}, SETTINGS) as server, join(server) as client:
        assert (await get(server, "/healthz"))[0] == 200
        assert (await get(server, "/readyz"))[0] == 200
        assert (await get(server, "/nothing"))[0] == 404
        empty = {"rooms": [], "kinds": {"field": {"rooms": 0, "players": 0}}, "next": None}
        assert json.loads((await get(server, "/rooms"))[1]) == empty
        await client.joined()
        await client.next_of(Delta)
        (room,) = json.loads((await get(server, "/rooms"))[1])["rooms"]
        assert room.pop("tick") > 0
        assert room == {
            "name": "field/1",
            "kind": "field",
            "players": 1,
            "max_players": 3,
            "locked": False,
            "listing": {},
            "tick_rate": 20,
        }
        status, metrics = await get(server, "/metrics")
        assert status == 200
        lines = metrics.decode().splitlines()
        assert 'gameserver_players{kind="field"} 1.0' in lines
        assert "gameserver_joins_total 1.0" in lines
        assert any(line.startswith("gameserver_tick_work_seconds{") for line in lines)


async def test_players_see_each_other() -> None:
    async with (
        open_server({"field": Field}, SETTINGS) as server,
        join(server) as ann,
        join(server) as bob,
    ):
        assert (await ann.joined("ann")).seat == 1
        welcome = await bob.joined("bob")
        assert (welcome.seat, welcome.room) == (2, "field/1")
        await bob.next_of(Delta)  # or the step might come before the publish of bob's pawn
        await bob.step(1)
        while not (await ann.next_of(Delta)).adds:
            pass
        assert server.players == 2


async def bad_text(client: RawClient) -> None:
    await client.ws.send_message("text")


async def bad_bytes(client: RawClient) -> None:
    await client.ws.send_message(b"\xc1" * 50)


async def bad_size(client: RawClient) -> None:
    await client.ws.send_message(bytes(5000))


async def bad_command(client: RawClient) -> None:
    await client.send([2, 1, 0, 0, 0, 0, 9])


async def bad_name_hook(client: RawClient) -> None:
    await client.step(1)


async def vanish(client: RawClient) -> None:
    await client.ws._stream.aclose()


@pytest.mark.parametrize(
    ("name", "deed"),
    [
        ("bad", bad_text),
        ("bad", bad_bytes),
        ("bad", bad_size),
        ("bad", bad_command),
        ("command-bug", bad_name_hook),
        ("kick-me", bad_name_hook),
        ("bad", vanish),
    ],
)
async def test_what_one_client_does_never_touches_another(name: str, deed: object) -> None:
    async with open_server({"field": Field}, SETTINGS) as server, join(server) as ann:
        await ann.joined("ann")
        async with join(server) as other:
            await other.joined(name)
            await ann.next_of(Delta)
            await deed(other)  # type: ignore[operator]
            await other.closed()
        await ann.step(1)
        while (await ann.next_of(Delta)).ack != 1:
            pass
        while server.players != 1:
            await ann.next_of(Delta)


async def test_a_room_that_fails_takes_only_its_own_players() -> None:
    async with (
        open_server({"field": Field}, SETTINGS) as server,
        join(server) as ann,
        join(server) as bad,
    ):
        await ann.joined("ann", room="field/good")
        await bad.joined("nan", room="field/bad")
        await bad.step(1)
        assert (await bad.closed())[0] == 1011
        assert bad.bye is not None
        await ann.step(1)
        while (await ann.next_of(Delta)).ack != 1:
            pass
        async with join(server) as again:
            await again.joined("cal", room="field/bad")


async def test_a_client_of_version_1_is_told_that_it_is_too_old() -> None:
    """Its close code is one that it stops at; a refused upgrade would have it try for ever."""
    async with (
        open_server({"field": Field}, SETTINGS) as server,
        open_url(f"ws://127.0.0.1:{server.port}/", subprotocol="gameserver.v1.msgpack") as old,
    ):
        with pytest.raises(trio_websocket.ConnectionClosed):
            await old.ws.get_message()
        assert old.ws.closed is not None
        assert old.ws.closed.code == 4002
        assert old.ws.closed.reason == "this server speaks version 2 of the protocol"
        assert server.counters.refusals == {4002: 1}


async def test_plain_websockets() -> None:
    async with (
        open_server({"field": Field}, SETTINGS) as server,
        trio_websocket.open_websocket_url(f"ws://127.0.0.1:{server.port}/echo") as ws,
    ):
        await ws.send_message("hello")
        assert await ws.get_message() == "hello"


async def test_tls_has_a_port_of_its_own(tmp_path: pathlib.Path) -> None:
    paths = make_development_certificate(tmp_path)
    settings = Settings(port=0, tls_port=0, certificate=paths.certificate, key=paths.key)
    trusting = ssl.create_default_context(cafile=str(paths.ca))
    async with open_server({"field": Field}, settings) as server:
        assert server.tls_port not in (None, server.port)
        url = f"wss://localhost:{server.tls_port}/"
        async with join(server) as ann, open_url(url, trusting) as bob:
            await ann.joined("ann")
            assert (await bob.joined("bob")).seat == 2
            await bob.next_of(Delta)
            await ann.step(1)
            while not (await bob.next_of(Delta)).adds:
                pass


async def test_leaving_the_block_says_bye_to_everyone() -> None:
    room: list[Field] = []
    async with trio.open_nursery() as nursery:
        stopping, ended = trio.Event(), trio.Event()
        started: list[Server] = []
        serving = trio.Event()

        async def serve() -> None:
            async with open_server({"field": Field}, SETTINGS) as server:
                started.append(server)
                serving.set()
                await stopping.wait()
                made = server.lobby.rooms[0][1].room
                assert isinstance(made, Field)
                room.append(made)
            ended.set()

        nursery.start_soon(serve)
        await serving.wait()
        async with join(started[0]) as ann, join(started[0]) as silent:
            await ann.joined()
            stopping.set()
            assert await ann.closed() == (1001, "the server is shutting down")
            assert ann.bye is not None
            assert ann.bye.code == 1001
            assert await silent.closed() == (1001, "the server is shutting down")
            assert silent.bye is None
        await ended.wait()
        assert room[0].log == ["start", "stop"]
        assert room[0].left == [("ann", "the server is shutting down")]


async def test_not_ready_while_it_stops() -> None:
    class Slow(Field):
        async def on_stop(self) -> None:
            await told.wait()

    told = trio.Event()
    async with open_server({"slow": Slow}, Settings(port=0)) as server, join(server) as ann:
        await ann.joined()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.stop)
            await ann.closed()
            status, _ = await get(server, "/readyz")
            assert status == 503
            assert (await get(server, "/healthz"))[0] == 200
            told.set()


async def test_a_port_in_use_is_one_readable_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"port {port}: the port is in use; .*--port"):
            async with open_server({"field": Field}, Settings(port=port)):
                pass


async def test_a_host_of_another_machine() -> None:
    with pytest.raises(StartError, match=r"cannot listen on 192\.0\.2\.1 port 0"):
        async with open_server({"field": Field}, Settings(host="192.0.2.1", port=0)):
            pass


#: The hooks of a ``Fort`` that were called.
told: list[str] = []


class Fort(Room):
    classes = ()
    durable = True

    def on_drop(self, player: Player) -> None:
        told.append("on_drop")

    def on_leave(self, player: Player, reason: str) -> None:
        told.append("on_leave")

    async def on_load(self) -> None:
        told.append("on_load")

    async def on_stop(self) -> None:
        told.append("on_stop")


async def test_a_stop_calls_no_hooks_of_a_durable_room(tmp_path: pathlib.Path) -> None:
    told.clear()
    settings = attrs.evolve(SETTINGS, data=tmp_path)
    async with (
        open_server({"fort": Fort}, settings) as server,
        open_url(f"ws://127.0.0.1:{server.port}/") as ann,
    ):
        await ann.joined()
        await ann.next_of(Delta)
        await server.stop()
        assert (await ann.closed())[0] == 1001
    assert told == []
    async with open_server({"fort": Fort}, settings) as server:
        assert told == ["on_load", "on_drop"]
        assert server.players == 1


async def test_a_durable_room_whose_journals_have_no_folder_is_not_served(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "journals").write_text("a file")
    monkeypatch.setattr(Field, "durable", True)
    with pytest.raises(JournalFolderError, match=r"no folder for journals: .*File exists"):
        async with open_server({"field": Field}, Settings(port=0, data=tmp_path)):
            pass
