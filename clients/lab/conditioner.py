"""What a TCP connection over a given link does to the bytes of one direction.  Pure.

Owns ``Path`` (how a link is), ``Outages`` (when it is dead) and ``Conditioner`` (bytes in with a
time, the same bytes out in the same order, later).  Every time is an argument in seconds of
whichever steady clock the caller uses; chance comes from a seed.  Never waits, never drops a byte,
never lets one overtake another: to whoever reads a TCP connection, loss is a stall of all that
is behind it, and then all of it at once.

A segment that is lost is sent again after the retransmission timeout, which doubles each time
(RFC 6298, 5.4-5.6).  Faster repair needs three later segments and a round trip first (RFC 5681,
3.2), which streams as thin as a game's often do not have in flight (RFC 7765, 1): the timeout is
what such a player sees, and where the real kernel does better the lab errs on the strict side.
"""

from __future__ import annotations

import math
import random
from collections import deque
from typing import Any, Final

import attrs

from gameserver.errors import LocalProtocolError

#: What one segment of TCP carries over Ethernet: 1500 less the headers of IPv4 and TCP and the
#: timestamp option (RFC 791, RFC 9293, RFC 7323).
SEGMENT_BYTES: Final = 1448
#: The timeout stops doubling here (RFC 6298, 2.5, allows any limit of 60 s or more; a lab in which
#: a minute passes in silence teaches nothing).
LONGEST_TIMEOUT_S: Final = 8.0
#: By default as much as Linux lets a receiver's window be at first (``tcp_rmem``: 128 KiB), twice.
WINDOW_BYTES: Final = 256 * 1024


def _is_share(_path: object, _attribute: object, value: float) -> None:
    if not 0 <= value <= 0.5:
        raise LocalProtocolError(f"{value!r} is not a loss that a connection survives: 0 to 0.5")


def _is_positive(_path: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if not value > 0:
        raise LocalProtocolError(f"{attribute.name} must be more than 0")


def _is_time(_path: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if not 0 <= value < math.inf:
        raise LocalProtocolError(f"{attribute.name} must be 0 or more seconds")


@attrs.frozen(kw_only=True)
class Path:
    """One direction of a link.

    ``delay_s`` is the least that a byte takes, ``jitter_s`` the mean of what comes on top
    (exponentially distributed: mostly little, sometimes much), ``bytes_per_s`` what fits through,
    ``loss`` the chance of each segment to be lost, ``window_bytes`` how much may be on its way:
    then the sender has to wait.  No byte overtakes another, whatever its jitter.
    """

    delay_s: float = attrs.field(validator=_is_time)
    jitter_s: float = attrs.field(default=0.0, validator=_is_time)
    bytes_per_s: float = attrs.field(default=math.inf, validator=_is_positive)
    loss: float = attrs.field(default=0.0, validator=_is_share)
    window_bytes: int = attrs.field(default=WINDOW_BYTES, validator=_is_positive)


class Outages:
    """When a link is dead, both ways: once in each ``every_s``, at a random time in it.

    An outage lasts from ``least_s`` to ``most_s``; with ``every_s`` infinite there is none.  A
    function of the seed and the time since ``begin_s`` alone, so that both directions agree.
    """

    def __init__(
        self, seed: str, *, begin_s: float, every_s: float, least_s: float, most_s: float
    ) -> None:
        if not 0 <= least_s <= most_s < every_s:
            raise LocalProtocolError("an outage is shorter than the time in which there is one")
        self._seed = seed
        self._begin_s = begin_s
        self._every_s = every_s
        self._lasts_s = (least_s, most_s)
        self._slot = -1
        self._outage_s = (0.0, 0.0)

    def cover(self, at_s: float) -> bool:
        """Whether the link is dead at ``at_s``."""
        since_s = at_s - self._begin_s
        if self._every_s == math.inf or since_s < 0:
            return False
        slot = int(since_s // self._every_s)
        if slot != self._slot:
            self._slot, self._outage_s = slot, self._outage_of(slot)
        start_s, end_s = self._outage_s
        return start_s <= since_s < end_s

    def _outage_of(self, slot: int) -> tuple[float, float]:
        rng = random.Random(f"{self._seed}/{slot}")
        lasts_s = rng.uniform(*self._lasts_s)
        start_s = slot * self._every_s + rng.uniform(0.0, self._every_s - lasts_s)
        return start_s, start_s + lasts_s


class Conditioner:
    """The bytes of one direction, on their way.

    Overflow policy ``push-back``: more than ``room_bytes`` are not taken.  ``timeout_s`` is the
    first retransmission timeout.  Times that are given never go back.
    """

    def __init__(self, path: Path, seed: str, *, timeout_s: float, outages: Outages) -> None:
        self._path = path
        self._rng = random.Random(seed)
        self._timeout_s = timeout_s
        self._outages = outages
        #: (when it arrives, what), in order; the end is an empty one.  Only the first is looked at:
        #: what arrives before it waits behind it.
        self._segments: deque[tuple[float, bytes]] = deque()
        #: When the last byte taken so far has left the sender.
        self._left_s = -math.inf
        self._has_end = False
        #: Bytes taken and not yet given out.
        self.waiting_bytes = 0
        #: Segments that had to be sent again, and so stalled what was behind them.
        self.stalls = 0

    @property
    def room_bytes(self) -> int:
        """How many bytes it takes now."""
        return self._path.window_bytes - self.waiting_bytes

    @property
    def next_due_s(self) -> float | None:
        """When ``pop`` next has something to give, or reaches the end; None: nothing is inside."""
        return self._segments[0][0] if self._segments else None

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
            self._segments.append((self._arrival_s(self._left_s), segment))

    def push_end(self, now_s: float) -> None:
        """Note that nothing more comes: a FIN, which travels like a segment of its own."""
        if not self._has_end:
            self._has_end = True
            self._segments.append((self._arrival_s(max(now_s, self._left_s)), b""))

    def pop(self, now_s: float, max_bytes: int) -> bytes:
        """Return what has come out by ``now_s``, at most ``max_bytes`` (at least 1)."""
        parts: list[bytes] = []
        left = max_bytes
        while left and self._segments:
            due_s, segment = self._segments[0]
            if due_s > now_s or not segment:
                break
            parts.append(segment[:left])
            if len(segment) > left:
                self._segments[0] = (due_s, segment[left:])
            else:
                self._segments.popleft()
            left -= len(parts[-1])
        self.waiting_bytes -= max_bytes - left
        return b"".join(parts)

    def ended(self, now_s: float) -> bool:
        """Whether all bytes and the end have come out."""
        if not self._segments:
            return False
        due_s, segment = self._segments[0]
        return not segment and due_s <= now_s

    def _arrival_s(self, leaves_s: float) -> float:
        """Return when what leaves at ``leaves_s`` arrives, after as many tries as it takes."""
        jitter_s = self._rng.expovariate(1.0) * self._path.jitter_s
        arrives_s = leaves_s + self._path.delay_s + jitter_s
        timeout_s = self._timeout_s
        while self._rng.random() < self._path.loss or self._outages.cover(arrives_s):
            self.stalls += 1
            arrives_s += timeout_s
            timeout_s = min(2 * timeout_s, LONGEST_TIMEOUT_S)
        return arrives_s
