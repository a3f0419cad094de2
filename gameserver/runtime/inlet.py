"""What has arrived on one connection: plain messages go to the session, the rest is kept to read.

Owns received bytes from the socket to whoever takes them, and the lane in.  Never touches the
socket and never waits: ``link.py`` reads into it, from whichever task or tick.
"""

from __future__ import annotations

from collections.abc import Callable

from gameserver.errors import LocalProtocolError
from gameserver.protocol.lane import MAX_FRAGMENTS, LaneScanner


def _ignore(_payload: bytes) -> None:
    """Where messages and pongs go that nobody waits for."""


class Inlet:
    """The received side of a link.

    Attributes to read: ``unread`` (what trio-websocket has yet to read), ``ended`` (the peer has
    ended its side), ``bytes_in``.
    """

    __slots__ = ("_on_message", "_on_pong", "_scanner", "bytes_in", "ended", "unread")

    def __init__(self) -> None:
        self.unread = b""
        self.ended = False
        self.bytes_in = 0
        self._scanner: LaneScanner | None = None
        self._on_message: Callable[[bytes], None] = _ignore
        self._on_pong: Callable[[bytes], None] = _ignore

    @property
    def shredded(self) -> bool:
        """Whether a message came in more fragments than anybody needs."""
        return self._scanner is not None and self._scanner.shredded

    def follow_frames(self, max_fragments: int = MAX_FRAGMENTS) -> None:
        """Follow the frames in all that is received from now on.

        Must be called between an HTTP head and the first frame.  Until ``open_lane``, messages
        still go through trio-websocket.
        """
        self._scanner = LaneScanner(max_fragments)

    def open_lane(
        self, on_message: Callable[[bytes], None], on_pong: Callable[[bytes], None]
    ) -> None:
        """Hand plain messages and pongs to these from now on, in order with all other messages.

        They are called within a tick, or while a task reads: they must neither wait nor raise.
        """
        if self._scanner is None:
            raise LocalProtocolError("follow_frames comes before open_lane")
        self._on_message = on_message
        self._on_pong = on_pong
        self._scanner.open = True

    def close_lane(self) -> None:
        """Hand out no more messages: trio-websocket gets them, and drops them when closing."""
        if self._scanner is not None:
            self._scanner.open = False
        self._on_message = self._on_pong = _ignore

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
        if self._scanner is None:
            self.unread += data
            return
        payloads, pongs, foreign = self._scanner.feed(data)
        for payload in payloads:
            self._on_message(payload)
        for pong in pongs:
            self._on_pong(pong)
        self.unread += foreign

    def take(self, max_bytes: int) -> bytes:
        """Take what is to be read, at most so much; ``b""`` if there is nothing."""
        data, self.unread = self.unread[:max_bytes], self.unread[max_bytes:]
        return data
