"""The tick clock: an estimate of the server's tick, from pongs and deltas.

Owns the estimate of ``offset``: the server's time in ticks when the local clock showed 0.  Pure:
times are arguments, in seconds of any steady clock.  ``clients/web/net/tickclock.js`` is its twin,
in milliseconds; ``tests/vectors/netcode_tickclock.json`` tests both.

Two facts hold with any delays, at ``rate`` ticks per second:

- a delta of tick n that came at t was sent at tick n or later:  ``offset >= n - t * rate``
- a pong with tick n, whose ping was sent at s and which came at r, was written in between:
  ``n - r * rate <= offset <= n - s * rate``

So each pong gives an interval, and a delta raises the lower end of the newest one.  The estimate is
the middle of the intersection of the last ``WINDOW`` intervals (as in RFC 5905, 11.2.1, where NTP
intersects the intervals of servers).  The width of the intersection is the shortest delay to the
server plus the shortest delay back.  The middle is exact if these two are equal; slower samples do
not change it.  An older sample that contradicts the newest one shows that the server's time has
jumped, and is dropped at once.

A server may slow its game down.  Then all this holds for *steady* ticks (``protocol/tempo.py``),
which run at ``rate`` at any pace, so a change of pace that is announced in time changes no
estimate.  This file is the only one of the client that keeps the pace of the room.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

import attrs

from gameserver.errors import LocalProtocolError
from gameserver.protocol.tempo import Tempo

#: How many intervals are intersected: about as many seconds, at one ping a second.
WINDOW: Final = 20
#: Two intervals this far apart still agree, as clocks drift a little within the window.
AGREE_TICKS: Final = 0.5
#: A server may read pings only at its ticks.  Pings therefore come at different phases of a tick,
#: so that one of them soon comes just before a read.  The golden ratio spreads the phases best.
PING_PHASE_TICKS: Final = (math.sqrt(5) - 1) / 2


def ping_interval_s(about_s: float, tick_rate: float) -> float:
    """Return the time until the next ping: whole ticks, about ``about_s``, plus a phase."""
    return (round(about_s * tick_rate) + PING_PHASE_TICKS) / tick_rate


@attrs.define
class _Interval:
    """``low <= offset <= high``; ``rtt_s`` is infinite if the interval comes from no pong."""

    low: float
    high: float
    rtt_s: float


class TickClock:
    """The server's tick at a local time.

    ``tick`` is the tick in the server's welcome, the first guess.  The estimate may jump, forwards
    or backwards, so drawing and simulation must smooth it.
    """

    __slots__ = (
        "_heard",
        "_held",
        "_high",
        "_low",
        "_min_rtt_s",
        "_offset",
        "_publish_every",
        "_rtt_s",
        "_tempo",
        "jumps",
        "tick_rate",
    )

    def __init__(self, tick_rate: float, tick: float, now_s: float, publish_every: int = 1) -> None:
        #: Ticks per second of game time, which are the steady ticks per second.
        self.tick_rate = tick_rate
        self._tempo = Tempo()
        self._publish_every = publish_every
        #: How often a jump of the server's time was detected.
        self.jumps = 0
        self._held: deque[_Interval] = deque(maxlen=WINDOW)
        self._rtt_s: float | None = None
        self._min_rtt_s: float | None = None
        self._low = -math.inf
        self._high = math.inf
        self._offset = 0.0
        #: The newest tick in a message of the server, and when that message came.
        self._heard = (tick, now_s)
        self._begin(tick - now_s * tick_rate)

    def begin_anew(
        self, tick: float, now_s: float, publish_every: int = 1, tick_rate: float | None = None
    ) -> None:
        """Forget everything: this is another server or room, at ``tick`` or later.

        The tick rate stays if none is given.
        """
        if tick_rate is not None:
            self.tick_rate = tick_rate
        self._tempo = Tempo()
        self._publish_every = publish_every
        self._heard = (tick, now_s)
        self._begin(tick - now_s * self.tick_rate)

    # ------------------------------------------------------------ messages of the server

    def pong(self, sent_s: float, received_s: float, tick: float) -> None:
        """Take in a pong: the server read its ``tick`` between these local times.

        ``sent_s`` is the time that the caller noted for the nonce; the time in the pong itself is
        not trusted.  ``LocalProtocolError`` if the times are no round trip.
        """
        rtt_s = received_s - sent_s
        if not (0 <= rtt_s < math.inf and math.isfinite(tick)):
            raise LocalProtocolError(f"{sent_s!r} … {received_s!r} is not a round trip")
        rate = self.tick_rate
        self._rtt_s = rtt_s
        self._heard = max(self._heard, (tick, received_s))
        tick = self._tempo.steady_of(tick)
        new = _Interval(tick - received_s * rate, tick - sent_s * rate, rtt_s)
        if self._held[-1].rtt_s == math.inf:  # the first guess, from before the first pong
            guess = self._held.pop()
            if _agree(guess, new):
                new.low = max(new.low, guess.low)
        self._keep_what_agrees(new)
        self._held.append(new)
        self._min_rtt_s = min(interval.rtt_s for interval in self._held)
        self._intersect()

    def delta(self, tick: int, now_s: float) -> None:
        """Take in that the delta of ``tick`` was received at ``now_s``."""
        self._heard = max(self._heard, (tick, now_s))
        low = self._tempo.steady_of(tick) - now_s * self.tick_rate
        if low > self._high + AGREE_TICKS:
            self.jumps += 1
            self._begin(low)
            return
        newest = self._held[-1]
        if low > newest.low:
            newest.low = low
            if low > self._low:
                self._intersect()

    def change_pace(self, tick: int, pace: float, publish_every: int) -> None:
        """Take in the server's ``pace`` message.

        From ``tick`` on game time runs at ``pace`` of real time.  ``publish_every`` is the number
        of ticks from one delta to the next; it counts at once.
        """
        self._publish_every = publish_every
        if self._tempo.bend(tick, pace) and self._heard[0] > tick:
            # The announcement came late: ticks after the bend were placed at the wrong times.
            self.jumps += 1
            heard, heard_s = self._heard
            self._begin(self._tempo.steady_of(heard) - heard_s * self.tick_rate)

    # ------------------------------------------------------------ estimates

    @property
    def known(self) -> bool:
        """Whether a pong has come; before it, ``tick_at`` is late by the delay of a delta."""
        return self._rtt_s is not None

    @property
    def rtt_s(self) -> float | None:
        """The newest round trip, None before the first."""
        return self._rtt_s

    @property
    def min_rtt_s(self) -> float | None:
        """The shortest round trip of the window, None before the first."""
        return self._min_rtt_s

    @property
    def offset(self) -> float:
        """The server's time in steady ticks when the local clock showed 0."""
        return self._offset

    @property
    def pace(self) -> float:
        """Game time as a share of real time, as last announced."""
        return self._tempo.pace

    @property
    def tick_s(self) -> float:
        """The length of a tick in real time, as last announced."""
        return 1 / (self.tick_rate * self._tempo.pace)

    @property
    def interval_ticks(self) -> float:
        """Steady ticks from one delta to the next, as last announced."""
        return self._publish_every / self._tempo.pace

    def steady_of(self, tick: float) -> float:
        """Return the steady tick of ``tick``."""
        return self._tempo.steady_of(tick)

    def tick_of(self, steady: float) -> float:
        """Return the tick, with its fraction, of a steady tick."""
        return self._tempo.tick_of(steady)

    def tick_at(self, now_s: float) -> float:
        """Return the server's tick, with its fraction, at the local time ``now_s``."""
        return self._tempo.tick_of(self._offset + now_s * self.tick_rate)

    def time_of(self, tick: float) -> float:
        """Return the local time, in seconds, at which the server is at ``tick``."""
        return (self._tempo.steady_of(tick) - self._offset) / self.tick_rate

    # ------------------------------------------------------------ the intersection

    def _begin(self, low: float) -> None:
        """Forget everything but the lower bound ``low``."""
        self._held.clear()
        self._held.append(_Interval(low, math.inf, math.inf))
        self._min_rtt_s = self._rtt_s
        self._intersect()

    def _keep_what_agrees(self, new: _Interval) -> None:
        agreeing = [old for old in self._held if _agree(old, new)]
        if len(agreeing) < len(self._held):
            self.jumps += 1
            self._held.clear()
            self._held.extend(agreeing)

    def _intersect(self) -> None:
        self._low = max(interval.low for interval in self._held)
        self._high = min(interval.high for interval in self._held)
        if self._high < math.inf:
            self._offset = (self._low + self._high) / 2
        else:  # a fast delta takes about half of the newest round trip
            self._offset = self._low + (self._rtt_s or 0.0) / 2 * self.tick_rate


def _agree(one: _Interval, other: _Interval) -> bool:
    """Whether an offset exists that lies in both."""
    return max(one.low, other.low) <= min(one.high, other.high) + AGREE_TICKS
