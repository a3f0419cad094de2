"""The Python client: it keeps a replica of a room and sends commands.

Owns the client's side of the protocol after the welcome (``joining.py``): sequence numbers, acks,
pings, checksums and resyncs.  Each delta is applied when it comes; its events wait in a bounded
inbox.  When a connection is lost, the client keeps its replica and continues over the next one,
which ``joining.py`` opens.  Never draws and never predicts: ``steering.py`` predicts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final, Never, TypeVar

import attrs
import trio

from clients.client_types import Applied, ClientStatistics, State, StateChange
from clients.connection import SILENCE_DEADLINE_S, Connection
from clients.desync_report import desync_report
from clients.errors import ConnectionLost
from clients.inbox import Inbox
from clients.netcode.pings import Pings
from clients.netcode.steering import Steering, Vehicle
from clients.netcode.tickclock import TickClock
from clients.outbox import Outbox
from clients.predicted_play import PredictedPlay
from clients.remote import RemoteEvent
from clients.replica import Replica
from clients.stored_reads import StoredReads
from gameserver.errors import LocalProtocolError, RemoteProtocolError
from gameserver.model.schema import Schema
from gameserver.model.specs import CommandSpec
from gameserver.protocol.closing import CONNECTION_LOST, NO_STATUS, CloseCode
from gameserver.protocol.held import encode_held
from gameserver.protocol.latency import Latency, LatencyEstimator
from gameserver.protocol.messages import (
    MAX_SAY_LENGTH,
    MAX_SEQ,
    RENDERED_PER_TICK,
    Ack,
    Bye,
    Check,
    CommandMessage,
    Delta,
    Desync,
    Hashes,
    Moved,
    Pace,
    Ping,
    Pong,
    Report,
    Result,
    Resync,
    Said,
    Say,
    Status,
    Welcome,
    decode_from_server,
    valid_text,
)

T = TypeVar("T")
S = TypeVar("S")
C = TypeVar("C")

#: An ack is sent when no command was sent for this long (protocol README, "ack").
ACK_AFTER_S: Final = 1.0
#: A delta after a silence of this length makes the client ping soon, to correct its clock.
SILENCE_S: Final = 0.5
#: Lengths of the inboxes; overflow policy ``drop-oldest``, counted in ``ClientStatistics``.
MAX_WAITING_DELTAS: Final = 64
MAX_WAITING_EVENTS: Final = 1024
MAX_WAITING_TEXTS: Final = 256
MAX_WAITING_STATES: Final = 16


class GameClient:
    """A seat in a room; ``open_game`` makes it.

    ``replica`` is always the newest state.  ``status`` is the newest ``status`` message, None
    before the first; ``clock`` knows the server's tick.  ``stored`` reads the server's storage.

    ``state`` is the state of the connection, and ``next_state`` waits for it to change.  If the
    client reconnects by itself (``open_game(resume=True)``), the replica stays as it was until
    ``state`` is ``PLAYING`` again, and nothing is sent meanwhile.  If the seat could not be
    resumed, ``seat`` and perhaps ``room`` have changed then, and the replica starts over.
    """

    def __init__(self, connection: Connection, welcome: Welcome, schema: Schema) -> None:
        self.room = welcome.room
        self.seat = welcome.seat
        self.tick_rate = welcome.tick_rate
        self.resume_token = welcome.resume
        self.limits = welcome.limits
        self.state = State.PLAYING
        self.schema = schema
        self.replica: Final = Replica(schema, own_entity=welcome.own_entity)
        self.status: Status | None = None
        #: Called with the events of each delta, after it was applied, in place of the two queues
        #: of ``next_delta`` and ``events``; it must neither wait nor raise.
        self.on_delta: Callable[[list[RemoteEvent]], None] | None = None
        now_s = trio.current_time()
        self.clock: Final = TickClock(
            welcome.tick_rate, welcome.tick, now_s, _publish_every(welcome)
        )
        self._connection = connection
        #: Bytes that earlier connections received and sent.
        self._bytes_before = (0, 0)
        self._outbox = Outbox()
        #: Reads of what the storage of the room keeps.
        self.stored: Final = StoredReads(self._send)
        #: Set when this connection has ended and the next state is known.
        self._over = trio.Event()
        self._round_trips = LatencyEstimator()
        self._deltas: Inbox[Applied] = Inbox(MAX_WAITING_DELTAS)
        self._events: Inbox[RemoteEvent] = Inbox(MAX_WAITING_EVENTS)
        self._texts: Inbox[Said] = Inbox(MAX_WAITING_TEXTS)
        self._states: Inbox[StateChange] = Inbox(MAX_WAITING_STATES)
        self._counts = ClientStatistics()
        self._commands: dict[str, tuple[int, CommandSpec]] = {}
        self._seq = 0
        self._acked_at_s = self._heard_at_s = self._heard_message_at_s = now_s
        #: Set to end ``read``, and why: the protocol was broken, or the server says to move.
        self._stopped = trio.Event()
        self._broken_off: Moved | RemoteProtocolError | None = None
        self._pings = Pings(welcome.tick_rate, now_s)
        self._nap = trio.CancelScope()
        self._steering: Steering[Any, Any] | None = None
        self._clock_known = trio.Event()
        #: Whether the client has asked for a full state that has not come yet.
        self._awaits_full_state = False
        #: Whether this connection has had a malformed delta; a second one ends it.
        self._forgiven = False
        #: Whether this connection has asked for the hashes by entity; it does so once.
        self._asked_hashes = False
        self._bye: Bye | None = None
        self._lost: ConnectionLost | None = None
        self._handlers: dict[type, Callable[[Any], None]] = {
            Delta: self._on_delta,
            Check: self._on_check,
            Hashes: self._on_hashes,
            Pong: self._on_pong,
            Status: self._on_status,
            Said: self._on_said,
            Bye: self._on_bye,
            Welcome: self._on_welcome,
            Pace: self._on_pace,
            Result: self.stored.take,
        }

    # ------------------------------------------------------------ actions of the player

    async def send(self, command: Any, *, tick: int = 0, rendered: int | None = None) -> int:
        """Send ``command`` and return its seq.

        ``command`` is any object whose class has the name of a command of the room, with its fields
        as attributes.  ``tick`` and ``rendered`` are those of the protocol.  By default the command
        is for the next free tick, and the screen is taken to show the newest delta.  Returns 0 if
        the command was not sent because the connection is lost and not yet replaced.
        ``LocalProtocolError`` if the room has no such command or a value breaks a limit;
        ``ConnectionLost`` if the client is closed.
        """
        message = self._message_of(command, tick, rendered)
        if message is None:
            await self._wait_a_moment()
            return 0
        await self._send(message)
        return message.seq

    def post(self, command: Any, *, tick: int = 0, rendered: int | None = None) -> int:
        """Send ``command`` as ``send`` does, without waiting: for loops that serve many clients.

        What the server does not take at once is sent later, in order.
        """
        message = self._message_of(command, tick, rendered)
        if message is None:
            self.check()
            return 0
        try:
            self._connection.post(message.encode())
        except ConnectionLost:
            # The reading task learns how it ended.  If another one follows, the outbox sends it.
            return 0
        self._counts.messages_sent += 1
        return message.seq

    def _message_of(self, command: Any, tick: int, rendered: int | None) -> CommandMessage | None:
        """Return the message for ``command``, in the outbox; None if there is no connection."""
        name = type(command).__name__
        found = self._commands.get(name)
        if found is None:
            found = self._commands[name] = self.schema.command(name)
        kind, spec = found
        values = list(spec.to_wire(command))
        if not self.connected:
            return None
        if self._seq >= MAX_SEQ:
            raise LocalProtocolError("all sequence numbers of this session are used up")
        self._seq += 1
        acked = max(self.replica.tick, 0)
        if rendered is None:
            rendered = acked * RENDERED_PER_TICK
        self._acked_at_s = trio.current_time()
        message = CommandMessage(self._seq, tick, rendered, acked, kind, values)
        self._outbox.sent(message)
        self._counts.commands += 1
        return message

    def steering(self, vehicle: Vehicle[S, C]) -> PredictedPlay[S, C]:
        """Return the loop in which the program steers ``vehicle`` with prediction."""
        steering = Steering(vehicle, self.replica, self.clock)
        self._steering = steering
        return PredictedPlay(self, steering)

    def post_text(self, text: str) -> None:
        """Say ``text`` as ``say`` does, without waiting."""
        self._check_text(text)
        if self.connected:
            try:
                self._connection.post(Say(text).encode())
                self._counts.messages_sent += 1
            except ConnectionLost:
                return  # the reading task learns how it ended

    async def say(self, text: str) -> bool:
        """Say ``text`` (1 to 256 characters); the room decides who receives it.

        ``LocalProtocolError`` for a text that the protocol does not allow; ``cleaned_text`` of
        ``gameserver.protocol.texts`` makes a typed text valid.  Returns False if the text was not
        sent because the connection is lost and not yet replaced.
        """
        self._check_text(text)
        return await self._send(Say(text))

    async def report(self, seat: int, reason: str) -> bool:
        """Report the player in another seat to the operators of the server.

        The answer is a text of the server.  Errors and result as for ``say``.
        """
        self._check_text(reason)
        return await self._send(Report(seat, reason))

    @staticmethod
    def _check_text(text: str) -> None:
        if not valid_text(text):
            raise LocalProtocolError(
                f"a text is 1 to {MAX_SAY_LENGTH} characters, without control characters, "
                "and not all of it invisible"
            )

    async def next_delta(self) -> Applied:
        """Wait for the next delta, already applied; ``ConnectionLost`` if none will come.

        A caller that is slow to ask gets the newest ``MAX_WAITING_DELTAS``, and the replica may be
        ahead of the returned delta.
        """
        return await self._next(self._deltas)

    async def next_text(self) -> Said:
        """Wait for the next text; ``ConnectionLost`` if none will come."""
        return await self._next(self._texts)

    async def next_state(self) -> StateChange:
        """Wait for the next change of ``state``; ``ConnectionLost`` after ``CLOSED``.

        A caller that is slow to ask gets the newest ``MAX_WAITING_STATES``.
        """
        return await self._next(self._states)

    async def events(self) -> AsyncIterator[RemoteEvent]:
        """Yield every event until the connection closes normally; else raise ``ConnectionLost``."""
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
        """Return the next delta; the loop ends when the connection closes normally."""
        try:
            return await self.next_delta()
        except ConnectionLost as lost:
            if lost.code == CloseCode.NORMAL:
                raise StopAsyncIteration from None
            raise

    # ------------------------------------------------------------ state and figures

    @property
    def connected(self) -> bool:
        """Whether the client is playing over a connection."""
        return self.state is State.PLAYING

    @property
    def rejoins(self) -> int:
        """How often the client joined anew after a lost connection, instead of resuming."""
        return self._counts.rejoins

    @property
    def latency(self) -> Latency:
        """The latency that the server's ping frames measured, from its last ``status``."""
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
        """The round trips of the client's own pings, which include the server's queues."""
        return self._round_trips.latency

    async def wait_for_clock(self) -> None:
        """Wait until the first pong has come; ``ConnectionLost`` if none will."""
        await self._clock_known.wait()
        self.check()

    def check(self) -> None:
        """Raise ``ConnectionLost`` if the connection has ended."""
        if self._lost is not None:
            raise self._end()

    def server_tick(self) -> float | None:
        """Return an estimate of the server's tick at this moment; None before the first pong."""
        return self.clock.tick_at(trio.current_time()) if self.clock.known else None

    def statistics(self) -> ClientStatistics:
        """Return the counts so far."""
        return attrs.evolve(
            self._counts,
            bytes_received=self._bytes_before[0] + self._connection.stream.bytes_received,
            bytes_sent=self._bytes_before[1] + self._connection.stream.bytes_sent,
            unread_deltas=self._deltas.dropped,
            unread_events=self._events.dropped,
            unread_texts=self._texts.dropped,
        )

    # ------------------------------------------------------------ sending and waiting

    async def _wait_a_moment(self) -> None:
        await trio.lowlevel.checkpoint()
        self.check()

    async def _send(self, message: Any) -> bool:
        """Send ``message``; False if the connection is lost, which ``read`` handles."""
        if not self.connected:
            await self._wait_a_moment()
            return False
        over = self._over
        try:
            await self._connection.send(message.encode())
        except ConnectionLost:
            # The reading task learns how the connection ended, and whether another one follows.
            await over.wait()
            self.check()
            return False
        self._counts.messages_sent += 1
        return True

    async def _next(self, inbox: Inbox[T]) -> T:
        try:
            return await inbox.get()
        except trio.EndOfChannel:
            raise self._end() from None

    def _end(self) -> ConnectionLost:
        """Return how the connection ended, as a new exception for each call."""
        lost = self._lost
        assert lost is not None
        return ConnectionLost(
            lost.code,
            lost.reason,
            action=lost.action,
            retry_after_s=lost.retry_after_s,
            moved=lost.moved,
        )

    # ------------------------------------------------------------ one connection after another

    def hello(self) -> tuple[str, int, bytes | None]:
        """Return ``resume``, ``tick`` and ``held`` of the hello that resumes this seat."""
        replica = self.replica
        resumable = replica.can_resume and not self._awaits_full_state
        held = encode_held(replica.entities) if resumable else None
        return self.resume_token, 0 if held is None else replica.tick, held

    def lose(self, lost: ConnectionLost, retry_in_s: float) -> None:
        """Note that the connection is lost, and the pause before the next attempt."""
        if self.state is State.PLAYING:
            self._forget_connection()
        self.enter(StateChange(State.RECONNECTING, lost.code, lost.reason, lost.action, retry_in_s))

    def enter(self, change: StateChange) -> None:
        """Note the new state of the connection, and wake ``next_state``."""
        self.state = change.state
        self._states.put(change)

    def _forget_connection(self) -> None:
        self._over.set()
        self.stored.lose()
        stream = self._connection.stream
        received, sent = self._bytes_before
        self._bytes_before = (received + stream.bytes_received, sent + stream.bytes_sent)
        self._bye = None

    async def come_back(self, connection: Connection, welcome: Welcome, schema: Schema) -> None:
        """Continue over another connection; ``ConnectionLost`` if it is lost at once.

        ``schema`` is the schema of the welcome, which may differ if the client has moved.
        """
        self.resume_token = welcome.resume  # the last one may no longer be valid
        if welcome.resumed:
            self._counts.resumes += 1
            for message in self._outbox.to_send_again(welcome.ack, welcome.tick):
                await connection.send(message.encode())
                self._counts.commands_again += 1
        now_s = trio.current_time()
        if not welcome.resumed:
            self._begin_anew(welcome, schema, now_s)
        elif welcome.tick < self.replica.tick:
            self.replica.go_back()
        self.limits = welcome.limits
        self._pings = Pings(self.tick_rate, now_s)
        self._acked_at_s = self._heard_at_s = self._heard_message_at_s = now_s
        self._awaits_full_state = self._forgiven = self._asked_hashes = False
        if self._steering is not None:
            self._steering.reconnected()
        self._connection = connection
        self._over = trio.Event()
        self.enter(StateChange(State.PLAYING))

    def _begin_anew(self, welcome: Welcome, schema: Schema, now_s: float) -> None:
        """Start over: the old seat is gone, and the room may be another one."""
        self._counts.rejoins += 1
        self.room = welcome.room
        self.seat = welcome.seat
        self.schema, self.tick_rate = schema, welcome.tick_rate
        self._commands.clear()
        self.replica.begin_anew(welcome.own_entity, schema)
        self.clock.begin_anew(welcome.tick, now_s, _publish_every(welcome), welcome.tick_rate)
        self._seq = 0
        self._outbox.clear()
        if self._steering is not None:
            self._steering.rejoined()

    def explained(self, lost: ConnectionLost) -> ConnectionLost:
        """Return ``lost`` with the code and reason of the server's ``bye`` before it."""
        return _explained(lost, self._bye)

    def end(self, lost: ConnectionLost) -> None:
        """Note that no other connection will follow; only the first call has an effect."""
        if self._lost is not None:
            return
        self._lost = lost
        self.enter(StateChange(State.CLOSED, lost.code, lost.reason, lost.action))
        self._over.set()
        self.stored.lose()
        for inbox in (self._deltas, self._events, self._texts, self._states):
            inbox.end()
        self._clock_known.set()

    # ------------------------------------------------------------ tasks

    async def read(self) -> Never:
        """Handle the server's messages until ``ConnectionLost``."""
        connection = self._connection
        self._broken_off = None
        self._stopped = trio.Event()
        self._heard_message_at_s = trio.current_time()
        await connection.deliver(self._take, self._stopped)
        why = self._broken_off
        if isinstance(why, Moved):
            raise await moved_on(connection, why)
        raise await connection.fail(CloseCode.PROTOCOL_ERROR, str(why)) from why

    def _take(self, data: bytes) -> None:
        """Handle one message, within the call that has read it."""
        if self._broken_off is not None:
            return
        self._counts.messages_received += 1
        self._heard_message_at_s = trio.current_time()
        try:
            message = decode_from_server(data)
            if isinstance(message, Moved):
                self._break_off(message)
            else:
                self._handlers[type(message)](message)
        except RemoteProtocolError as error:
            self._break_off(error)

    def _break_off(self, why: Moved | RemoteProtocolError) -> None:
        self._broken_off = why
        self._stopped.set()

    async def upkeep(self) -> None:
        """Send acks and pings while this connection lasts."""
        connection = self._connection
        try:
            while self.connected and self._connection is connection:
                now_s = trio.current_time()
                silent_at_s = self._heard_message_at_s + SILENCE_DEADLINE_S
                if now_s >= silent_at_s:
                    await connection.fall_silent()
                    return
                if now_s >= self._pings.due_s:
                    await self._send(Ping(self._pings.next(now_s), now_s))
                if now_s >= self._acked_at_s + ACK_AFTER_S:
                    self._acked_at_s = now_s
                    if self.replica.tick >= 0:
                        await self._send(Ack(self.replica.tick))
                with trio.CancelScope() as self._nap:
                    self._nap.deadline = min(
                        self._pings.due_s, self._acked_at_s + ACK_AFTER_S, silent_at_s
                    )
                    await trio.sleep_forever()
        except ConnectionLost:
            return  # it is over for good

    async def _tell(self, messages: Sequence[Desync | Resync]) -> None:
        try:
            for message in messages:
                await self._send(message)
        except ConnectionLost:
            return  # it is over for good

    # ------------------------------------------------------------ messages of the server

    def _on_delta(self, delta: Delta) -> None:
        now_s = self._heard_message_at_s
        if now_s - self._heard_at_s > SILENCE_S:
            self._pings.ping_soon(now_s)
            self._nap.deadline = min(self._nap.deadline, self._pings.due_s)
        self._heard_at_s = now_s
        full = delta.leaves is None
        try:
            events = self.replica.apply(delta)
        except RemoteProtocolError:
            self._counts.deltas_refused += 1
            if full or self._forgiven:  # another full state would not help
                raise
            self._forgiven = True
            self._resync()
            return
        if self.replica.needs_full_state:
            return  # deltas are ignored until the full state comes
        if full:
            self._awaits_full_state = False
        self._counts.deltas += 1
        self._outbox.settled(delta.ack)
        self.clock.delta(delta.tick, now_s)
        news = events
        if self._steering is not None:
            news = self._steering.delta(delta.margin, events, now_s)
        if self.on_delta is not None:
            self.on_delta(events)
            return
        self._deltas.put(Applied(delta.tick, delta.ack, delta.margin, events, news))
        for event in events:
            self._events.put(event)

    def _on_check(self, check: Check) -> None:
        # While a full state is on its way, the replica is known to be wrong.
        if self._awaits_full_state:
            return
        self._counts.checks += 1
        if check.tick != self.replica.tick or check.checksum != self.replica.checksum():
            self._counts.checksum_failures += 1
            asks = check.tick == self.replica.tick and not self._asked_hashes
            if asks:
                self._asked_hashes = True
            self._resync(*([Desync(check.tick, None)] if asks else []))

    def _on_hashes(self, hashes: Hashes) -> None:
        """Report the differences, if the replica still has the tick of the hashes."""
        replica = self.replica
        fits = hashes.tick == replica.tick and not replica.needs_full_state
        if fits and self._asked_hashes:
            report = desync_report(replica, hashes)
            if report is not None:
                self._connection.tasks.start_soon(self._tell, [report])

    def _resync(self, *before: Desync) -> None:
        """Ask for a full state, after sending ``before``; not if one is on its way."""
        if not self._awaits_full_state:
            self._awaits_full_state = True
            self._counts.resyncs += 1
            messages: list[Desync | Resync] = [*before, Resync()]
            self._connection.tasks.start_soon(self._tell, messages)

    def _on_pong(self, pong: Pong) -> None:
        sent_s = self._pings.answered(pong.nonce)
        if sent_s is None:
            return  # its ping is forgotten, or was never sent
        now_s = trio.current_time()
        self._round_trips.sample(now_s - sent_s)
        self.clock.pong(sent_s, now_s, pong.tick)
        self._clock_known.set()

    def _on_status(self, status: Status) -> None:
        self.status = status
        if self._steering is not None:
            self._steering.served(_seconds(status.simulate_us), _seconds(status.send_us))

    def _on_pace(self, pace: Pace) -> None:
        self.clock.change_pace(pace.tick, pace.pace, pace.publish_every)

    def _on_said(self, said: Said) -> None:
        self._texts.put(said)

    def _on_bye(self, bye: Bye) -> None:
        self._bye = bye

    def _on_welcome(self, _welcome: Welcome) -> None:
        raise RemoteProtocolError("the server sent a second welcome")


def _publish_every(welcome: Welcome) -> int:
    return welcome.limits.get("publish_every", 1)


def _seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / 1e6


def _explained(lost: ConnectionLost, bye: Bye | None) -> ConnectionLost:
    """Return ``lost`` with the code and reason of a ``bye`` that came before it."""
    if bye is None or lost.code not in (bye.code, CONNECTION_LOST, NO_STATUS):
        return ConnectionLost(
            lost.code,
            lost.reason,
            action=lost.action,
            retry_after_s=lost.retry_after_s,
            moved=lost.moved,
        )
    return ConnectionLost(bye.code, bye.reason, retry_after_s=bye.retry_after_s)


async def moved_on(connection: Connection, moved: Moved) -> ConnectionLost:
    """Close, as the server asks, and return the exception that names the next room."""
    await connection.close(CloseCode.NORMAL, "moved")
    return ConnectionLost(CloseCode.MOVED, f"moved to {moved.room}", moved=moved)
