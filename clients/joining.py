"""Joining a room: the hello, and the answers to it.

Owns opening a ``GameClient`` from an address, resuming its seat after a lost connection, and
leaving at the end.
"""

from __future__ import annotations

import random
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs
import trio

from clients.asking import Asked, Options, asked
from clients.backoff import Backoff
from clients.client_types import State, StateChange
from clients.connection import Connection, Via, open_connection
from clients.errors import ConnectionLost, Refused
from clients.game_client import GameClient, moved_on
from clients.nursery import open_unwrapping_nursery
from clients.shared_reader import SharedReader
from gameserver.errors import RemoteProtocolError
from gameserver.model.schema import Schema, description_hash
from gameserver.protocol.closing import CONNECTION_LOST, NO_STATUS, ClientAction, CloseCode
from gameserver.protocol.messages import (
    VERSION,
    Bye,
    Hello,
    Moved,
    ServerMessage,
    Welcome,
    decode_from_server,
)

#: Longest time for TCP, for TLS, for the opening handshake and for the welcome, each.
OPEN_DEADLINE_S: Final = 10.0
#: Most moves that are followed within ``MOVES_S``: servers may send players in circles.
MAX_MOVES: Final = 8
MOVES_S: Final = 60.0
#: After so many tries to reach the server that a client was moved to, it asks the first one again.
MISSES: Final = 2


async def _welcomed(connection: Connection, hello: Hello) -> Welcome:
    """Send the hello and return the welcome; ``Refused`` or ``ConnectionLost`` if none comes."""
    bye: Bye | None = None
    try:
        await connection.send(hello.encode())
        while True:
            message = decode_from_server(await connection.receive())
            if isinstance(message, Welcome):
                return message
            if isinstance(message, Moved):
                raise await moved_on(connection, message)
            bye = _only_bye(message)
    except RemoteProtocolError as error:
        raise await connection.fail(CloseCode.PROTOCOL_ERROR, str(error)) from error
    except ConnectionLost as lost:
        if lost.moved is not None:
            raise
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
    """Return the room's schema: ``ours`` if it is the same, else the one in the welcome."""
    if ours is not None and description_hash(welcome.schema) == ours.hash:
        return ours  # as a crowd of bots finds at each join
    described = Schema.from_description(welcome.schema)
    return ours if ours is not None and ours.hash == described.hash else described


@attrs.define
class _Target:
    """The room to join, and the name and token of the player."""

    url: str
    asked: Asked
    name: str
    token: str | None
    schema: Schema | None
    ssl_context: ssl.SSLContext | None
    via: Via | None
    #: The ticket of the seat in the room that the client moves to, until its welcome.
    ticket: str | None = None
    #: The ticket of the seat that is reserved for the first join.
    reserved: str | None = None
    reader: SharedReader | None = None
    #: The ticket of another server, which goes with the hello until its welcome.
    sent_on: str | None = None
    #: The address that the program gave, and tries in a row that found no other one.
    home: str = attrs.field(default=attrs.Factory(lambda self: self.url, takes_self=True))
    misses: int = 0

    def reached(self) -> None:
        """Note that the server let the client in."""
        self.ticket = self.sent_on = None
        self.misses = 0

    def missed(self) -> None:
        """Note that nothing answered: where the client was moved to, the server may have died."""
        if self.url == self.home:
            return
        self.misses += 1
        if self.misses >= MISSES:
            self.url, self.misses = self.home, 0
            self.ticket = self.sent_on = None

    def follow(self, moved: Moved) -> None:
        """Join the room that the server names from now on; ``RemoteProtocolError`` if it is bad."""
        allowed = ("wss://",) if self.url.startswith("wss:") else ("wss://", "ws://")
        if moved.url and not moved.url.startswith(allowed):
            raise RemoteProtocolError(f"moved to {moved.url[:80]}")
        self.url = moved.url or self.url
        self.reserved = None
        if moved.again:
            self.asked = attrs.evolve(self.asked, room=moved.room)
            self.sent_on = moved.ticket
        else:
            self.asked, self.ticket = Asked(moved.room, None, None), moved.ticket
            self.sent_on = None

    def hello(self, client: GameClient | None) -> Hello:
        """Return the hello of a new player (``client`` None), or of one that resumes."""
        if self.ticket is not None:  # the server knows the player by its ticket
            return Hello(VERSION, None, self.asked.room, self.name, None, ticket=self.ticket)
        digest = None if self.schema is None else self.schema.hash
        resume, tick, held = None, 0, None
        if client is not None:
            digest = client.schema.hash  # the replica was made by it, so the room must have it
            resume, tick, held = client.hello()
        return Hello(
            VERSION,
            digest,
            self.asked.room,
            self.name,
            self.token,
            resume,
            tick,
            held,
            self.asked.options,
            self.asked.filter,
            self.sent_on or (self.reserved if client is None else None),
        )


