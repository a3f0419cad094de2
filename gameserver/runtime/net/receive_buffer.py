"""What has arrived on one connection: plain messages go to the session, the rest is kept to read.

Owns received bytes from the socket to whoever takes them, and the fast path in.  Never touches the
socket and never waits: ``link.py`` reads into it, from whichever task or tick.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import trio

from gameserver.errors import LocalProtocolError
from gameserver.protocol.allowance import Allowance, Intake
from gameserver.protocol.fast_path import MAX_FRAGMENTS, FastPathScanner

FRAMES_PER_LOOK = 32
#: So many more are let in before it is looked again, by the clock, whether they are too many.
BYTES_PER_LOOK = 4096

#: Where that is limited, a turn of the loop reads no more than this: it may hold hundreds of
#: frames, each of which costs as much as a long one.
BYTES_PER_TURN = 2048


def _ignore(_payload: bytes) -> None:
    """Where messages and pongs go that nobody waits for."""


def _ignore_flood() -> None:
    """Who is told of a flood where nothing limits what may come."""


class ReceiveBuffer:
    """The received side of a link.

    Attributes to read: ``unread`` (what trio-websocket has yet to read), ``ended`` (the peer has
    ended its side), ``bytes_in``, ``turn_bytes`` (the most to read in one turn of the loop) and
    ``flooded`` (more came than the peer may send: what else comes is thrown away).  ``on_flood`` is
    called once, when that begins; within a tick, or while a task reads, so it must neither wait
    nor raise.
    """

    __slots__ = (
        "_allowed_bytes",
        "_allowed_frames",
        "_frames_in",
        "_look_at_bytes",
        "_look_at_frames",
        "_on_message",
        "_on_pong",
        "_paid_bytes",
        "_paid_frames",
        "_scanner",
        "bytes_in",
        "ended",
        "flooded",
        "on_flood",
        "turn_bytes",
        "unread",
    )

    def __init__(self) -> None:
        self.unread = b""
        self.ended = False
        self.bytes_in = 0
        self.turn_bytes = sys.maxsize
        self._scanner: FastPathScanner | None = None
        self._on_message: Callable[[bytes], None] = _ignore
        self._on_pong: Callable[[bytes], None] = _ignore
        self.flooded = False
        self.on_flood: Callable[[], None] = _ignore_flood
        self._frames_in = 0
        self._allowed_frames: Allowance | None = None
        self._allowed_bytes: Allowance | None = None
        self._paid_frames = self._paid_bytes = 0
        #: Beyond one of these counts the allowances are asked; until then they cost nothing.
        self._look_at_frames = self._look_at_bytes = sys.maxsize

    def limit(self, intake: Intake, on_flood: Callable[[], None]) -> None:
        """Let in no more than ``intake`` from now on, the frames being followed."""
        now_s = trio.current_time()
        self._allowed_frames = Allowance(intake.frames_per_s, intake.frames_burst, now_s)
        self._allowed_bytes = Allowance(intake.bytes_per_s, intake.bytes_burst, now_s)
        self._paid_bytes = self.bytes_in
        self._look_at_frames = FRAMES_PER_LOOK
        self._look_at_bytes = self.bytes_in + BYTES_PER_LOOK
        self.turn_bytes = BYTES_PER_TURN
        self.on_flood = on_flood

    def follow_frames(
        self, max_fragments: int = MAX_FRAGMENTS, *, takes_pongs: bool = True
    ) -> None:
        """Follow the frames in all that is received from now on.

        Must be called between an HTTP head and the first frame.  Until ``open_fast_path``, messages
        still go through trio-websocket.
        """
        self._scanner = FastPathScanner(max_fragments, takes_pongs=takes_pongs)

    def open_fast_path(
        self, on_message: Callable[[bytes], None], on_pong: Callable[[bytes], None]
    ) -> None:
        """Hand plain messages and pongs to these from now on, in order with all other messages.

        They are called within a tick, or while a task reads: they must neither wait nor raise.
        """
        if self._scanner is None:
            raise LocalProtocolError("follow_frames comes before open_fast_path")
        self._on_message = on_message
        self._on_pong = on_pong
        self._scanner.open = True

    def close_fast_path(self) -> None:
        """Hand out no more messages: trio-websocket gets them, and drops them when closing."""
        if self._scanner is not None:
            self._scanner.open = False
        self._on_message = self._on_pong = _ignore

    def release(self) -> None:
        """Know nobody any more, for the end: they know the link, and would be freed late."""
        self.close_fast_path()
        self.on_flood = _ignore_flood

    def charge(self, count_bytes: int) -> None:
        """Count bytes that came besides those taken in, as those of encryption, where it matters.

        Negative for bytes that were counted before they are taken in.
        """
        self._paid_bytes -= count_bytes
        self._look_at_bytes -= count_bytes

    def message_taken(self) -> None:
        """The session has dealt with one message that it got through trio-websocket."""
        if self._scanner is not None:
            self._scanner.outstanding -= 1

    def take_in(self, data: bytes) -> None:
        """Sort received bytes; none say that the peer has ended its side."""
        if not data:
            self.ended = True
            return
        self.bytes_in += len(data)
        scanner = self._scanner
        if scanner is None:
            self.unread += data
            return
        if self.flooded:
            return
        only = scanner.only_frame(data)
        if (
            only is not None
            and self.bytes_in <= self._look_at_bytes
            and self._frames_in + scanner.foreign_frames < self._look_at_frames
        ):
            self._frames_in += 1
            self._on_message(only)
            return
        payloads, pongs, foreign = scanner.feed(data)
        self._frames_in += len(payloads) + len(pongs)
        if (
            self.bytes_in > self._look_at_bytes
            or self._frames_in + scanner.foreign_frames > self._look_at_frames
            or scanner.shredded
        ) and self._is_flood(scanner):
            return
        for payload in payloads:
            self._on_message(payload)
        for pong in pongs:
            self._on_pong(pong)
        self.unread += foreign

    def _is_flood(self, scanner: FastPathScanner) -> bool:
        """Pay for what came since the last look; whether that cannot be paid."""
        frames_in = self._frames_in + scanner.foreign_frames
        flooded = scanner.shredded
        if self._allowed_frames is not None and self._allowed_bytes is not None:
            now_s = trio.current_time()
            # Both are to be paid, also where one is too much.
            frames_paid = self._allowed_frames.spend(now_s, frames_in - self._paid_frames)
            bytes_paid = self._allowed_bytes.spend(now_s, self.bytes_in - self._paid_bytes)
            flooded = flooded or not (frames_paid and bytes_paid)
            self._paid_frames, self._paid_bytes = frames_in, self.bytes_in
            self._look_at_frames = frames_in + FRAMES_PER_LOOK
            self._look_at_bytes = self.bytes_in + BYTES_PER_LOOK
        if flooded:
            self.flood()
        return flooded

    def flood(self) -> bool:
        """Throw away what else comes, and tell of it; whether there is anybody to tell."""
        told = self.on_flood is not _ignore_flood
        self.flooded = True
        self.turn_bytes = sys.maxsize  # nobody looks at it any more
        self.unread = b""
        self.on_flood()
        return told

    def take(self, max_bytes: int) -> bytes:
        """Take what is to be read, at most so much; ``b""`` if there is nothing."""
        data, self.unread = self.unread[:max_bytes], self.unread[max_bytes:]
        return data
