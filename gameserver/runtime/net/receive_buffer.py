"""The received bytes of one connection: small messages go to the session, the rest is kept to read.

Owns received bytes until they are taken, the fast path in, and the limits on what a peer may send.
Never touches the socket and never waits: ``link.py`` reads into it, from a task or a tick.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

import trio

from gameserver.errors import LocalProtocolError
from gameserver.protocol.allowance import Allowance, Intake
from gameserver.protocol.fast_path import MAX_FRAGMENTS, FastPathScanner

#: Frames or bytes after which the allowances are checked, for which the clock is read.
FRAMES_PER_LOOK: Final = 32
BYTES_PER_LOOK: Final = 4096

#: The most that a turn of the loop reads where a peer is limited.  It may hold hundreds of frames,
#: and each costs as much as a long one.
BYTES_PER_TURN: Final = 2048

#: The most that is kept of what trio-websocket was given and may not have passed on yet: twice what
#: its queue and one message in fragments may hold.  Beyond that the connection cannot be handed
#: over until the session has caught up.
MAX_KEPT_BYTES: Final = 64 * 1024


def _ignore(_payload: bytes) -> None:
    """Take messages and pongs while no handler is set."""


def _ignore_flood() -> None:
    """Stand for ``on_flood`` while nothing limits the peer."""


class ReceiveBuffer:
    """The received side of a link.

    Attributes to read: ``unread`` (bytes that trio-websocket has yet to read), ``ended`` (the peer
    has ended its side), ``bytes_in``, ``turn_bytes`` (the most to read in one turn of the loop) and
    ``flooded`` (the peer has sent more than it may; everything later is dropped).  ``on_flood`` is
    called once, when a flood begins.  That is within a tick, or while a task reads: it must
    neither wait nor raise.
    """

    __slots__ = (
        "_allowed_bytes",
        "_allowed_frames",
        "_frames_in",
        "_given_bytes",
        "_keeps",
        "_kept",
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
        #: Foreign bytes that trio-websocket was given, and the last of them: those that would have
        #: to be given again if the connection goes on in another process.  None: too many, or not
        #: kept at all.
        self._given_bytes = 0
        self._keeps = False
        self._kept: bytes | None = None
        #: Beyond one of these counts the allowances are checked; until then they cost nothing.
        self._look_at_frames = self._look_at_bytes = sys.maxsize

    def limit(
        self,
        intake: Intake,
        on_flood: Callable[[], None],
        left: tuple[float, float] | None = None,
    ) -> None:
        """Limit the peer to ``intake`` from now on; ``follow_frames`` must come first.

        ``left`` is what another process left of the bursts (``allowances_left``).
        """
        now_s = trio.current_time()
        self._allowed_frames = Allowance(intake.frames_per_s, intake.frames_burst, now_s)
        self._allowed_bytes = Allowance(intake.bytes_per_s, intake.bytes_burst, now_s)
        if left is not None:
            self._allowed_frames.leave(left[0])
            self._allowed_bytes.leave(left[1])
        self._paid_bytes = self.bytes_in
        self._look_at_frames = FRAMES_PER_LOOK
        self._look_at_bytes = self.bytes_in + BYTES_PER_LOOK
        self.turn_bytes = BYTES_PER_TURN
        self.on_flood = on_flood

    def follow_frames(
        self, max_fragments: int = MAX_FRAGMENTS, *, takes_pongs: bool = True
    ) -> None:
        """Parse all bytes from now on as frames.

        Must be called between an HTTP head and the first frame.  Until ``open_fast_path``, all
        messages go through trio-websocket.
        """
        self._scanner = FastPathScanner(max_fragments, takes_pongs=takes_pongs)
        if takes_pongs:  # only such connections are ever handed over
            self._keeps, self._kept = True, b""

    def open_fast_path(
        self, on_message: Callable[[bytes], None], on_pong: Callable[[bytes], None]
    ) -> None:
        """Hand small binary messages and pongs to these from now on; all messages keep their order.

        Both are called within a tick, or while a task reads: they must neither wait nor raise.
        """
        if self._scanner is None:
            raise LocalProtocolError("follow_frames comes before open_fast_path")
        self._on_message = on_message
        self._on_pong = on_pong
        self._scanner.open = True

    def close_fast_path(self) -> None:
        """Leave all messages to trio-websocket, which drops them while it closes."""
        if self._scanner is not None:
            self._scanner.open = False
        self._on_message = self._on_pong = _ignore

    def release(self) -> None:
        """Forget the handlers: they refer to the link, and such a circle would be freed late."""
        self.close_fast_path()
        self.on_flood = _ignore_flood

    def charge(self, count_bytes: int) -> None:
        """Let the allowance pay for bytes besides those of ``take_in``, such as TLS overhead.

        Negative for bytes that are paid for before ``take_in`` gets them.
        """
        self._paid_bytes -= count_bytes
        self._look_at_bytes -= count_bytes

    def message_taken(self) -> None:
        """Note that the session has taken one message that came through trio-websocket."""
        if self._scanner is not None:
            self._forget_before(self._scanner.message_taken())

    # ------------------------------------------------------------ going on in another process

    @property
    def untaken(self) -> bytes | None:
        """The received bytes that the session has not got, from the beginning of a frame.

        None if the connection cannot go on elsewhere: it ends, or too much waits.  A ping that was
        answered may be among them; answering it twice does no harm.
        """
        scanner = self._scanner
        if scanner is None or self._kept is None or scanner.lost or self.flooded:
            return None
        return self._kept + self.unread + scanner.held

    @property
    def allowances_left(self) -> tuple[float, float] | None:
        """How many frames and bytes the peer may send now; None without limits."""
        if self._allowed_frames is None or self._allowed_bytes is None or self._scanner is None:
            return None
        now_s = trio.current_time()
        unpaid_frames = self._frames_in + self._scanner.foreign_frames - self._paid_frames
        return (
            max(0.0, self._allowed_frames.left(now_s) - unpaid_frames),
            max(0.0, self._allowed_bytes.left(now_s) - (self.bytes_in - self._paid_bytes)),
        )

    def put_back(self, untaken: bytes) -> None:
        """Begin with the ``untaken`` bytes of another process, which has counted them.

        ``follow_frames`` must have been called, and nothing may have been received yet.
        """
        scanner = self._scanner
        assert scanner is not None, "follow_frames comes before put_back"
        payloads, pongs, foreign = scanner.feed(untaken)
        assert not payloads, "the fast path is closed"
        for pong in pongs:
            self._on_pong(pong)
        self.unread += foreign
        self._paid_frames = scanner.foreign_frames

    def reader_waits(self) -> None:
        """Note that trio-websocket has dealt with everything that it was given.

        The messages among that may still wait for the session.
        """
        scanner = self._scanner
        if scanner is not None and scanner.between_messages and not self.unread:
            self._kept = b"" if self._keeps else None
            self._given_bytes = scanner.foreign_bytes

    def _forget_before(self, end: int) -> None:
        if self._kept is not None:
            begins = self._given_bytes - len(self._kept)
            self._kept = self._kept[max(0, end - begins) :]

    def _keep(self, data: bytes) -> None:
        """Keep foreign bytes that trio-websocket is given."""
        self._given_bytes += len(data)
        if self._kept is not None:
            self._kept += data
            if len(self._kept) > MAX_KEPT_BYTES:
                self._kept = None

    # ------------------------------------------------------------ in

    def take_only_message(self, data: bytes) -> bool:
        """Hand ``data`` out if it is one short message that the allowances need no look for.

        That is so for nearly all data.  Otherwise return False; ``take_in`` sorts the data then.
        """
        scanner = self._scanner
        if scanner is None or self.flooded:
            return False
        message = scanner.only_frame(data)
        bytes_in = self.bytes_in + len(data)
        if (
            message is None
            or bytes_in > self._look_at_bytes
            or self._frames_in + scanner.foreign_frames >= self._look_at_frames
        ):
            return False
        self.bytes_in = bytes_in
        self._frames_in += 1
        on_message = self._on_message
        on_message(message)
        return True

    def take_in(self, data: bytes) -> None:
        """Sort received bytes; ``b""`` means that the peer has ended its side."""
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
        """Pay for what came since the last check; return whether the allowances do not suffice."""
        frames_in = self._frames_in + scanner.foreign_frames
        flooded = scanner.shredded
        if self._allowed_frames is not None and self._allowed_bytes is not None:
            now_s = trio.current_time()
            # Both are paid, even if one does not suffice.
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
        """Drop everything from now on and call ``on_flood``; return whether that was ever set."""
        handled = self.on_flood is not _ignore_flood
        self.flooded = True
        self.turn_bytes = sys.maxsize  # what is dropped costs little
        self.unread = b""
        self.on_flood()
        return handled

    def take(self, max_bytes: int) -> bytes:
        """Return unread bytes, ``max_bytes`` at most; ``b""`` if there are none."""
        data, self.unread = self.unread[:max_bytes], self.unread[max_bytes:]
        if self._scanner is not None:
            self._keep(data)
        return data
