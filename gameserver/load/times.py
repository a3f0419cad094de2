"""Many times in little memory, with percentiles of a known error: an HDR histogram.

Owns the unit (microseconds), and the encoding of times that processes send each other.
"""

from __future__ import annotations

from typing import Any, Final

from gameserver.errors import LocalProtocolError

#: Longer times count as this one.
LONGEST_US: Final = 600_000_000
#: The significant digits to which percentiles are exact.
DIGITS: Final = 2


class Times:
    """Times in seconds."""

    def __init__(self) -> None:
        try:
            from hdrh.histogram import HdrHistogram
        except ImportError:
            raise LocalProtocolError(
                "load tests need hdrhistogram: pip install 'trio-gameserver[load]'"
            ) from None
        self._histogram: Any = HdrHistogram(1, LONGEST_US, DIGITS)

    def __len__(self) -> int:
        count: int = self._histogram.get_total_count()
        return count

    def add(self, time_s: float) -> None:
        """Add a time; one below a microsecond counts as one."""
        self._histogram.record_value(min(max(round(time_s * 1e6), 1), LONGEST_US))

    def quantile(self, part: float) -> float | None:
        """Return the time below which ``part`` (0 to 1) of all lie; None if there are none."""
        if not len(self):
            return None
        found: int = self._histogram.get_value_at_percentile(part * 100)
        return found / 1e6

    @property
    def mean_s(self) -> float | None:
        """The mean; None if there are none."""
        return self._histogram.get_mean_value() / 1e6 if len(self) else None

    def encode(self) -> str:
        """Return a text that ``merge`` adds to others."""
        encoded: bytes = self._histogram.encode()
        return encoded.decode("ascii")

    def merge(self, encoded: str) -> None:
        """Add the times of another process."""
        self._histogram.decode_and_add(encoded)

    def spread(self) -> list[tuple[float, float]]:
        """Return (share of all, time) at growing shares, for a plot."""
        shares = [n / 100 for n in range(100)] + [0.995, 0.999, 0.9999, 1.0]
        return [(share, self.quantile(share) or 0.0) for share in shares] if len(self) else []
