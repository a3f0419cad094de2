"""TCP's loss recovery: when the segments of one direction arrive, retransmissions included.  Pure.

Owns the loss recovery of a sender, as Linux does it by default; ``python -m benchmarks tcploss``
compares it with the kernel.  Never holds bytes.  Times (in seconds) and random numbers are
arguments.  ``clients/web/lab/recovery.js`` is its twin, in milliseconds;
``tests/vectors/netcode_recovery.json`` tests both.

A lost segment is sent again at the earliest of these times:

- *Fast retransmit.*  Later segments arrive, and the receiver acknowledges each at once and
  selectively (RFC 2018; RFC 5681, 4.2).  A segment counts as lost once three of them were
  acknowledged (RFC 6675, 5).  By RACK (RFC 8985, 6.2) one is enough, if the segment has been on its
  way for longer than the round trip of that one and a quarter of the least: it might only have been
  reordered.  A retransmission that is lost is found in the same way, without the quarter.
- *Tail loss probe.*  Nothing was sent after it for two round trips (RFC 8985, 7.2).  Linux adds its
  least timeout where nothing else is on the way, as the acknowledgement may be delayed.
- *Retransmission timeout.*  SRTT + 4 RTTVAR since it was last sent (RFC 6298), doubled each time.

So a loss costs little more than a round trip in a stream with a segment every 33 ms.  A stream that
sends seldom (RFC 7765, 1) waits for the timeout.  Later segments must wait for a lost one:
``conditioner.py`` does that.

Two things are left out.  The congestion window sometimes slows a stream that loses some segments in
a hundred.  And after a timeout, TCP sends all lost segments again; here each has its own timeout.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from typing import Final

import attrs

from clients.lab.path import Outages, Path

#: This many acknowledged later segments prove a loss (RFC 6675, 2, ``DupThresh``).
DUPLICATES: Final = 3
#: The share of the least round trip for which RACK waits for reordered segments (RFC 8985, 6.2,
#: step 4).
REORDERING_SHARE: Final = 0.25
#: A probe is due after this many round trips without a new segment (RFC 8985, 7.2).
PROBE_ROUND_TRIPS: Final = 2.0
#: Linux: ``TCP_RTO_MIN``.  RFC 6298, 2.4, would have a whole second.
LEAST_TIMEOUT_S: Final = 0.2
#: The timeout stops doubling here (RFC 6298, 2.5, allows any limit of 60 s or more; a lab in which
#: a minute passes in silence teaches nothing).
LONGEST_TIMEOUT_S: Final = 8.0


@attrs.frozen(kw_only=True)
class Measured:
    """A sender's measurements of its link: the least round trip, SRTT, and its timeout."""

    least_rtt_s: float
    smoothed_rtt_s: float
    timeout_s: float


class Segment:
    """One segment on its way.

    ``arrives_s`` may change until the segment is sent for the last time: later segments may prove
    the loss earlier, and they postpone the probe.
    """

    __slots__ = ("acknowledged", "acknowledged_try", "arrives_s", "fates", "tries_s")

    def __init__(self, sent_s: float) -> None:
        self.arrives_s = sent_s
        #: The times at which it is sent and sent again; the last of these arrives.
        self.tries_s = [sent_s]
        #: For each retransmission: the random number that decides about its loss, and its jitter.
        self.fates: list[tuple[float, float]] = []
        #: The number of acknowledged segments that were sent after a try, and that try's index.
        self.acknowledged = 0
        self.acknowledged_try = 0


