"""A small game, and clients that speak the protocol by hand: for the tests of the runtime.

Over memory streams, so that a mock clock may rule (``connected``), or over real sockets (``join``).
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import msgpack
import pytest
import trio
import trio.testing
import trio_websocket

from gameserver import Joining, JoinRefused, Player, Room, command, entity, event, number, synced
from gameserver.protocol.messages import (
    SUBPROTOCOL,
    VERSION,
    Bye,
    CommandMessage,
    Hello,
    ServerMessage,
    Welcome,
    decode_from_server,
)
from gameserver.runtime.net.link import Link
from gameserver.runtime.net.receive_buffer import ReceiveBuffer
from gameserver.runtime.net.websocket import WebSocket
from gameserver.runtime.server import Server
from tests.support.sockets import PATIENCE_S

T = TypeVar("T")

_answer_ping = trio_websocket.WebSocketConnection._handle_ping_event


async def _answer_ping_unless_closing(self: Any, event: Any) -> None:
    """Let clients of tests be pinged while they close, which trio-websocket crashes on.

    Servers are left as they are: that they survive it is what ``test_crashing_requests.py`` proves.
    """
    if self.is_server or self.closed is None:
        await _answer_ping(self, event)


trio_websocket.WebSocketConnection._handle_ping_event = _answer_ping_unless_closing


@entity(at=("x", "y"))
class Pawn:
    x: float = synced(0.0, step=1 / 8)
    y: float = synced(0.0, step=1 / 8)
    secret: int = synced(0, to="owner")


@command
class Step:
    dx: int = number(-1, 1)


@event
class Rang:
    times: int = 0


class Field(Room):
    """Pawns that step; what players are called decides what goes wrong."""

    tick_rate = 20
    max_players = 3
    hold_s = 0.0  # what is tested of resuming has rooms of its own
    classes = (Pawn, Step, Rang)
    left: list[tuple[str, str]]
    log: list[str]

    def on_create(self) -> None:
        self.left = []
        self.log = []

    async def on_start(self) -> None:
        self.log.append("start")

    async def on_stop(self) -> None:
        self.log.append("stop")

    async def on_auth(self, joining: Joining) -> str | None:
        token = joining.token
        if token == "wrong":
            raise JoinRefused(4007, "that token is not good")
        if token == "odd code":
            raise JoinRefused(1006, "a code that no one may send")
        if token == "bug":
            raise ZeroDivisionError("a bug in on_auth")
        if token == "odd":
            return [joining.name]  # type: ignore[return-value]
        if token == "slow":
            await trio.sleep_forever()
        return token

    def on_join(self, player: Player) -> None:
        if player.name == "join-bug":
            raise ZeroDivisionError("a bug in on_join")
        player.entity = self.spawn(Pawn(), owner=player)

    def on_leave(self, player: Player, reason: str) -> None:
        self.left.append((player.name, reason))
        if player.entity is not None:
            self.despawn(player.entity)

    def on_command(self, player: Player, command: Step) -> None:
        if player.name == "command-bug":
            raise ZeroDivisionError("a bug in on_command")
        if player.name == "kick-me":
            player.kick("you asked for it")
        if player.name == "nan":
            player.entity.x = float("nan")
        if player.name == "tick-bug":
            self.log.append("tick-bug")
        player.entity.x += command.dx

    def tick(self) -> None:
        if "tick-bug" in self.log:
            raise ZeroDivisionError("a bug in tick")


class MemoryLink(trio.abc.Stream):
    """A link's stand-in over a memory stream, so that a mock clock may rule."""

    def __init__(self, stream: Any, peer: Any) -> None:
        self._stream = stream
        self._peer = peer
        self.clear = True
        self.dropped = False
        self.posts_refused = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.receive_buffer = ReceiveBuffer()

    def post(self, frame: bytes) -> bool:
        if self.clear and not self.dropped:
            self._peer.receive_stream.put_data(frame)
            return True
        self.posts_refused += 1
        return False

    def end_posts(self) -> None:
        self.clear = False

    async def send_all(self, data: Any) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        buffer = self.receive_buffer
        while not (buffer.unread or buffer.ended):
            buffer.take_in(await self._stream.receive_some(max_bytes))
        return buffer.take(1 << 20)

    async def aclose(self) -> None:
        self.drop()
        await trio.lowlevel.checkpoint()

    def drop(self) -> None:
        self.dropped = True
        self._stream.send_stream.close()
        self._stream.receive_stream.close()


