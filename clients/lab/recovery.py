"""When the segments of one direction arrive, where TCP sends again those that were lost.  Pure.

Owns a sender's loss recovery, as Linux does it by default; ``python -m benchmarks tcploss``
compares it with the kernel.  Never holds bytes.  Times are seconds and chance is an argument;
``clients/web/lab/recovery.js`` is the same in milliseconds, held together with this by
``tests/vectors/netcode_recovery.json``.

A segment that was lost is sent again at the earliest of these:

- *Fast retransmit.*  Later segments arrive, and the receiver acknowledges each at once and
  selectively (RFC 2018; RFC 5681, 4.2).  A segment counts as lost once three of them were
  acknowledged (RFC 6675, 5).  By RACK (RFC 8985, 6.2) one is enough, if the segment has been on its
  way for longer than the round trip of that one and a quarter of the least: it might only have been
  reordered.  A retransmission that is lost is found in the same way, without the quarter.
- *Tail loss probe.*  Nothing was sent after it for two round trips (RFC 8985, 7.2).  Linux adds its
  least timeout where nothing else is on the way, as the acknowledgement may be delayed.
- *Retransmission timeout.*  SRTT + 4 RTTVAR since it was last sent (RFC 6298), doubled each time.

So in a stream with a segment every 33 ms a loss costs little more than a round trip, while one
that sends seldom (RFC 7765, 1) waits for the timeout.  Whatever comes behind a lost segment waits
for it; that is ``conditioner.py``'s.

Left out: the congestion window, which at a few losses in a hundred holds a stream back now and
then, and that a timeout lets all lost segments be sent again (each has its own here).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from typing import Final

import attrs

from clients.lab.path import Outages, Path

#: So many later segments acknowledged prove a loss (RFC 6675, 2, ``DupThresh``).
DUPLICATES: Final = 3
#: Of the least round trip: for how long RACK lets segments be reordered (RFC 8985, 6.2, step 4).
REORDERING_SHARE: Final = 0.25
#: A probe is due after so many round trips of silence (RFC 8985, 7.2).
PROBE_ROUND_TRIPS: Final = 2.0
#: Linux: ``TCP_RTO_MIN``.  RFC 6298, 2.4, would have a whole second.
LEAST_TIMEOUT_S: Final = 0.2
#: The timeout stops doubling here (RFC 6298, 2.5, allows any limit of 60 s or more; a lab in which
#: a minute passes in silence teaches nothing).
LONGEST_TIMEOUT_S: Final = 8.0


@attrs.frozen(kw_only=True)
class Measured:
    """What a sender has measured of its link: the least round trip, SRTT, and its timeout."""

    least_rtt_s: float
    smoothed_rtt_s: float
    timeout_s: float


class Segment:
    """One segment on its way.

    ``arrives_s`` changes as long as it is not sent again for the last time: what is sent later may
    prove the loss earlier, and puts the probe off.
    """

    __slots__ = ("acknowledged", "acknowledged_try", "arrives_s", "fates", "tries_s")

    def __init__(self, sent_s: float) -> None:
        self.arrives_s = sent_s
        #: When it is sent, and sent again: the last of these arrives.
        self.tries_s = [sent_s]
        #: Of each time that it is sent again: the chance by which it is lost, and its jitter.
        self.fates: list[tuple[float, float]] = []
        #: How many segments were acknowledged that were sent after a try, and which try that is.
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
        #: Those that will be sent again.
        self._missing: list[Segment] = []
        self._newest: Segment | None = None
        #: When the last segment arrives of those not lost: on the way none overtakes another.
        self._front_s = -math.inf

    def send(self, at_s: float) -> Segment:
        """Send a segment that leaves at ``at_s``, which is not before any other did."""
        path, newest = self._path, self._newest
        self._missing = [each for each in self._missing if each.tries_s[-1] > at_s]
        if newest is not None and len(newest.tries_s) > 1 and newest.tries_s[1] > at_s:
            # It is not the last any more: nothing but its timeout comes without acknowledgements.
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
        """Return the chance of being lost, and the jitter."""
        jitter_s = -math.log(1.0 - self._chance()) * path.jitter_s
        return self._chance(), jitter_s

    def _arrival_s(self, at_s: float, fate: tuple[float, float]) -> float | None:
        """Return when what is sent at ``at_s`` arrives; None: it is lost."""
        chance, jitter_s = fate
        arrives_s = at_s + self._path.delay_s + jitter_s
        lost = chance < self._path.loss or self._outages.cover(arrives_s)
        return None if lost else arrives_s

    def _probe_wait_s(self, at_s: float, before: Segment | None) -> float:
        """Return after how long a segment is sent again that nothing follows."""
        smoothed_s = self._measured.smoothed_rtt_s
        probe_s = PROBE_ROUND_TRIPS * smoothed_s
        if before is None or before.tries_s[0] + smoothed_s <= at_s:
            probe_s += LEAST_TIMEOUT_S
        return min(probe_s, self._measured.timeout_s)

    def _acknowledge(self, segment: Segment) -> None:
        """Let the sender hear that ``segment`` is there, and what it concludes."""
        lost, jitter_s = self._draw(self._back)
        if lost < self._back.loss:
            return
        sent_s = segment.tries_s[0]
        heard_s = segment.arrives_s + self._back.delay_s + jitter_s
        for missing in self._missing:
            self._conclude(missing, sent_s, heard_s)

    def _conclude(self, missing: Segment, sent_s: float, heard_s: float) -> None:
        """What was sent at ``sent_s`` was acknowledged at ``heard_s``: is ``missing`` lost?"""
        tries_s = missing.tries_s
        # The times after it are plans, made without knowing of this acknowledgement.
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
        """Let a segment be sent again at ``again_s``, and then by timeouts until it arrives."""
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