class _Stay:
    """The connections of one client, one after another."""

    def __init__(self, target: _Target, chance: random.Random, *, resume: bool) -> None:
        self._target = target
        self._resume = resume
        self._backoff = Backoff(chance)
        self._client: GameClient | None = None
        self._welcomed_at_s: float | None = None
        self._life = trio.CancelScope()
        self._leaving = False
        #: Times of the last moves.
        self._moves_s: list[float] = []
        #: The scope of reading, while there is a connection; ``leave`` cancels it.
        self._reading: trio.CancelScope | None = None

    def leave(self) -> None:
        """Make ``run`` end, after a closing handshake if there is a connection."""
        self._leaving = True
        if self._reading is None:
            self._life.cancel()
        else:
            self._reading.cancel()

    async def run(self, *, task_status: trio.TaskStatus[GameClient]) -> None:
        """Join, and resume after each lost connection if asked to; a task of ``open_game``.

        Raises only errors from before the first welcome.
        """
        with self._life:
            await self._stay(task_status)
        if self._client is not None:
            self._client.end(ConnectionLost(CloseCode.NORMAL, "the player left"))

    async def _stay(self, task_status: trio.TaskStatus[GameClient]) -> None:
        """Join and reconnect; return when the client has left or must not reconnect."""
        while True:
            self._welcomed_at_s = None
            try:
                return await self._connect_and_read(task_status)
            except (Refused, ConnectionLost) as error:
                client = self._client
                ended = _as_lost(error)
                follows = self._follow(ended)
                if client is None:
                    if follows:
                        continue
                    raise
                ended = client.explained(ended)
            if not (follows or self._may_come_back(ended)):
                return client.end(ended)
            if self._welcomed_at_s is None and ended.code == CONNECTION_LOST:
                self._target.missed()
            pause_s = 0.0 if follows else self._pause_s(ended)
            client.lose(ended, pause_s)
            await trio.sleep(pause_s)

    def _follow(self, ended: ConnectionLost) -> bool:
        """Whether the client goes on elsewhere, as the server said; then ``_target`` is there."""
        if ended.moved is None or self._leaving or not self._resume:
            return False
        now_s = trio.current_time()
        self._moves_s = [at_s for at_s in self._moves_s if now_s - at_s < MOVES_S] + [now_s]
        if len(self._moves_s) > MAX_MOVES:
            return False
        try:
            self._target.follow(ended.moved)
        except RemoteProtocolError:
            return False
        return True

    def _may_come_back(self, ended: ConnectionLost) -> bool:
        # If the client leaves at the moment of the loss, the loss is raised and nothing cancels.
        wanted = self._resume and not self._leaving
        return wanted and ended.action is ClientAction.RESUME

    def _pause_s(self, ended: ConnectionLost) -> float:
        began_s, now_s = self._welcomed_at_s, trio.current_time()
        lasted_s = 0.0 if began_s is None else now_s - began_s
        return self._backoff.next_pause_s(lasted_s, ended.retry_after_s or 0.0)

    async def _connect_and_read(self, task_status: trio.TaskStatus[GameClient]) -> None:
        """Play over one connection; return only if the client leaves."""
        target, client = self._target, self._client
        if client is not None:
            client.enter(StateChange(State.CONNECTING))
        async with open_connection(
            target.url,
            ssl_context=target.ssl_context,
            deadline_s=OPEN_DEADLINE_S,
            via=target.via,
            reader=target.reader,
        ) as connection:
            if client is not None:
                client.enter(StateChange(State.JOINING))
            welcome = await _welcomed_in_time(connection, target.hello(client))
            target.reached()
            schema = await _read_schema(connection, welcome, target.schema)
            with trio.CancelScope() as self._reading:
                try:
                    if client is None:
                        client = self._client = GameClient(connection, welcome, schema)
                        task_status.started(client)
                    else:
                        await client.come_back(connection, welcome, schema)
                    self._welcomed_at_s = trio.current_time()
                    connection.tasks.start_soon(client.upkeep)
                    await client.read()
                finally:
                    self._reading = None


