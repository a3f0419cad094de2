"""Takes the messages of one player while it plays, and limits their rates.

Owns the per-command path, from the bytes of a message to ``Commands.take``, and the limits on
a client's messages.  Never waits, never closes: it raises ``SessionOver``, or calls the session's
``end`` where nothing may be raised.

Messages come on two paths: on the fast path within a tick (``take_bytes``), and from the session's
task, which read them through trio-websocket (``take``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import trio

from gameserver.accelerated import twin
from gameserver.errors import RemoteProtocolError
from gameserver.ops.metrics import Counters
from gameserver.protocol.allowance import Allowance
from gameserver.protocol.closing import CloseCode
from gameserver.protocol.frames import binary_frame
from gameserver.protocol.latency import Latency
from gameserver.protocol.messages import (
    Ack,
    ClientMessage,
    CommandMessage,
    Desync,
    Hashes,
    Hello,
    Ping,
    Pong,
    Read,
    Report,
    Resync,
    Said,
    Say,
    ServerMessage,
    Status,
    decode_from_client,
    short_command,
)
from gameserver.replication.disagreement import ShownView, shown_view
from gameserver.runtime.net.websocket import WebSocket
from gameserver.runtime.rooms.room_task import RoomTask
from gameserver.runtime.rooms.roster import End
from gameserver.runtime.sessions.reads import Reads
from gameserver.simulation.stepper import Seated

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger

#: A client that sends more is closed with 4008 (README.md of the protocol, "Transport").
MESSAGES_PER_S: Final = 200
MESSAGES_BURST: Final = 400
#: Each ping is answered with a frame of its own, which costs more than a command.
PINGS_PER_S: Final = 10
PINGS_BURST: Final = 30
TEXTS_PER_S: Final = 2
TEXTS_BURST: Final = 8
READS_PER_S: Final = 2
READS_BURST: Final = 8
REPORTS_PER_S: Final = 0.1
REPORTS_BURST: Final = 3
RESYNCS_PER_S: Final = 1
#: Requests for hashes, and the reports that follow them.
DESYNCS_PER_S: Final = 0.2
DESYNCS_BURST: Final = 2


class SessionOver(Exception):
    """The session ends, with this close code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class MessageCount:
    """How many messages a client has sent, of any kind and on either path."""

    __slots__ = ("_allowed", "_counters")

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._allowed = Allowance(MESSAGES_PER_S, MESSAGES_BURST, trio.current_time())

    @property
    def allowed(self) -> Allowance:
        """The messages and bytes that the client may still send."""
        return self._allowed

    def add(self, now_s: float) -> None:
        """Count one that was read at ``now_s``; ``SessionOver`` with 4008 if that is too many."""
        self._counters.messages += 1
        if not self._allowed.spend(now_s):
            raise SessionOver(CloseCode.RATE, f"more than {MESSAGES_PER_S} messages a second")


async def next_bytes(ws: WebSocket, count: MessageCount) -> tuple[bytes, float]:
    """Return the next message that came through trio-websocket, and when that was; count it."""
    data = await ws.receive()
    now_s = trio.current_time()
    count.add(now_s)
    if isinstance(data, str):
        raise SessionOver(CloseCode.UNSUPPORTED_DATA, "messages are binary here, not text")
    return data, now_s


