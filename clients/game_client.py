"""The Python client: join a room, see it through a replica, send commands.

Owns the client's side of the protocol's conversation: hello and welcome, sequence numbers,
acks, pings, checksums and resyncs.  Each delta is applied as it comes; what it told waits in
bounded inboxes.  Never comes back by itself after the connection ended, never draws or predicts.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import attrs
import trio

from clients.connection import Connection, Via, open_connection
from clients.errors import ConnectionLost, Refused
from clients.inbox import Inbox
from clients.remote import RemoteEvent
from clients.replica import Replica
from gameserver.errors import LocalProtocolError, RemoteProtocolError
from gameserver.model.schema import Schema
from gameserver.model.specs import CommandSpec
from gameserver.protocol.closing import CONNECTION_LOST, NO_STATUS, CloseCode
from gameserver.protocol.latency import ClockOffset, Latency, LatencyEstimator
from gameserver.protocol.messages import (
    MAX_NONCE,
    MAX_SAY_LENGTH,
    MAX_SEQ,
    SHOWN_PER_TICK,
    VERSION,
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
    ServerMessage,
    Status,
    Welcome,
    decode_from_server,
)

T = TypeVar("T")

#: For TCP, TLS, the opening handshake and the welcome, each.
OPEN_DEADLINE_S: Final = 10.0
#: An ack goes out when no command did for so long (protocol README, "ack").
ACK_AFTER_S: Final = 1.0
#: Pings are more frequent until the clock filter has its eight samples.
PING_EVERY_S: Final = 2.0
FIRST_PINGS: Final = 8
FIRST_PING_EVERY_S: Final = 0.25
#: Inboxes; overflow policy ``drop-oldest``, counted in ``ClientStatistics``.
MAX_WAITING_DELTAS: Final = 64
MAX_WAITING_EVENTS: Final = 1024
MAX_WAITING_TEXTS: Final = 256


@attrs.frozen
class Applied:
    """A delta that the replica has applied: ``tick``, ``ack``, ``margin`` as in the protocol."""

    tick: int
    ack: int
    margin: int | None
    events: list[RemoteEvent]


@attrs.define
class ClientStatistics:
    """Counts since the connection was opened.

    ``unread_…`` count what was dropped because nobody took it from its inbox in time.
    """

    bytes_received: int = 0
    bytes_sent: int = 0
    messages_received: int = 0
    messages_sent: int = 0
    commands: int = 0
    deltas: int = 0
    #: Deltas that did not fit the replica.
    deltas_refused: int = 0
    checks: int = 0
    checksum_failures: int = 0
    resyncs: int = 0
    unread_deltas: int = 0
    unread_events: int = 0
    unread_texts: int = 0


class GameClient:
    """A seat in a room; ``open_game`` makes it.

    ``replica`` is always the newest state.  ``status`` is the newest ``status`` message, None
    before the first; ``clock`` estimates the server's tick (see ``server_tick``).
    """

    def __init__(self, connection: Connection, welcome: Welcome, schema: Schema) -> None:
        self.room: Final = welcome.room
        self.seat: Final = welcome.seat
        self.tick_rate: Final = welcome.tick_rate
        self.resume_token: Final = welcome.resume
        self.limits: Final = welcome.limits
        self.schema: Final = schema
        self.replica: Final = Replica(schema, own_entity=welcome.own_entity)
        self.status: Status | None = None
        self.clock: Final = ClockOffset(welcome.tick_rate)
        self._connection = connection
        self._round_trips = LatencyEstimator()
        self._deltas: Inbox[Applied] = Inbox(MAX_WAITING_DELTAS)
        self._events: Inbox[RemoteEvent] = Inbox(MAX_WAITING_EVENTS)
        self._texts: Inbox[Said] = Inbox(MAX_WAITING_TEXTS)
        self._counts = ClientStatistics()
        self._commands: dict[str, tuple[int, CommandSpec]] = {}
        self._seq = 0
        self._acked_at_s = trio.current_time()
        self._nonce = 0
        self._ping_sent_s: float | None = None
        #: A full state has been asked for and has not come yet.
        self._resyncing = False
        self._bye: Bye | None = None
        self._moved: Moved | None = None
        self._lost: ConnectionLost | None = None
        self._handlers: dict[type, Callable[[Any], None]] = {
            Delta: self._on_delta,
            Check: self._on_check,
            Pong: self._on_pong,
            Status: self._on_status,
            Said: self._on_said,
            Bye: self._on_bye,
            Moved: self._on_moved,
            Welcome: self._on_welcome,
        }

    # ------------------------------------------------------------ what a player does

    async def send(self, command: Any) -> int:
        """Send ``command`` and return its seq.

        Any object whose class is named like a command of the room, with its fields as attributes.
        ``LocalProtocolError`` if the room knows no such command or a value breaks a limit;
        ``ConnectionLost`` if the connection has ended.
        """
        name = type(command).__name__
        found = self._commands.get(name)
        if found is None:
            found = self._commands[name] = self.schema.command(name)
        kind, spec = found
        values = list(spec.to_wire(command))
        if self._seq >= MAX_SEQ:
            raise LocalProtocolError("all sequence numbers of this session are used up")
        self._seq += 1
        tick = max(self.replica.tick, 0)
        self._acked_at_s = trio.current_time()
        seq = self._seq
        await self._send(CommandMessage(seq, 0, tick * SHOWN_PER_TICK, tick, kind, values))
        self._counts.commands += 1
        return seq

    async def say(self, text: str) -> None:
        """Say ``text`` (1 to 256 characters); the room decides who hears it."""
        if not 1 <= len(text) <= MAX_SAY_LENGTH:
            raise LocalProtocolError(f"a text has 1 to {MAX_SAY_LENGTH} characters")
        await self._send(Say(text))

    async def next_delta(self) -> Applied:
        """Wait for the next delta, already applied; ``ConnectionLost`` if none will come.

        One who is slow to ask is given the newest ``MAX_WAITING_DELTAS``; the replica may then be
        ahead of what is returned.
        """
        return await self._next(self._deltas)

    async def next_text(self) -> Said:
        """Wait for the next text that somebody said; ``ConnectionLost`` if none will come."""
        return await self._next(self._texts)

    async def events(self) -> AsyncIterator[RemoteEvent]:
        """Yield every event, until the connection ends in peace; else raise ``ConnectionLost``."""
        while True:
            try:
                event = await self._next(self._events)
            except ConnectionLost as lost:
                if lost.code == CloseCode.NORMAL:
                    return
                raise
            yield event

    def __aiter__(self) -> GameClient:
        return self

    async def __anext__(self) -> Applied:
        """Give the next delta; the loop ends when the connection ends in peace."""
        try:
            return await self.next_delta()
        except ConnectionLost as lost:
            if lost.code == CloseCode.NORMAL:
                raise StopAsyncIteration from None
            raise

    # ------------------------------------------------------------ what is known

    @property
    def latency(self) -> Latency:
        """What the server's ping frames measured, as its last ``status`` said."""
        status = self.status
        if status is None:
            return Latency()
        return Latency(
            rtt_s=_seconds(status.rtt_us),
            smoothed_s=_seconds(status.smoothed_us),
            jitter_s=_seconds(status.jitter_us),
            minimum_s=_seconds(status.min_us),
        )

    @property
    def round_trips(self) -> Latency:
        """What our own pings measured: to the server's room and back, its queues included."""
        return self._round_trips.latency

    def server_tick(self) -> float | None:
        """Return an estimate of the server's tick at this moment; None before the first pong."""
        return self.clock.tick_at(trio.current_time()) if self.clock.known else None

    def statistics(self) -> ClientStatistics:
        """Return the counts so far."""
        return attrs.evolve(
            self._counts,
            bytes_received=self._connection.stream.bytes_received,
            bytes_sent=self._connection.stream.bytes_sent,
            unread_deltas=self._deltas.dropped,
            unread_events=self._events.dropped,
            unread_texts=self._texts.dropped,
        )

    # ------------------------------------------------------------ sending and waiting

    async def _send(self, message: Any) -> None:
        if self._lost is not None:
            await trio.lowlevel.checkpoint()
            raise self._end()
        try:
            await self._connection.send(message.encode())
        except ConnectionLost as lost:
            self._note_end(lost)
            raise self._end() from None
        self._counts.messages_sent += 1

    async def _next(self, inbox: Inbox[T]) -> T:
        try:
            return await inbox.get()
        except trio.EndOfChannel:
            raise self._end() from None

    def _end(self) -> ConnectionLost:
        """Return how the connection ended, as a new exception each time."""
        lost = self._lost
        assert lost is not None
        return ConnectionLost(
            lost.code,
            lost.reason,
            action=lost.action,
            retry_after_s=lost.retry_after_s,
            moved=lost.moved,
        )

    def _note_end(self, lost: ConnectionLost) -> None:
        if self._lost is not None:
            return
        self._lost = _explained(lost, self._bye, self._moved)
        for inbox in (self._deltas, self._events, self._texts):
            inbox.end()

    # ------------------------------------------------------------ tasks

    async def read(self) -> None:
        """Handle what the server sends until the connection ends; a task of ``open_game``."""
        try:
            while True:
                data = await self._connection.receive()
                self._counts.messages_received += 1
                try:
                    message = decode_from_server(data)
                    self._handlers[type(message)](message)
                except RemoteProtocolError as error:
                    raise await self._connection.fail(
                        CloseCode.PROTOCOL_ERROR, str(error)
                    ) from error
        except ConnectionLost as lost:
            self._note_end(lost)

    async def upkeep(self) -> None:
        """Send acks and pings while the connection lasts; a task of ``open_game``."""
        ping_due_s = trio.current_time()
        try:
            while self._lost is None:
                now_s = trio.current_time()
                if now_s >= ping_due_s:
                    await self._ping(now_s)
                    early = self._nonce < FIRST_PINGS
                    ping_due_s = now_s + (FIRST_PING_EVERY_S if early else PING_EVERY_S)
                if now_s >= self._acked_at_s + ACK_AFTER_S:
                    self._acked_at_s = now_s
                    if self.replica.tick >= 0:
                        await self._send(Ack(self.replica.tick))
                await trio.sleep_until(min(ping_due_s, self._acked_at_s + ACK_AFTER_S))
        except ConnectionLost:
            return  # noted where it was raised

    async def _ping(self, now_s: float) -> None:
        self._nonce = (self._nonce + 1) & MAX_NONCE
        self._ping_sent_s = now_s
        await self._send(Ping(self._nonce, now_s))

    async def _ask_for_full_state(self) -> None:
        try:
            await self._send(Resync())
        except ConnectionLost:
            return  # noted where it was raised

    # ------------------------------------------------------------ what the server sends

    def _on_delta(self, delta: Delta) -> None:
        full = delta.leaves is None
        try:
            events = self.replica.apply(delta)
        except RemoteProtocolError:
            self._counts.deltas_refused += 1
            if full:
                raise  # what cannot be mended by asking again
            self._resync()
            return
        if self.replica.broken:
            return  # left out, until the full state comes
        if full:
            self._resyncing = False
        self._counts.deltas += 1
        self._deltas.put(Applied(delta.tick, delta.ack, delta.margin, events))
        for event in events:
            self._events.put(event)

    def _on_check(self, check: Check) -> None:
        # While a full state is on its way, what we hold is known to be wrong.
        if self._resyncing:
            return
        self._counts.checks += 1
        if check.tick != self.replica.tick or check.checksum != self.replica.checksum():
            self._counts.checksum_failures += 1
            self._resync()

    def _resync(self) -> None:
        if not self._resyncing:
            self._resyncing = True
            self._counts.resyncs += 1
            self._connection.tasks.start_soon(self._ask_for_full_state)

    def _on_pong(self, pong: Pong) -> None:
        if self._ping_sent_s is None or pong.nonce != self._nonce:
            return  # of an older ping, whose time is no longer known
        now_s = trio.current_time()
        self._round_trips.sample(now_s - self._ping_sent_s)
        self.clock.sample(self._ping_sent_s, now_s, pong.tick)
        self._ping_sent_s = None

    def _on_status(self, status: Status) -> None:
        self.status = status

    def _on_said(self, said: Said) -> None:
        self._texts.put(said)

    def _on_bye(self, bye: Bye) -> None:
        self._bye = bye

    def _on_moved(self, moved: Moved) -> None:
        self._moved = moved

    def _on_welcome(self, _welcome: Welcome) -> None:
        raise RemoteProtocolError("a second welcome")


def _seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / 1e6


def _explained(lost: ConnectionLost, bye: Bye | None, moved: Moved | None) -> ConnectionLost:
    """Return ``lost`` with what a ``bye`` before it said, which is what the server meant."""
    if bye is None or lost.code not in (bye.code, CONNECTION_LOST, NO_STATUS):
        return ConnectionLost(lost.code, lost.reason, action=lost.action, moved=moved)
    return ConnectionLost(bye.code, bye.reason, retry_after_s=bye.retry_after_s, moved=moved)


# ---------------------------------------------------------------- joining


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