def _as_lost(error: Refused | ConnectionLost) -> ConnectionLost:
    if isinstance(error, ConnectionLost):
        return error
    return ConnectionLost(error.code, error.reason, retry_after_s=error.retry_after_s)


async def _welcomed_in_time(connection: Connection, hello: Hello) -> Welcome:
    try:
        with trio.fail_after(OPEN_DEADLINE_S):
            return await _welcomed(connection, hello)
    except trio.TooSlowError:
        why = f"no welcome within {OPEN_DEADLINE_S:g} seconds"
        # After 1000 the server would take the client to have left, and would free the seat.
        await connection.close(CloseCode.TOO_SLOW, why)
        raise ConnectionLost(CONNECTION_LOST, why) from None


async def _read_schema(connection: Connection, welcome: Welcome, ours: Schema | None) -> Schema:
    try:
        return _schema_of(welcome, ours)
    except RemoteProtocolError as error:
        raise await connection.fail(CloseCode.PROTOCOL_ERROR, str(error)) from error


@asynccontextmanager
async def open_game(
    url: str,
    *,
    room: str = "",
    name: str = "player",
    token: str | None = None,
    options: Options | None = None,
    filters: Mapping[str, Any] | None = None,
    ticket: str | None = None,
    schema: Schema | None = None,
    ssl_context: ssl.SSLContext | None = None,
    via: Via | None = None,
    reader: SharedReader | None = None,
    resume: bool = True,
    chance: random.Random | None = None,
) -> AsyncIterator[GameClient]:
    """Join a room and leave it at the end of the block.

    ``url`` starts with ws:// or wss://; ``room`` is ``""``, ``"kind"`` or ``"kind/name"``;
    ``token`` is the token that the game's ``on_auth`` expects.  ``options`` is an instance of the
    room's options class, or a map of them by name, with the names of enum members.  ``filters`` are
    values that the listing of a room must have for the server to choose it; ``arena?mode=RANKED``
    as ``room`` says the same.  ``ticket`` is the ticket of a reserved seat.  With ``schema``
    (``MyRoom.schema()``) the server must have the same schema, and enum fields give members;
    without it they give the names of members.  ``via`` puts a link of the lab between client and
    server: ``clients.lab.stream.over``.  ``reader`` is one ``SharedReader`` for the many clients of
    a program, which makes each of them cheaper.

    With ``resume``, a client whose connection is lost, or closed with a code that says *resume*,
    comes back to the same seat by itself, with growing pauses, until a close code tells it to stop;
    see ``GameClient``.  Otherwise the client is closed with its first connection.  ``chance``
    draws the random part of each pause; it is a new ``random.Random`` by default.

    Raises ``Refused`` (a ``JoinRefused``) if the server refuses the join, and ``ConnectionLost`` if
    it cannot be reached or does not answer in time.  An exception of the block is raised as it is,
    not in an ``ExceptionGroup``.
    """
    target = _Target(
        url,
        asked(room, options, filters),
        name,
        token,
        schema,
        ssl_context,
        via,
        reserved=ticket,
        reader=reader,
    )
    stay = _Stay(target, chance or random.Random(), resume=resume)
    async with open_unwrapping_nursery() as nursery:
        try:
            client: GameClient = await nursery.start(stay.run)
            yield client
        finally:
            stay.leave()