class Reception:
    """Takes the messages of the player in a seat of the room of ``task``."""

    __slots__ = (
        "_clock",
        "_commands",
        "_count",
        "_counters",
        "_desyncs_allowed",
        "_end",
        "_ended",
        "_from_wire",
        "_log",
        "_muted",
        "_pings_allowed",
        "_player",
        "_reads",
        "_reads_allowed",
        "_report",
        "_reports_allowed",
        "_resyncs_allowed",
        "_room",
        "_seat",
        "_shown",
        "_task",
        "_texts_allowed",
        "_ws",
    )

    def __init__(
        self,
        seated: Seated,
        task: RoomTask,
        ws: WebSocket,
        count: MessageCount,
        counters: Counters,
        end: End,
        log: BoundLogger,
        muted: Callable[[], str | None],
        report: Callable[[int, str], str],
    ) -> None:
        self._player = seated.player
        self._seat = seated.seat
        self._commands = seated.commands
        self._task = task
        self._room = task.room
        self._from_wire = [spec.from_wire for spec in task.room.world.schema.commands]
        self._ws = ws
        self._count = count
        self._counters = counters
        self._end = end
        self._log = log
        #: Returns what a muted player is told, None for any other.
        self._muted = muted
        #: Takes a report about the player in a seat, and returns the answer.
        self._report = report
        self._ended = False
        now_s = trio.current_time()
        # The same as ``trio.current_time``, which looks for the clock at each call.
        self._clock = trio.lowlevel.current_clock().current_time
        self._pings_allowed = Allowance(PINGS_PER_S, PINGS_BURST, now_s)
        self._texts_allowed = Allowance(TEXTS_PER_S, TEXTS_BURST, now_s)
        self._reads_allowed = Allowance(READS_PER_S, READS_BURST, now_s)
        self._resyncs_allowed = Allowance(RESYNCS_PER_S, 1, now_s)
        self._desyncs_allowed = Allowance(DESYNCS_PER_S, DESYNCS_BURST, now_s)
        self._reports_allowed = Allowance(REPORTS_PER_S, REPORTS_BURST, now_s)
        self._reads = Reads(task, seated.player.identity, self.post, log)
        #: The state that the client should hold, between its request for hashes and its report.
        self._shown: ShownView | None = None

    # ------------------------------------------------------------ from process to process

    @property
    def _allowances(self) -> tuple[Allowance, ...]:
        return (
            self._pings_allowed,
            self._texts_allowed,
            self._reads_allowed,
            self._resyncs_allowed,
            self._desyncs_allowed,
            self._count.allowed,
            self._reports_allowed,
        )

    def allowances_left(self, now_s: float) -> list[float]:
        """Return what is left of each allowance, for the process that goes on."""
        return [one.left(now_s) for one in self._allowances]

    @property
    def reads_in_flight(self) -> list[int]:
        """The numbers of the reads that have no answer yet."""
        return self._reads.in_flight

    def go_on(self, allowances_left: Sequence[float], reads: Sequence[int]) -> None:
        """Continue with what was left in another process, and answer its ``reads``."""
        for one, left in zip(self._allowances, allowances_left, strict=False):
            one.leave(left)
        self._reads.interrupt(reads)

    # ------------------------------------------------------------ messages

    def take_bytes(self, data: bytes) -> None:
        """Take a message within a tick: nothing may be raised, for it would end the room."""
        if self._ended:
            return  # what came in one read with the message that ended it
        try:
            now_s = self._clock()
            self._count.add(now_s)
            command = short_command(data)
            if command is None:
                self.take(decode_from_client(data), now_s)
            else:
                seq, tick, rendered, acked, kind, values = command
                self._take_command(seq, tick, rendered, acked, kind, values, now_s)
        except RemoteProtocolError as error:
            self._finish(CloseCode.PROTOCOL_ERROR, str(error))
        except SessionOver as over:
            self._finish(over.code, over.reason)
        except Exception:  # noqa: BLE001 - a bug of ours; it costs this player the session
            self._log.exception("a message could not be taken")
            self._finish(CloseCode.INTERNAL_ERROR, "internal error")

    def _finish(self, code: int, reason: str) -> None:
        self._ended = True
        self._end(code, reason)

    def take(self, message: ClientMessage, now_s: float) -> None:
        """Do what a message that was read at ``now_s`` asks for.

        ``RemoteProtocolError`` if it may not ask that, ``SessionOver`` if it asks too often.
        """
        match message:
            case CommandMessage(seq, tick, rendered, acked, kind, values):
                self._take_command(seq, tick, rendered, acked, kind, values, now_s)
            case Ack():
                self._take_acked(message.tick)
            case Ping():
                if not self._pings_allowed.spend(now_s):
                    raise SessionOver(CloseCode.RATE, f"more than {PINGS_PER_S} pings a second")
                self.post(Pong(message.nonce, message.client_time, self._task.now_ticks))
            case Say():
                if not self._texts_allowed.spend(now_s):
                    raise SessionOver(CloseCode.RATE, f"more than {TEXTS_PER_S} texts a second")
                self._hear(message.text)
            case Resync():
                self._resync(now_s)
            case Desync():
                self._desync(message, now_s)
            case Read():
                if not self._reads_allowed.spend(now_s):
                    raise SessionOver(CloseCode.RATE, f"more than {READS_PER_S} reads a second")
                self._reads.take(message)
            case Report():
                if not self._reports_allowed.spend(now_s):
                    raise SessionOver(CloseCode.RATE, "too many reports")
                self.post(Said(0, "", self._report(message.seat, message.reason)))
            case Hello():
                raise RemoteProtocolError("a second hello")

    def _take_command(
        self,
        seq: int,
        tick: int,
        rendered: int,
        acked: int,
        kind: int,
        values: list[object],
        now_s: float,
    ) -> None:
        self._take_acked(acked)
        if kind >= len(self._from_wire):
            raise RemoteProtocolError("command.command is a kind that this room does not have")
        self._commands.take(seq, self._from_wire[kind](values), tick, rendered, now_s, values)

    def _hear(self, text: str) -> None:
        """Let the room hear a text, unless the player is muted; the game knows nothing of that."""
        if (why := self._muted()) is None:
            self._task.stepper.hear(self._player, text)
            return
        self._counters.texts_muted += 1
        self.post(Said(0, "", why))

    def _take_acked(self, tick: int) -> None:
        if tick > self._room.tick_number:
            if self._task.was_recovered:  # a command sent again, from before a crash
                return
            raise RemoteProtocolError("acknowledged a tick that has not been")
        self._seat.acknowledge(tick)

    def _resync(self, now_s: float) -> None:
        if not self._resyncs_allowed.spend(now_s):
            raise SessionOver(CloseCode.RATE, f"more than {RESYNCS_PER_S} resync a second")
        self._counters.resyncs += 1
        self._log.warning("resync", tick=self._room.tick_number)
        self._seat.forget()

    def _desync(self, message: Desync, now_s: float) -> None:
        """Send the hashes that a client with a wrong checksum asks for, or log its report."""
        if not self._desyncs_allowed.spend(now_s):
            raise SessionOver(CloseCode.RATE, "too many desyncs")
        shown = self._shown
        if message.held is None:
            shown = self._shown = shown_view(self._room.world, self._seat)
            if shown is not None and shown.tick == message.tick:
                self.post(Hashes(shown.tick, shown.hashes))
        elif shown is not None and shown.tick == message.tick:
            self._shown = None
            self._task.note_disagreements(self._seat.number, shown, message.held)

    # ------------------------------------------------------------ what it answers

    def close(self) -> None:
        """Answer no reads any more: the link may not be this player's."""
        self._reads.close()

    def post(self, message: ServerMessage) -> None:
        """Send now if the link is free, else with the next delta."""
        frame = binary_frame(message.encode())
        if not self._ws.post(frame):
            self._seat.notify(frame)

    def take_latency(self, latency: Latency) -> None:
        """Note what an answered ping frame measured, and tell the client with the next delta.

        With it, not at once, which spares a write per ping.
        """
        self._task.stepper.measured(self._player, latency)
        self._seat.notify(binary_frame(self._status(latency).encode()))

    def _status(self, latency: Latency) -> Status:
        commands, task = self._commands, self._task
        times = commands.times.times
        return Status(
            rtt_us=_microseconds(latency.rtt_s),
            smoothed_us=_microseconds(latency.smoothed_s),
            jitter_us=_microseconds(latency.jitter_s),
            min_us=_microseconds(latency.minimum_s),
            work_us=_microseconds(task.last_work_s),
            players=len(self._room.players),
            late=commands.late,
            early=commands.early,
            dropped=commands.dropped + commands.duplicate,
            idle_ticks=commands.idle_ticks,
            wait_us=_median_us(times.waits_s),
            simulate_us=_microseconds(task.last_simulate_s),
            send_us=_median_us(times.sends_s),
            disputed=self._player.rewinds_disputed,
        )


def _median_us(durations_s: deque[float]) -> int | None:
    return round(sorted(durations_s)[len(durations_s) // 2] * 1e6) if durations_s else None


def _microseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1e6)


def message_path_in_python(reception: Reception) -> Callable[[bytes], None]:
    """Return what takes the messages of ``reception``'s player within a tick."""
    return reception.take_bytes


message_path = twin("message_path", message_path_in_python)
