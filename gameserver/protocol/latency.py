"""How long a round trip takes.

Owns ``LatencyEstimator``: the server times its ping frames with it, clients their ``ping``
messages.  Never reads a clock: every time is an argument, in seconds, of whichever steady clock
the caller uses throughout.  What time it is at the server is ``clients/tickclock.py``'s.
"""

from __future__ import annotations

import math
from array import array
from typing import Final

import attrs

from gameserver.errors import LocalProtocolError

#: RFC 6298, 2.3: the gains of the smoothed round trip and of its variation.
_ALPHA: Final = 1 / 8
_BETA: Final = 1 / 4
#: RFC 3550, 6.4.1: the gain of the jitter.
_JITTER_GAIN: Final = 1 / 16
#: The minimum is that of the last so many round trips: about a minute, at a ping frame each 2 s.
MINIMUM_WINDOW: Final = 32


@attrs.frozen
class Latency:
    """What is known of a player's round trips; all times in seconds, None before the first.

    ``smoothed_s`` and ``variation_s`` are SRTT and RTTVAR of RFC 6298, 2.  ``jitter_s`` is that
    of RFC 3550, 6.4.1, with the difference of two successive round trips in place of the
    difference of two transit times (a server knows no one-way times).  ``minimum_s`` is the
    least of the last ``MINIMUM_WINDOW``.  ``count`` is the number of round trips so far.
    """

    rtt_s: float | None = None
    smoothed_s: float | None = None
    variation_s: float | None = None
    jitter_s: float | None = None
    minimum_s: float | None = None
    count: int = 0


class LatencyEstimator:
    """Turns measured round trips into a ``Latency``."""

    __slots__ = ("_recent", "latency")

    def __init__(self) -> None:
        #: As of the last sample.  Immutable, so game code may keep it.
        self.latency = Latency()
        #: A third of the memory of a deque of floats, for every player.
        self._recent = array("d")

    def sample(self, rtt_s: float) -> Latency:
        """Take in one round trip, and return what is known now."""
        if not 0 <= rtt_s < math.inf:
            # One NaN would stay in the smoothed values for ever.
            raise LocalProtocolError(f"{rtt_s!r} is not the duration of a round trip")
        self._recent.append(rtt_s)
        del self._recent[:-MINIMUM_WINDOW]
        old = self.latency
        # The three are None together; mypy wants to hear of each.
        if old.rtt_s is None or old.smoothed_s is None or old.variation_s is None:
            smoothed_s, variation_s = rtt_s, rtt_s / 2
        else:
            # RFC 6298, 2.3: the variation first, from the smoothed value before this sample.
            variation_s = old.variation_s + _BETA * (abs(old.smoothed_s - rtt_s) - old.variation_s)
            smoothed_s = old.smoothed_s + _ALPHA * (rtt_s - old.smoothed_s)
        self.latency = Latency(
            rtt_s=rtt_s,
            smoothed_s=smoothed_s,
            variation_s=variation_s,
            jitter_s=_next_jitter_s(old, rtt_s),
            minimum_s=min(self._recent),
            count=old.count + 1,
        )
        return self.latency


def _next_jitter_s(old: Latency, rtt_s: float) -> float:
    if old.rtt_s is None or old.jitter_s is None:
        return 0.0
    return old.jitter_s + _JITTER_GAIN * (abs(rtt_s - old.rtt_s) - old.jitter_s)
