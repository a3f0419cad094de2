"""Reads tick times out of the text that our server shows at ``/metrics``.  Pure."""

from __future__ import annotations

import re
from typing import Final

_TICK: Final = re.compile(
    r'^gameserver_tick_(work|lateness)_seconds\{kind="[^"]*",quantile="([\d.]+)"\} (\S+)$',
    re.MULTILINE,
)
_NAMES: Final = {0.5: "p50", 0.99: "p99", 1.0: "max"}
_DROPPED: Final = re.compile(r"^gameserver_ticks_dropped_total\{[^}]*\} (\S+)$", re.MULTILINE)


def tick_times(text: str) -> dict[str, float]:
    """Return ``work_p50_ms``, ``lateness_max_ms`` and so on, and ``ticks_dropped``."""
    found = {
        f"{what}_{_NAMES[float(quantile)]}_ms": float(seconds) * 1000
        for what, quantile, seconds in _TICK.findall(text)
    }
    found["ticks_dropped"] = sum(float(count) for count in _DROPPED.findall(text))
    return found
