"""Estimates of the round trip time.

Owns ``LatencyEstimator``: the server feeds it with ping frames, a client with ``ping`` messages.
Never reads a clock: times are arguments, in seconds of any steady clock.
``clients/netcode/tickclock.py`` estimates the time at the server.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from typing import Final

import attrs

from gameserver.errors import LocalProtocolError

#: RFC 6298, 2.3: the gains of the smoothed round trip and of its variation.
_ALPHA: Final = 1 / 8
_BETA: Final = 1 / 4
#: RFC 3550, 6.4.1: the gain of the jitter.
_JITTER_GAIN: Final = 1 / 16
#: The minimum is taken over this many round trips: about a minute, with a ping frame every 2 s.
MINIMUM_WINDOW: Final = 32


@attrs.frozen
class Latency:
    """Figures of a player's round trips; all times are None before the first one.

    ``smoothed_s`` and ``variation_s`` are SRTT and RTTVAR of RFC 6298, 2.  ``jitter_s`` follows RFC
    3550, 6.4.1, but with the difference of two successive round trips, because a server knows no
    one-way transit times.  ``minimum_s`` is the least of the last ``MINIMUM_WINDOW``.  ``count`` is
    the number of round trips so far.
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
        #: As of the last sample.  Immutable, so a game may keep it.
        self.latency = Latency()
        #: Not a deque: every player has one, and an array takes a third of the memory.
        self._recent = array("d")

    @property
    def recent_s(self) -> list[float]:
        """The round trips of which ``minimum_s`` is the least."""
        return list(self._recent)

    def go_on(self, latency: Latency, recent_s: Iterable[float]) -> None:
        """Continue the measurements of another estimator."""
        self.latency = latency
        self._recent = array("d", recent_s)

    def sample(self, rtt_s: float) -> Latency:
        """Add one round trip and return the new figures."""
        if not 0 <= rtt_s < math.inf:
            # A NaN would stay in the smoothed values for ever.
            raise LocalProtocolError(f"{rtt_s!r} is not the duration of a round trip")
        self._recent.append(rtt_s)
        del self._recent[:-MINIMUM_WINDOW]
        old = self.latency
        # The three are None together, but mypy needs to see each of them.
        if old.rtt_s is None or old.smoothed_s is None or old.variation_s is None:
            smoothed_s, variation_s = rtt_s, rtt_s / 2
        else:
            # RFC 6298, 2.3: the variation comes first, and uses the previous smoothed value.
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
