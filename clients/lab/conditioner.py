"""One direction of a TCP connection over a given link.  Pure.

Owns ``Conditioner``: bytes go in at a time, and the same bytes come out later, in the same order.
Times are arguments, in seconds of any steady clock.  Never waits, never drops a byte, and never
reorders bytes: the reader of a TCP connection sees a loss as a stall, after which all delayed bytes
come at once.  ``recovery.py`` decides how long a stall lasts.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from clients.lab.path import Path
from clients.lab.recovery import Flight, Segment
from gameserver.errors import LocalProtocolError

#: The bytes in one segment of TCP over Ethernet: 1500 less the headers of IPv4 and TCP and the
#: timestamp option (RFC 791, RFC 9293, RFC 7323).
SEGMENT_BYTES: Final = 1448


class Conditioner:
    """The bytes of one direction, on their way.

    Overflow policy ``push-back``: at most ``room_bytes`` are accepted.  Times must not decrease
    from call to call.
    """

    def __init__(self, path: Path, flight: Flight) -> None:
        self._path = path
        self._flight = flight
        #: Each segment with its bytes, in order; the end is an empty one.  Only the first counts:
        #: segments that arrive before it must wait for it.
        self._segments: deque[tuple[Segment, bytes]] = deque()
        #: The time at which the last accepted byte has left the sender.
        self._left_s = -math.inf
        self._has_end = False
        #: Bytes that have been accepted and have not come out.
        self.waiting_bytes = 0

    @property
    def stalls(self) -> int:
        """Number of lost segments; each stalls all later ones until it arrives."""
        return self._flight.lost

    @property
    def room_bytes(self) -> int:
        """How many bytes ``push`` accepts now."""
        return self._path.window_bytes - self.waiting_bytes

    @property
    def next_due_s(self) -> float | None:
        """When ``pop`` next returns bytes or reaches the end; None if nothing is inside.

        Later bytes may change it, in either direction.
        """
        return self._segments[0][0].arrives_s if self._segments else None

    def push(self, now_s: float, data: bytes) -> None:
        """Accept ``data`` at ``now_s``; ``LocalProtocolError`` if there is no room for it."""
        if self._has_end or len(data) > self.room_bytes:
            raise LocalProtocolError(f"no room for {len(data)} bytes")
        self.waiting_bytes += len(data)
        for start in range(0, len(data), SEGMENT_BYTES):
            segment = data[start : start + SEGMENT_BYTES]
            # A segment leaves after all before it.
            begins_s = max(now_s, self._left_s)
            self._left_s = begins_s + len(segment) / self._path.bytes_per_s
            self._segments.append((self._flight.send(self._left_s), segment))

    def push_end(self, now_s: float) -> None:
        """Note the end of the bytes: a FIN, which travels like another segment."""
        if not self._has_end:
            self._has_end = True
            self._left_s = max(now_s, self._left_s)
            self._segments.append((self._flight.send(self._left_s), b""))

    def pop(self, now_s: float, max_bytes: int) -> bytes:
        """Return the bytes that have come out by ``now_s``, at most ``max_bytes`` (at least 1)."""
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