async def accepted(link: MemoryLink, nursery: trio.Nursery) -> WebSocket:
    """Answer the upgrade request that comes over ``link``."""
    head = await link.receive_some()
    return await WebSocket.open(
        cast(Link, link), nursery, head, subprotocol=SUBPROTOCOL, fast_path=True
    )


class SilenceableStream(trio.abc.Stream):
    """A client's end that can stop sending, so that pings go unanswered."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.muted = False

    async def send_all(self, data: Any) -> None:
        if self.muted:
            await trio.lowlevel.checkpoint()
        else:
            await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        data: bytes = await self._stream.receive_some(max_bytes)
        return data

    async def aclose(self) -> None:
        await self._stream.aclose()


class RawClient:
    """A client that sends any bytes, well-formed or not."""

    def __init__(self, ws: trio_websocket.WebSocketConnection) -> None:
        self.ws = ws
        self.bye: Bye | None = None

    async def send(self, message: Any) -> None:
        data = msgpack.packb(message) if isinstance(message, list) else message.encode()
        await self.ws.send_message(data)

    async def hello(
        self, name: str = "ann", room: str = "", token: str | None = None, **other: Any
    ) -> None:
        fields = {"version": VERSION, "schema_hash": None, "resume": None, **other}
        await self.send(Hello(room=room, name=name, token=token, **fields))

    async def joined(self, name: str = "ann", **hello: Any) -> Welcome:
        """Ask to be let in, and read until it is."""
        await self.hello(name, **hello)
        return await self.next_of(Welcome)

    async def step(self, seq: int, dx: int = 1) -> None:
        await self.send(CommandMessage(seq=seq, tick=0, rendered=0, acked=0, kind=0, values=[dx]))

    async def receive(self) -> ServerMessage:
        data = await self.ws.get_message()
        assert isinstance(data, bytes)
        message = decode_from_server(data)
        if isinstance(message, Bye):
            self.bye = message
        return message

    async def next_of(self, kind: type[T]) -> T:
        """Read until there is a message of this class."""
        with trio.fail_after(PATIENCE_S):
            while not isinstance(message := await self.receive(), kind):
                pass
        return message

    async def closed(self) -> tuple[int, str | None]:
        """Read to the end; return code and reason of the close frame."""
        with pytest.raises(trio_websocket.ConnectionClosed) as closed:
            await self._receive_for_ever()
        reason = closed.value.reason
        assert reason is not None
        return reason.code, reason.reason

    async def _receive_for_ever(self) -> None:
        with trio.fail_after(PATIENCE_S):
            while True:
                await self.receive()


@asynccontextmanager
async def join(server: Server, path: str = "/") -> AsyncIterator[RawClient]:
    """Connect to a real server; nothing is sent yet."""
    url = f"ws://127.0.0.1:{server.port}{path}"
    async with open_url(url) as client:
        yield client


@asynccontextmanager
async def open_url(
    url: str, tls: ssl.SSLContext | None = None, subprotocol: str = SUBPROTOCOL
) -> AsyncIterator[RawClient]:
    """Connect to a real server by its address."""
    async with trio_websocket.open_websocket_url(url, tls, subprotocols=[subprotocol]) as ws:
        try:
            yield RawClient(ws)
        finally:
            if ws.closed is not None:  # then trio-websocket leaves the socket open
                await ws._stream.aclose()


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[WebSocket, MemoryLink, RawClient, SilenceableStream]]:
    """Yield the server's WebSocket and link, and the client with its stream."""
    ours, theirs = trio.testing.memory_stream_pair()
    link, stream = MemoryLink(ours, theirs), SilenceableStream(theirs)
    async with trio.open_nursery() as nursery:
        opened: list[WebSocket] = []

        async def accept() -> None:
            opened.append(await accepted(link, nursery))

        async with trio.open_nursery() as opening:
            opening.start_soon(accept)
            client = await trio_websocket.wrap_client_stream(
                nursery, stream, "test", "/", subprotocols=[SUBPROTOCOL]
            )
        yield opened[0], link, RawClient(client), stream
        nursery.cancel_scope.cancel()
