"""One direction of a link, and when a link is dead.  Pure.

Owns ``Path`` (delay, jitter, bandwidth, loss, window) and ``Outages``.  ``recovery.py`` and
``conditioner.py`` are the TCP connection over them.
"""

from __future__ import annotations

import math
import random
from typing import Any, Final

import attrs

from gameserver.errors import LocalProtocolError

#: The default window: twice the initial receive window of Linux (``tcp_rmem``: 128 KiB).
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

    ``delay_s`` is the least delay of a byte.  ``jitter_s`` is the mean of the exponentially
    distributed delay that is added.  ``bytes_per_s`` is the bandwidth, and ``loss`` is the
    probability that a segment is lost.  ``window_bytes`` is the most that may be on its way; then
    the sender waits.  No byte overtakes another.
    """

    delay_s: float = attrs.field(validator=_is_time)
    jitter_s: float = attrs.field(default=0.0, validator=_is_time)
    bytes_per_s: float = attrs.field(default=math.inf, validator=_is_positive)
    loss: float = attrs.field(default=0.0, validator=_is_share)
    window_bytes: int = attrs.field(default=WINDOW_BYTES, validator=_is_positive)


class Outages:
    """The outages of a link, in both directions: one in each ``every_s``, at a random time in it.

    An outage lasts from ``least_s`` to ``most_s``; if ``every_s`` is infinite there is none.  The
    times depend only on the seed and ``begin_s``, so that both directions agree.
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
