"""Joining a room: hello, and what may come in answer to it.

Owns the way from an address to a ``GameClient``, and leaving at the end.  Never comes back by
itself after the connection ended.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio

from clients.connection import Connection, Via, open_connection
from clients.errors import ConnectionLost, Refused
from clients.game_client import GameClient
from gameserver.errors import RemoteProtocolError
from gameserver.model.schema import Schema
from gameserver.protocol.closing import CONNECTION_LOST, NO_STATUS, CloseCode
from gameserver.protocol.messages import (
    VERSION,
    Bye,
    Hello,
    ServerMessage,
    Welcome,
    decode_from_server,
)

#: For TCP, TLS, the opening handshake and the welcome, each.
OPEN_DEADLINE_S: Final = 10.0


async def _welcomed(connection: Connection, hello: Hello) -> Welcome:
    """Say hello and return the welcome; ``Refused`` or ``ConnectionLost`` if there is none."""
    bye: Bye | None = None
    try:
        await connection.send(hello.encode())
        while True:
            message = decode_from_server(await connection.receive())
            if isinstance(message, Welcome):
                return message
            bye = _only_bye(message)
    except RemoteProtocolError as error:
        raise await connection.fail(CloseCode.PROTOCOL_ERROR, str(error)) from error
    except ConnectionLost as lost:
        if bye is not None:
            raise Refused(bye.code, bye.reason, retry_after_s=bye.retry_after_s) from None
        if lost.code in (CONNECTION_LOST, NO_STATUS):
            raise
        raise Refused(lost.code, lost.reason) from None


def _only_bye(message: ServerMessage) -> Bye:
    if not isinstance(message, Bye):
        raise RemoteProtocolError(f"{type(message).__name__.lower()} before the welcome")
    return message


def _schema_of(welcome: Welcome, ours: Schema | None) -> Schema:
    """Return the schema to read by: ours if it is the room's, else the one described."""
    described = Schema.from_description(welcome.schema)
    return ours if ours is not None and ours.hash == described.hash else described


@asynccontextmanager
async def open_game(
    url: str,
    *,
    room: str = "",
    name: str = "player",
    token: str | None = None,
    schema: Schema | None = None,
    ssl_context: ssl.SSLContext | None = None,
    via: Via | None = None,
) -> AsyncIterator[GameClient]:
    """Join a room and leave it at the end of the block.

    ``url`` starts with ws:// or wss://; ``room`` is ``""``, ``"kind"`` or ``"kind/name"``;
    ``token`` is what the game's ``on_auth`` wants.  With ``schema`` (``MyRoom.schema()``) the
    server must have the very same, and enum fields give members; without it they give the
    members' names.  ``via`` puts a link between us and the server: ``clients.lab.stream.over``.

    Raises ``Refused`` (a ``JoinRefused``) if the server does not let us in, and
    ``ConnectionLost`` if it cannot be reached or does not answer in time.  An exception of the
    block comes out as it is, not in an ``ExceptionGroup``.
    """
    digest = None if schema is None else schema.hash
    hello = Hello(VERSION, digest, room, name, token, None)
    async with open_connection(
        url, ssl_context=ssl_context, deadline_s=OPEN_DEADLINE_S, via=via
    ) as connection:
        try:
            with trio.fail_after(OPEN_DEADLINE_S):
                welcome = await _welcomed(connection, hello)
        except trio.TooSlowError:
            raise ConnectionLost(
                CONNECTION_LOST, f"no welcome within {OPEN_DEADLINE_S:g} seconds"
            ) from None
        try:
            client = GameClient(connection, welcome, _schema_of(welcome, schema))
        except RemoteProtocolError as error:
            raise await connection.fail(CloseCode.PROTOCOL_ERROR, str(error)) from error
        connection.tasks.start_soon(client.read)
        connection.tasks.start_soon(client.upkeep)
        yield client
