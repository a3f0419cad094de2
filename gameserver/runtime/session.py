"""The task of one player: hello, join, play, leave, and every way in which that can end.

Owns the conversation of one connection and its deadlines.  Never touches the game but through
its ``RoomTask`` and ``Player``, and nothing that one client sends reaches any other session.

Whoever reads from a client must not wait for that client to read: answers of the play loop
are posted, or go with the next delta, so that a slow link can always still answer pings.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable
from typing import Final

import attrs
import structlog
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from gameserver.config import Settings
from gameserver.errors import JoinRefused, RemoteProtocolError
from gameserver.identity import Verified
from gameserver.inputs import LENGTH_TICKS
from gameserver.ops.logging import shown
from gameserver.ops.metrics import Counters, Tally
from gameserver.protocol.allowance import Allowance
from gameserver.protocol.closing import CONNECTION_LOST, CloseCode, close_reason
from gameserver.protocol.frames import binary_frame
from gameserver.protocol.latency import Latency
from gameserver.protocol.messages import (
    MAX_CLIENT_MESSAGE_BYTES,
    MAX_SAY_LENGTH,
    VERSION,
    Ack,
    Bye,
    ClientMessage,
    CommandMessage,
    Hello,
    Ping,
    Pong,
    Resync,
    Say,
    ServerMessage,
    Status,
    Welcome,
    decode_from_client,
    valid_name,
)
from gameserver.room import Player
from gameserver.runtime.admission import Peer
from gameserver.runtime.door import close_websocket
from gameserver.runtime.link import Link
from gameserver.runtime.lobby import Lobby, Place
from gameserver.runtime.room_task import seat_of

log = structlog.get_logger(__name__)

#: For ``on_auth``, and for a new room's ``on_start`` before it.
AUTH_TIMEOUT_S: Final = 10.0
#: For the peer to take our welcome, and our bye.
WELCOME_TIMEOUT_S: Final = 10.0
BYE_TIMEOUT_S: Final = 2.0
#: Who sends more is closed with 4008 (README.md of the protocol, "Transport").
MESSAGES_PER_S: Final = 200
MESSAGES_BURST: Final = 400
TEXTS_PER_S: Final = 2
TEXTS_BURST: Final = 8
RESYNCS_PER_S: Final = 1
#: Close codes that a game's ``JoinRefused`` may carry (RFC 6455, 7.4.2: private use).
GAME_CODES: Final = range(4000, 5000)


@attrs.frozen
class Ending:
    """Why a session ended.  ``by_peer``: the connection is closed or lost already."""

    code: int
    reason: str
    by_peer: bool = False
    retry_after_s: float | None = None


class _Close(Exception):
    """Not an error: the session's own way out of nested calls."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.ending = Ending(code, reason)


