"""What a TCP connection over a given link does to the bytes of one direction.  Pure.

Owns ``Conditioner``: bytes in with a time, the same bytes out in the same order, later.  Every
time is an argument in seconds of whichever steady clock the caller uses.  Never waits, never drops
a byte, never lets one overtake another: to whoever reads a TCP connection, loss is a stall of all
that is behind it, and then all of it at once.  How long that takes is ``recovery.py``'s.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from clients.lab.path import Path
from clients.lab.recovery import Flight, Segment
from gameserver.errors import LocalProtocolError

#: What one segment of TCP carries over Ethernet: 1500 less the headers of IPv4 and TCP and the
#: timestamp option (RFC 791, RFC 9293, RFC 7323).
SEGMENT_BYTES: Final = 1448


class Conditioner:
    """The bytes of one direction, on their way.

    Overflow policy ``push-back``: more than ``room_bytes`` are not taken.  Times that are given
    never go back.
    """

    def __init__(self, path: Path, flight: Flight) -> None:
        self._path = path
        self._flight = flight
        #: What each segment holds, in order; the end is an empty one.  Only the first is looked at:
        #: what arrives before it waits behind it.
        self._segments: deque[tuple[Segment, bytes]] = deque()
        #: When the last byte taken so far has left the sender.
        self._left_s = -math.inf
        self._has_end = False
        #: Bytes taken and not yet given out.
        self.waiting_bytes = 0

    @property
    def stalls(self) -> int:
        """Segments that were lost, each a stall of what is behind it until it arrives."""
        return self._flight.lost

    @property
    def room_bytes(self) -> int:
        """How many bytes it takes now."""
        return self._path.window_bytes - self.waiting_bytes

    @property
    def next_due_s(self) -> float | None:
        """When ``pop`` next has something to give, or reaches the end; None: nothing is inside.

        What is pushed later may change it, either way.
        """
        return self._segments[0][0].arrives_s if self._segments else None

    def push(self, now_s: float, data: bytes) -> None:
        """Take ``data`` at ``now_s``; ``LocalProtocolError`` if there is no room for it."""
        if self._has_end or len(data) > self.room_bytes:
            raise LocalProtocolError(f"no room for {len(data)} bytes")
        self.waiting_bytes += len(data)
        for start in range(0, len(data), SEGMENT_BYTES):
            segment = data[start : start + SEGMENT_BYTES]
            # It leaves once all before it have, and then takes its own time.
            begins_s = max(now_s, self._left_s)
            self._left_s = begins_s + len(segment) / self._path.bytes_per_s
            self._segments.append((self._flight.send(self._left_s), segment))

    def push_end(self, now_s: float) -> None:
        """Note that nothing more comes: a FIN, which travels like a segment of its own."""
        if not self._has_end:
            self._has_end = True
            self._left_s = max(now_s, self._left_s)
            self._segments.append((self._flight.send(self._left_s), b""))

    def pop(self, now_s: float, max_bytes: int) -> bytes:
        """Return what has come out by ``now_s``, at most ``max_bytes`` (at least 1)."""
        parts: list[bytes] = []
        left = max_bytes
        while left and self._segments:
            segment, data = self._segments[0]
            if segment.arrives_s > now_s or not data:
                break
            parts.append(data[:left])
            if len(data) > left:
                self._segments[0] = (segment, data[left:])
            else:
                self._segments.popleft()
            left -= len(parts[-1])
        self.waiting_bytes -= max_bytes - left
        return b"".join(parts)

    def ended(self, now_s: float) -> bool:
        """Whether all bytes and the end have come out."""
        if not self._segments:
            return False
        segment, data = self._segments[0]
        return not data and segment.arrives_s <= now_s
