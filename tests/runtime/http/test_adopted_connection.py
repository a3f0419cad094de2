"""A connection that one acceptor passes to another, after the hello: as between two processes."""

from __future__ import annotations

import socket

import attrs
import pytest
import trio

from gameserver import Settings
from gameserver.errors import RemoteProtocolError
from gameserver.runtime.admission.connection_limits import Peer, Stage
from gameserver.runtime.http.frozen_connection import FrozenConnection
from gameserver.runtime.net.websocket import WebSocket
from tests.support.sockets import SUBPROTOCOL, open_acceptor, until

LIMITS = Settings(trusted=())


@attrs.define
class Passing:
    """A handler that reads the hello and passes the connection on, unless it is to keep it."""

    keeps: bool = False
    passed: list[tuple[int, object]] = attrs.field(factory=list)
    peers: list[Peer] = attrs.field(factory=list)

    async def handle(self, ws: WebSocket, peer: Peer) -> None:
        self.peers.append(peer)
        hello = await ws.receive()
        assert isinstance(hello, bytes)
        if self.keeps:
            peer.joined()
            await ws.send(b"welcome, " + hello)
            while True:
                await ws.send(await ws.receive())
        frozen = ws.freeze([hello])
        assert frozen is not None
        connection = FrozenConnection(frozen, peer.freeze(trio.current_time()))
        self.passed.append((ws.link.fileno(), connection.to_plain()))
        await until(lambda: not self.passed)  # the other acceptor has its own descriptor
        ws.drop()


async def test_a_client_notices_nothing_when_its_connection_is_passed_on():
    here, there = Passing(), Passing(keeps=True)
    async with (
        open_acceptor(fast_path=True, game=here.handle, limits=LIMITS) as first,
        open_acceptor(fast_path=True, game=there.handle, limits=LIMITS) as second,
        first.websocket("/", SUBPROTOCOL) as client,
    ):
        await client.send_message(b"ann")
        await client.send_message(b"early")
        await until(lambda: here.passed)
        descriptor, plain = here.passed[0]
        second.acceptor.adopt(duplicate(descriptor), FrozenConnection.from_plain(plain))
        here.passed.clear()
        assert await client.get_message() == b"welcome, ann"
        assert await client.get_message() == b"early"
        await until(lambda: not first.open_connections)
        await client.send_message(b"later")
        assert await client.get_message() == b"later"
        (old,), (new,) = here.peers, there.peers
        assert (new.name, new.address, new.is_bot) == (old.name, old.address, old.is_bot)
        assert (old.stage, new.stage, new.counted_as) == (Stage.GONE, Stage.JOINED, "127.0.0.1")
        assert old.deadline_s - 1 < new.deadline_s <= old.deadline_s + 1
        limits = second.connection_limits
        assert (limits.connections, limits.joining) == (1, 0)
        assert (first.connection_limits.connections, second.open_connections) == (0, 1)
        statistics = second.acceptor.statistics()
        assert (statistics.websockets, statistics.requests, statistics.crashed) == (1, 0, 0)


def duplicate(descriptor: int) -> socket.socket:
    return socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM)


async def test_a_beginning_comes_before_trio_websocket_reads():
    here, there = Passing(), Passing()
    begun: list[bytes] = []
    async with (
        open_acceptor(fast_path=True, game=here.handle) as first,
        open_acceptor(fast_path=True, game=there.handle) as second,
        first.websocket("/", SUBPROTOCOL) as client,
    ):
        await client.send_message(b"ann")
        await until(lambda: here.passed)
        descriptor, plain = here.passed[0]

        async def play(ws: WebSocket, _peer: Peer) -> None:
            await ws.begin()
            begun.append(await ws.receive())  # type: ignore[arg-type]

        def begin(ws: WebSocket, _peer: Peer):
            ws.on_message(begun.append, lambda _: None)
            begun.append(b"begins")
            return play

        second.acceptor.adopt(duplicate(descriptor), FrozenConnection.from_plain(plain), begin)
        here.passed.clear()
        await until(lambda: len(begun) == 2)
        assert begun == [b"begins", b"ann"]
        assert there.peers == []


@pytest.mark.parametrize("plain", [None, [], [[], []], [[b"", None], ["name"]]])
def test_anything_else_is_no_frozen_connection(plain):
    with pytest.raises(RemoteProtocolError):
        FrozenConnection.from_plain(plain)
