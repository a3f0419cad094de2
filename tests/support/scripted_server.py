"""A server that follows a script, at the other end of a memory stream: for tests of the client.

Owns a game of one kind of entity, the messages that tell of it, and the fixtures that lead the
next ``open_game`` to a script (``game``) or to a task that need not even speak WebSocket
(``dial``); a test file has them by importing ``game_fixture`` and ``dial_fixture``.  Never runs
a room: ``seated_room.py`` and ``resumable_lobby.py`` do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import memory_stream_pair
from trio_websocket import ConnectionClosed, wrap_server_stream

from clients import connection
from clients.connection import Address
from clients.game_client import GameClient
from clients.joining import open_game
from gameserver.model.schema import Schema, command, entity, event, number, synced
from gameserver.protocol.messages import (
    SUBPROTOCOL,
    Ack,
    Delta,
    Hello,
    Ping,
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


@pytest.fixture(name="dial")
async def dial_fixture(monkeypatch: pytest.MonkeyPatch, nursery: trio.Nursery) -> Dial:
    """Return a function that lets the next ``open_game`` connect to a server's task."""

    def serve_next(serving: Callable[[trio.abc.Stream], Awaitable[None]]) -> None:
        ours, theirs = memory_stream_pair()

        async def open_stream(address: Address, *_: Any) -> trio.abc.Stream:
            await trio.lowlevel.checkpoint()
            return ours

        monkeypatch.setattr(connection, "_open_stream", open_stream)
        nursery.start_soon(serving, theirs)

    return serve_next


@pytest.fixture(name="game")
async def game_fixture(dial: Dial) -> Game:
    """Return ``open_game`` to a server that runs a script."""

    def open_scripted(script: Script, **options: Any) -> AbstractAsyncContextManager[GameClient]:
        dial(partial(serve, script=script))
        return open_game("ws://test/", **{"resume": False, **options})

    return open_scripted
