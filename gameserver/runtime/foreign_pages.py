"""Tells whoever runs the server of pages that were refused for their origin.

Owns how often: anybody can send any origin, and as fast as the gate lets it ask.  What is not
logged is counted all the same (``gameserver_turned_away_total{reason="origin"}``).  Refuses nobody:
that is ``gate.py``'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from gameserver.ops.logging import shown
from gameserver.runtime.http import values_of

if TYPE_CHECKING:
    import h11

log = structlog.get_logger(__name__)

#: One origin is told of this often at the most.
QUIET_S: Final = 60.0
#: So many origins are told of within that time; overflow policy: of others nothing is told.
MAX_TOLD: Final = 16


class ForeignPages:
    """The origins that were told of lately."""

    def __init__(self) -> None:
        #: Origin as shown → when, the longest ago first.
        self._told: dict[str, float] = {}

    def refused(self, request: h11.Request, now_s: float) -> None:
        """Log that the page behind ``request`` was refused, unless that was told just now."""
        while self._told and now_s - self._told[oldest := next(iter(self._told))] >= QUIET_S:
            del self._told[oldest]
        origin = _shown_values(request, b"origin")
        if origin in self._told or len(self._told) >= MAX_TOLD:
            return
        self._told[origin] = now_s
        log.warning(
            "a page was refused, for its origin is not in origins",
            origin=origin,
            host=_shown_values(request, b"host"),
        )


def _shown_values(request: h11.Request, name: bytes) -> str:
    return shown(b", ".join(values_of(request, name)).decode("latin-1"))
