"""A client on the wrong node gets to its room: with every byte, and without noticing."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from gameserver import Joining, JoinRefused, Player
from gameserver.cluster.directory.listings import Candidates
from gameserver.cluster.placement import Choice
from gameserver.protocol.closing import CloseCode
from gameserver.protocol.messages import (
    SUBPROTOCOL,
    VERSION,
    Bye,
    CommandMessage,
    Hello,
    Welcome,
    decode_from_server,
)
from gameserver.tokens import Tokens
from tests.support.node_host import RunningHost, node_host
from tests.support.small_game import Field, Step, join
from tests.support.sockets import until

SECRET = "one-secret-for-all-the-nodes-of-a-host"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "nodes"


async def test_a_connection_goes_to_the_node_of_its_room(folder: Path) -> None:
    async with node_host(folder) as host:
        await host.give(1, "field/x")
        async with join(host.servers[0]) as client:
            welcome = await client.joined(room="field/x")
            assert welcome.room == "field/x"
            assert (list(host.rooms(0)), list(host.rooms(1))) == ([], ["field/x"])
            await client.step(1)
            field = host.rooms(1)["field/x"]
            await until(lambda: _only_player(field).entity.x == 1)
        assert host.servers[0].counters.passed_on == 1
        assert host.servers[1].counters.joins == 1


async def test_a_room_is_made_once_whichever_nodes_are_asked(folder: Path) -> None:
    async with node_host(folder, 3) as host:
        welcomes: list[str] = []

        async def play(index: int, name: str) -> None:
            async with join(host.servers[index % 3]) as client:
                welcomes.append((await client.joined(room=f"field/{name}")).room)
                await until(lambda: len(welcomes) == 24)

        async with trio.open_nursery() as nursery:
            for index in range(24):
                nursery.start_soon(play, index, f"r{index % 8}")
        made = [label for index in range(3) for label in host.rooms(index)]
        assert sorted(made) == [f"field/r{n}" for n in range(8)]
        assert sorted(welcomes) == sorted(f"field/r{n % 8}" for n in range(24))


async def test_players_who_name_no_room_fill_one_up(folder: Path) -> None:
    async with (
        node_host(folder) as host,
        join(host.servers[0]) as a,
        join(host.servers[1]) as b,
        join(host.servers[0]) as c,
        join(host.servers[1]) as d,
    ):
        rooms = [(await client.joined(f"p{n}")).room for n, client in enumerate((a, b, c, d))]
        assert rooms[:3] == ["field/1"] * 3, "it has three seats"
        assert rooms[3] == "field/2"


async def test_a_kind_may_place_its_rooms_itself(folder: Path) -> None:
    class Alone(Field):
        @staticmethod
        def placement(candidates: Candidates) -> Choice:
            return min(candidates.nodes, key=lambda node: node.name)

    class Broken(Field):
        @staticmethod
        def placement(candidates: Candidates) -> Choice:
            raise ZeroDivisionError("a bug in placement")

    async with (
        node_host(folder, kinds={"alone": Alone, "broken": Broken}) as host,
        join(host.servers[1]) as a,
        join(host.servers[1]) as b,
        join(host.servers[1]) as c,
    ):
        assert (await a.joined("ann")).room == "alone/1"
        assert (await b.joined("bob")).room == "alone/2", "always a new room"
        assert list(host.rooms(0)) == ["alone/1", "alone/2"]
        assert (await c.joined("cat", room="broken")).room == "broken/1"


async def test_a_room_that_is_full_is_refused_by_name(folder: Path) -> None:
    async with (
        node_host(folder) as host,
        join(host.servers[1]) as a,
        join(host.servers[1]) as b,
        join(host.servers[1]) as c,
        join(host.servers[0]) as d,
    ):
        await host.give(1, "field/x")
        for number, client in enumerate((a, b, c)):
            await client.joined(f"p{number}", room="field/x")
        await d.hello("dan", room="field/x")
        assert await d.closed() == (4005, "field/x is full")


class Guarded(Field):
    """Takes one player; others get a new room on the first node."""

    requires_token = True

    async def on_auth(self, joining: Joining) -> str | None:
        if self.players:
            raise JoinRefused(CloseCode.REFUSED, "one is enough")
        return joining.identity

    @staticmethod
    def placement(candidates: Candidates) -> Choice:
        rooms = candidates.rooms
        return rooms[0] if rooms else min(candidates.nodes, key=lambda node: node.name)


async def test_a_token_is_used_once_on_the_whole_host(folder: Path) -> None:
    async with node_host(folder, kinds={"guarded": Guarded}, secret=SECRET) as host:
        token = Tokens([SECRET]).issue("ann")
        await host.give(0, "guarded/x")
        await host.give(1, "guarded/y")
        async with join(host.servers[0]) as ann, join(host.servers[1]) as thief:
            await ann.joined(room="guarded/x", token=token)
            await thief.hello(room="guarded/y", token=token)
            assert await thief.closed() == (4007, "the token was used before")


@pytest.mark.parametrize("first", [0, 1])
async def test_a_token_is_good_for_the_next_room_if_the_game_refuses_the_first(
    folder: Path, first: int
) -> None:
    async with node_host(folder, kinds={"guarded": Guarded}, secret=SECRET) as host:
        tokens = Tokens([SECRET])
        await host.give(first, "guarded/x")
        async with join(host.servers[1]) as ann, join(host.servers[1]) as bob:
            await ann.joined(room="guarded/x", token=tokens.issue("ann"))
            while not (await host.registry.directory.candidates("guarded", {})).rooms:
                host.nodes[first].node.wake_renewal()
                await trio.lowlevel.checkpoint()
            welcome = await bob.joined("bob", token=tokens.issue("bob"))
            assert welcome.room == list(host.rooms(0))[-1] != "guarded/x"


async def test_resuming_on_another_node(folder: Path) -> None:
    class Held(Field):
        hold_s = 60.0

    async with node_host(folder, kinds={"field": Held}) as host:
        await host.give(1, "field/x")
        async with join(host.servers[0]) as client:
            welcome = await client.joined(room="field/x")
            field = host.rooms(1)["field/x"]
            await until(lambda: _only_player(field).latency.count)
            await client.ws._stream.aclose()
        player: Player[Any] = _only_player(field)
        await until(lambda: not player.connected)
        async with join(host.servers[0]) as client:
            await client.hello(room="field/x", resume=welcome.resume, tick=welcome.tick, held=None)
            again = await client.next_of(Welcome)
            assert (again.resumed, again.seat) == (True, welcome.seat)
            assert player.connected


async def test_a_seat_is_found_by_its_ticket_alone(folder: Path) -> None:
    async with node_host(folder) as host:
        await host.give(1, "field/x")
        async with join(host.servers[1]) as client:
            await client.joined(room="field/x")
            (ticket,) = host.servers[1].reserve_seats("field/x")
            async with join(host.servers[0]) as guest:
                welcome = await guest.joined("guest", room="field", ticket=ticket)
                assert welcome.room == "field/x"


async def test_a_room_that_ends_is_free_for_other_nodes(folder: Path) -> None:
    async with node_host(folder, empty_room_s=0.0) as host:
        await host.give(1, "field/x")
        async with join(host.servers[0]) as client:
            await client.joined(room="field/x")
        await until(lambda: not host.rooms(1))
        await host.give(0, "field/x")
        async with join(host.servers[1]) as client:
            await client.joined(room="field/x")
            assert list(host.rooms(0)) == ["field/x"]


async def test_a_room_that_has_gone_elsewhere_is_found_in_spite_of_a_hint(folder: Path) -> None:
    async with node_host(folder, 3, empty_room_s=0.0) as host:
        await host.give(1, "field/x")
        async with join(host.servers[0]) as client:
            await client.joined(room="field/x")
        await until(lambda: not host.rooms(1))
        await host.give(2, "field/x")
        async with join(host.servers[0]) as client:
            await client.joined(room="field/x")
            assert list(host.rooms(2)) == ["field/x"]
        assert host.servers[1].counters.passed_on == 1, "it was asked first, by the hint"


async def test_a_node_that_stops_takes_nobody(folder: Path) -> None:
    async with node_host(folder) as host:
        host.nodes[1].scope.cancel()
        with trio.fail_after(60):
            while await host.registry.directory.node(host.nodes[1].node.run_name) is not None:
                await trio.lowlevel.checkpoint()
        async with join(host.servers[0]) as client:
            for name in "abc":
                assert (await client.joined(room=f"field/{name}")).room == f"field/{name}"
                break
        assert not host.rooms(1)


def _only_player(field: Field) -> Player[Any]:
    (player,) = field.players.values()
    return player


# ---------------------------------------------------------------- the first bytes of a client


def masked(payload: bytes, opcode: int = 2) -> bytes:
    mask = b"\x0f\xf0\x55\xaa"
    head = bytes((0x80 | opcode, 0x80 | 126)) + struct.pack("!H", len(payload))
    if len(payload) <= 125:
        head = bytes((0x80 | opcode, 0x80 | len(payload)))
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


HEAD = (
    "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
).encode()


class Counting(Field):
    """Notes each command in the order in which it was applied."""

    def on_command(self, player: Player[Any], command: Step) -> None:
        self.log.append(str(command.dx))


def first_frames(steps: Sequence[int], pings: int) -> bytes:
    hello = Hello(
        version=VERSION, schema_hash=None, room="field/x", name="ann", token=None, resume=None
    )
    frames = [masked(b"ping", 9)] * pings + [masked(hello.encode())]
    frames += [
        masked(CommandMessage(seq=seq, tick=0, rendered=0, acked=0, kind=0, values=[dx]).encode())
        for seq, dx in enumerate(steps, 1)
    ]
    return b"".join(frames)


@settings(max_examples=12)
@given(
    steps=st.lists(st.integers(-1, 1), max_size=3),
    pings=st.integers(0, 1),
    cuts=st.lists(st.integers(1, 90), max_size=12),
)
def test_no_byte_is_lost_or_doubled_however_the_first_ones_come(
    steps: list[int], pings: int, cuts: list[int]
) -> None:
    async def play(folder: Path) -> None:
        async with node_host(folder, kinds={"field": Counting}) as host:
            await host.give(1, "field/x")
            stream = await trio.open_tcp_stream("127.0.0.1", host.servers[0].port)
            async with stream:
                await stream.send_all(HEAD)
                assert (await stream.receive_some()).startswith(b"HTTP/1.1 101 ")
                data = first_frames(steps, pings)
                for length in [*cuts, len(data)]:
                    part, data = data[:length], data[length:]
                    await stream.send_all(part)
                    for _ in range(20):  # the server reads what has come
                        await trio.lowlevel.checkpoint()
                await until(lambda: len(_log(host)) == len(steps))
                assert _log(host) == list(map(str, steps))
                answers = await _frames_until_welcome(stream)
                assert answers.count(b"ping") == pings
        assert host.servers[1].counters.joins == 1

    with tempfile.TemporaryDirectory() as folder:
        trio.run(play, Path(folder) / "nodes")


def _log(host: RunningHost) -> list[str]:
    field = host.rooms(1).get("field/x")
    return [] if field is None else [line for line in field.log if line != "start"]


async def _frames_until_welcome(stream: trio.SocketStream) -> list[bytes]:
    """Return the payloads of whole frames that came, up to the welcome."""
    data, payloads = bytearray(), []
    with trio.fail_after(60):
        while True:
            while len(data) >= 4:
                size, at = data[1], 2
                if size == 126:
                    size, at = struct.unpack_from("!H", data, 2)[0], 4
                if len(data) < at + size:
                    break
                payloads.append(bytes(data[at : at + size]))
                is_message = data[0] & 0x0F == 2
                del data[: at + size]
                if is_message:
                    message = decode_from_server(payloads[-1])
                    assert not isinstance(message, Bye)
                    if isinstance(message, Welcome):
                        return payloads
            data += await stream.receive_some()