class Flight:
    """The segments of one direction: sent over ``path``, acknowledged over ``back``.

    ``chance`` returns numbers in [0, 1).
    """

    def __init__(
        self,
        path: Path,
        back: Path,
        measured: Measured,
        chance: Callable[[], float],
        outages: Outages,
    ) -> None:
        #: Segments that were lost when they were first sent.
        self.lost = 0
        self._path = path
        self._back = back
        self._measured = measured
        self._chance = chance
        self._outages = outages
        #: The segments that will be sent again.
        self._missing: list[Segment] = []
        self._newest: Segment | None = None
        #: The arrival of the last segment that was not lost, since no segment overtakes another.
        self._front_s = -math.inf

    def send(self, at_s: float) -> Segment:
        """Send a segment that leaves at ``at_s``; calls are in the order of time."""
        path, newest = self._path, self._newest
        self._missing = [each for each in self._missing if each.tries_s[-1] > at_s]
        if newest is not None and len(newest.tries_s) > 1 and newest.tries_s[1] > at_s:
            # The last segment is followed now: without acknowledgements only its timeout remains.
            timeout_s = self._measured.timeout_s
            self._plan(newest, 0, newest.tries_s[0] + timeout_s, 2 * timeout_s)
        self._newest = segment = Segment(at_s)
        fate = self._draw(path)
        arrives_s = self._arrival_s(at_s, fate)
        if arrives_s is None:
            self.lost += 1
            probe_s = at_s + self._probe_wait_s(at_s, newest)
            self._plan(segment, 0, probe_s, self._measured.timeout_s)
            self._missing.append(segment)
            return segment
        segment.arrives_s = self._front_s = max(self._front_s, arrives_s)
        if self._missing:
            self._acknowledge(segment)
        return segment

    def _draw(self, path: Path) -> tuple[float, float]:
        """Return the random number that decides about the loss, and the jitter."""
        jitter_s = -math.log(1.0 - self._chance()) * path.jitter_s
        return self._chance(), jitter_s

    def _arrival_s(self, at_s: float, fate: tuple[float, float]) -> float | None:
        """Return when a segment that is sent at ``at_s`` arrives; None if it is lost."""
        chance, jitter_s = fate
        arrives_s = at_s + self._path.delay_s + jitter_s
        lost = chance < self._path.loss or self._outages.cover(arrives_s)
        return None if lost else arrives_s

    def _probe_wait_s(self, at_s: float, before: Segment | None) -> float:
        """Return the time after which a segment that nothing follows is sent again."""
        smoothed_s = self._measured.smoothed_rtt_s
        probe_s = PROBE_ROUND_TRIPS * smoothed_s
        if before is None or before.tries_s[0] + smoothed_s <= at_s:
            probe_s += LEAST_TIMEOUT_S
        return min(probe_s, self._measured.timeout_s)

    def _acknowledge(self, segment: Segment) -> None:
        """Let the sender receive the acknowledgement of ``segment``, and draw its conclusions."""
        lost, jitter_s = self._draw(self._back)
        if lost < self._back.loss:
            return
        sent_s = segment.tries_s[0]
        heard_s = segment.arrives_s + self._back.delay_s + jitter_s
        for missing in self._missing:
            self._conclude(missing, sent_s, heard_s)

    def _conclude(self, missing: Segment, sent_s: float, heard_s: float) -> None:
        """Decide whether ``missing`` is lost.

        A segment that was sent at ``sent_s`` was acknowledged at ``heard_s``.
        """
        tries_s = missing.tries_s
        # Later times were planned before this acknowledgement was known.
        newest_try = bisect_right(tries_s, sent_s) - 1
        if newest_try == len(tries_s) - 1:
            return
        if missing.acknowledged_try != newest_try:
            missing.acknowledged_try, missing.acknowledged = newest_try, 0
        missing.acknowledged += 1
        again_s = heard_s
        if missing.acknowledged < DUPLICATES:
            reordering_s = 0.0 if newest_try else REORDERING_SHARE * self._measured.least_rtt_s
            again_s = max(heard_s, tries_s[newest_try] + (heard_s - sent_s) + reordering_s)
        if again_s < tries_s[newest_try + 1]:
            self._plan(missing, newest_try, again_s, self._measured.timeout_s)

    def _plan(self, segment: Segment, newest_try: int, again_s: float, timeout_s: float) -> None:
        """Plan a retransmission at ``again_s``, and then by timeouts until the segment arrives."""
        del segment.tries_s[newest_try + 1 :]
        while True:
            segment.tries_s.append(again_s)
            number = len(segment.tries_s) - 2
            if number == len(segment.fates):
                segment.fates.append(self._draw(self._path))
            arrives_s = self._arrival_s(again_s, segment.fates[number])
            if arrives_s is not None:
                segment.arrives_s = arrives_s
                return
            again_s += timeout_s
            timeout_s = min(2 * timeout_s, LONGEST_TIMEOUT_S)