class Session:
    """One game connection, from its WebSocket to its close frame."""

    def __init__(
        self,
        ws: WebSocketConnection,
        link: Link,
        peer: Peer,
        lobby: Lobby,
        settings: Settings,
        counters: Counters,
    ) -> None:
        self._ws = ws
        self._link = link
        self._lobby = lobby
        self._settings = settings
        self._counters = counters
        self._greeted = False
        self._player: Player | None = None
        self._scope = trio.CancelScope()
        self._ending: Ending | None = None
        now_s = trio.current_time()
        self._messages_allowed = Allowance(MESSAGES_PER_S, MESSAGES_BURST, now_s)
        self._texts_allowed = Allowance(TEXTS_PER_S, TEXTS_BURST, now_s)
        self._resyncs_allowed = Allowance(RESYNCS_PER_S, 1, now_s)
        self._peer = peer
        self._log = log.bind(peer=peer.name)

    def end(self, code: int, reason: str) -> None:
        """End this session now, from any task; the first call decides code and reason."""
        if self._ending is None:
            self._ending = Ending(code, reason)
            self._scope.cancel()

    def tally(self) -> Tally:
        """Return what this session has counted so far."""
        link, player = self._link, self._player
        if player is None:
            return Tally(link.bytes_in, link.bytes_out, link.posts_refused)
        seat = seat_of(player)
        return Tally(
            bytes_in=link.bytes_in,
            bytes_out=link.bytes_out,
            posts_refused=link.posts_refused,
            commands_dropped=player.commands_dropped,
            commands_duplicate=player.commands_duplicate,
            commands_late=player.commands_late,
            commands_early=player.commands_early,
            idle_ticks=player.idle_ticks,
            rewinds_disputed=player.rewinds_disputed,
            rewinds_clamped=player.rewinds_clamped,
            deltas_skipped=seat.skipped,
            events_dropped=seat.events_dropped,
            notices_dropped=seat.notices_dropped,
        )

    async def run(self) -> None:
        """Converse until the end, then say bye and close; each with a deadline."""
        ending = Ending(CloseCode.INTERNAL_ERROR, "internal error")
        with self._scope:
            ending = await self._until_closed(self._join_and_play())
        ending = self._ending or ending
        self._count(ending)
        self._log.info("session ended", code=int(ending.code), reason=shown(ending.reason))
        if not ending.by_peer:
            await self._say_bye(ending)

    def _count(self, ending: Ending) -> None:
        """Count an end by its code; a peer's own codes are not told apart, for it may send any."""
        code = ending.code
        if ending.by_peer:
            code = CloseCode.NORMAL if code in (1000, 1001) else CONNECTION_LOST
        joined = self._player is not None
        (self._counters.endings if joined else self._counters.refusals)[code] += 1

    async def _until_closed(self, work: Awaitable[Ending]) -> Ending:
        """Return how ``work`` ended, whichever way that was."""
        try:
            return await work
        except _Close as close:
            return close.ending
        except RemoteProtocolError as error:
            return Ending(CloseCode.PROTOCOL_ERROR, str(error))
        except JoinRefused as refusal:
            return Ending(refusal.code, refusal.reason, retry_after_s=refusal.retry_after_s)
        except ConnectionClosed as closed:
            code = CloseCode.NORMAL if closed.reason is None else closed.reason.code
            return Ending(code, "left" if code < 1002 else "connection lost", by_peer=True)

    # ------------------------------------------------------------ joining

    async def _join_and_play(self) -> Ending:
        hello = await self._hello()
        request = self._checked_request(hello)
        self._peer.admission.let_join(trio.current_time())
        verified = self._lobby.sign_in.verify(
            hello.token, self._lobby.room_class(request), is_bot=self._peer.is_bot
        )
        identity = None if verified is None else verified.identity
        with self._lobby.reserve(request, self._peer.counted_as, identity) as place:
            if verified is not None:
                self._lobby.sign_in.use(verified)
            player = await self._join(hello, place, verified)
            ending = Ending(CloseCode.INTERNAL_ERROR, "internal error")
            try:
                await self._welcome(player, place)
                ending = await self._play(player, place)
            finally:
                place.task.leave(player, (self._ending or ending).reason)
        return ending

    async def _hello(self) -> Hello:
        with trio.move_on_at(self._peer.deadline_s):
            message, _ = await self._next_message()
            if not isinstance(message, Hello):
                raise RemoteProtocolError("the first message must be hello")
            self._greeted = True
            return message
        raise _Close(CloseCode.TOO_SLOW, f"no hello within {self._settings.hello_deadline_s:g} s")

    def _checked_request(self, hello: Hello) -> str:
        """Return the room request of a hello that may go on; ``JoinRefused`` if it may not."""
        if hello.version != VERSION:
            raise JoinRefused(
                CloseCode.VERSION, f"this server speaks version {VERSION} of the protocol"
            )
        schema = self._lobby.room_class(hello.room).schema()
        if hello.schema_hash is not None and hello.schema_hash != schema.hash:
            raise JoinRefused(CloseCode.SCHEMA, "the game has changed: reload the client")
        if not valid_name(hello.name):
            raise JoinRefused(
                CloseCode.BAD_NAME,
                "a name is 1 to 24 printable characters with no space at either end",
            )
        return hello.room

    async def _join(self, hello: Hello, place: Place, verified: Verified | None) -> Player:
        identity = await self._authenticated(hello, place, verified)
        self._player = place.task.join(place.number, self._link, hello.name, identity, self.end)
        self._peer.joined()
        self._counters.joins += 1
        self._log = self._log.bind(room=place.task.label, player=shown(hello.name))
        self._log.info("joined", seat=place.number)
        return self._player

    async def _authenticated(
        self, hello: Hello, place: Place, verified: Verified | None
    ) -> str | None:
        room = place.task.room
        with trio.move_on_after(AUTH_TIMEOUT_S):
            await place.task.ready.wait()
            try:
                return await room.on_auth(
                    hello.name, verified if room.requires_token else hello.token
                )
            except JoinRefused as refusal:
                if refusal.code not in GAME_CODES:
                    raise JoinRefused(CloseCode.REFUSED, refusal.reason) from refusal
                raise
            except Exception:  # noqa: BLE001 - a bug of the game; logged, and this player is told
                self._log.exception("on_auth failed", room=place.task.label)
                raise JoinRefused(
                    CloseCode.INTERNAL_ERROR, "the game failed to sign you in"
                ) from None
        self._log.error("on_auth took too long", room=place.task.label, timeout_s=AUTH_TIMEOUT_S)
        raise JoinRefused(CloseCode.INTERNAL_ERROR, "signing in took too long")

    async def _welcome(self, player: Player, place: Place) -> None:
        """Send the welcome, and only then have deltas sent."""
        task = place.task
        room = task.room
        welcome = Welcome(
            room=task.label,
            seat=player.seat,
            own_entity=room.id_of(player.entity),
            tick=room.tick_number,
            tick_rate=room.tick_rate,
            schema=room.schema().describe(),
            resume=place.resume_token,
            limits={
                "message_bytes": MAX_CLIENT_MESSAGE_BYTES,
                "say_length": MAX_SAY_LENGTH,
                "publish_every": room.publish_every,
                **({} if room.input is None else {"input_buffer_ticks": LENGTH_TICKS}),
                **({"max_rewind_ms": room.max_rewind_ms} if room.rewinds else {}),
            },
        )
        with trio.move_on_after(WELCOME_TIMEOUT_S) as patience:
            await self._ws.send_message(welcome.encode())
        if patience.cancelled_caught:
            raise _Close(CloseCode.TOO_SLOW, "the welcome was not taken")
        task.publish_to(player)

    # ------------------------------------------------------------ playing

    async def _play(self, player: Player, place: Place) -> Ending:
        """Take messages from both roads: the lane, and trio-websocket."""

        def on_message(data: bytes) -> None:
            self._take_from_lane(data, player, place)

        def on_answer(latency: Latency) -> None:
            player.latency = latency
            self._post(_status(player, place), player)

        def on_silence() -> None:
            self.end(CloseCode.PING_TIMEOUT, "three pings in a row went unanswered")

        task = place.task
        beat = task.heartbeat.add(self._link, on_answer, on_silence)
        try:
            self._link.inlet.open_lane(on_message, beat.pong)
            task.read(self._link)
            return await self._until_closed(self._listen(player, place))
        finally:
            self._link.inlet.close_lane()
            task.heartbeat.remove(beat)

    async def _listen(self, player: Player, place: Place) -> Ending:
        while True:
            message, now_s = await self._next_message()
            self._take(message, player, place, now_s)

    def _take_from_lane(self, data: bytes, player: Player, place: Place) -> None:
        """Take a message within a tick: nothing may be raised, for it would end the room."""
        if self._ending is not None:
            return  # what came in one read with the message that ended it
        try:
            now_s = self._count_message()
            self._take(decode_from_client(data), player, place, now_s)
        except RemoteProtocolError as error:
            self.end(CloseCode.PROTOCOL_ERROR, str(error))
        except _Close as close:
            self.end(close.ending.code, close.ending.reason)
        except Exception:  # noqa: BLE001 - a bug of ours; it costs this player the session
            self._log.exception("a message could not be taken")
            self.end(CloseCode.INTERNAL_ERROR, "internal error")

    async def _next_message(self) -> tuple[ClientMessage, float]:
        """Return the next message that came through trio-websocket, and when that was."""
        data = await self._ws.get_message()
        self._link.inlet.message_taken()
        now_s = self._count_message()
        if isinstance(data, str):
            raise _Close(CloseCode.UNSUPPORTED_DATA, "messages are binary here, not text")
        return decode_from_client(data), now_s

    def _count_message(self) -> float:
        """Count a message, and return when that was."""
        now_s = trio.current_time()
        self._counters.messages += 1
        if not self._messages_allowed.spend(now_s):
            raise _Close(CloseCode.RATE, f"more than {MESSAGES_PER_S} messages a second")
        return now_s

    def _take(self, message: ClientMessage, player: Player, place: Place, now_s: float) -> None:
        """Do what a message that was read at ``now_s`` asks for; never waits."""
        room = place.task.room
        match message:
            case CommandMessage():
                self._check_acked(message.acked, place)
                commands = room.world.schema.commands
                if message.kind >= len(commands):
                    raise RemoteProtocolError("command.command is a kind that this room has not")
                command = commands[message.kind].from_wire(message.values)
                player.take_command(
                    message.seq, command, tick=message.tick, shown=message.shown, read_s=now_s
                )
            case Ack():
                self._check_acked(message.tick, place)
            case Ping():
                pong = Pong(message.nonce, message.client_time, place.task.now_ticks)
                self._post(pong, player)
            case Say():
                if not self._texts_allowed.spend(now_s):
                    raise _Close(CloseCode.RATE, f"more than {TEXTS_PER_S} texts a second")
                room.hear(player, message.text)
            case Resync():
                self._resync(player, place)
            case Hello():
                raise RemoteProtocolError("a second hello")

    def _check_acked(self, tick: int, place: Place) -> None:
        if tick > place.task.room.tick_number:
            raise RemoteProtocolError("acknowledged a tick that has not been")

    def _resync(self, player: Player, place: Place) -> None:
        if not self._resyncs_allowed.spend(trio.current_time()):
            raise _Close(CloseCode.RATE, f"more than {RESYNCS_PER_S} resync a second")
        self._counters.resyncs += 1
        self._log.warning("resync", tick=place.task.room.tick_number)
        seat_of(player).forget()

    def _post(self, message: ServerMessage, player: Player) -> None:
        """Send now if the link is free, else with the next delta."""
        frame = binary_frame(message.encode())
        if not (self._link.clear and self._link.post(frame)):
            seat_of(player).notify(frame)

    # ------------------------------------------------------------ the end

    async def _say_bye(self, ending: Ending) -> None:
        reason = close_reason(ending.reason)
        if self._greeted:
            with trio.move_on_after(BYE_TIMEOUT_S):
                try:
                    await self._ws.send_message(
                        Bye(ending.code, reason, ending.retry_after_s).encode()
                    )
                except ConnectionClosed:
                    return
        await close_websocket(self._ws, self._link, ending.code, reason)


def _status(player: Player, place: Place) -> Status:
    """Return what the client is told after an answered ping frame."""
    latency, times = player.latency, player.input_times
    return Status(
        rtt_us=_microseconds(latency.rtt_s),
        smoothed_us=_microseconds(latency.smoothed_s),
        jitter_us=_microseconds(latency.jitter_s),
        min_us=_microseconds(latency.minimum_s),
        work_us=_microseconds(place.task.last_work_s),
        players=len(place.task.room.players),
        late=player.commands_late,
        early=player.commands_early,
        dropped=player.commands_dropped + player.commands_duplicate,
        idle_ticks=player.idle_ticks,
        wait_us=_median_us(times.waits_s),
        simulate_us=_microseconds(place.task.last_simulate_s),
        send_us=_median_us(times.sends_s),
        disputed=player.rewinds_disputed,
    )


def _median_us(durations_s: deque[float]) -> int | None:
    return round(sorted(durations_s)[len(durations_s) // 2] * 1e6) if durations_s else None


def _microseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1e6)
