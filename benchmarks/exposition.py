"""Reads figures out of the text that our server shows at ``/metrics``.  Pure."""

from __future__ import annotations

import re
from typing import Final

_TICK: Final = re.compile(
    r'^gameserver_tick_(work|lateness)_seconds\{kind="[^"]*",quantile="([\d.]+)"\} (\S+)$',
    re.MULTILINE,
)
_NAMES: Final = {0.5: "p50", 0.99: "p99", 1.0: "max"}


def tick_times(text: str) -> dict[str, float]:
    """Return ``work_p50_ms``, ``lateness_max_ms`` and so on, and ``ticks_dropped``."""
    found = {
        f"{what}_{_NAMES[float(quantile)]}_ms": float(seconds) * 1000
        for what, quantile, seconds in _TICK.findall(text)
    }
    found["ticks_dropped"] = total(text, "ticks_dropped")
    return found


def gauge(text: str, name: str) -> float:
    """Return a value that has no labels; ``name`` is whole."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def counts_by_label(text: str, name: str) -> dict[str, float]:
    """Return value of the label → count, of a counter of the server with one label."""
    found = re.findall(
        rf'^gameserver_{re.escape(name)}_total{{\w+="([^"]*)"}} (\S+)$', text, re.MULTILINE
    )
    return {label: float(count) for label, count in found}


def total(text: str, name: str) -> float:
    """Return a counter of the server with one label, summed over its values."""
    return sum(counts_by_label(text, name).values())
