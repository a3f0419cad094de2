"""Warnings that clients can cause, which must not fill the log.

Owns how often such a warning is written.  Metrics count what the log leaves out
(``gameserver_turned_away_total``).  Never decides what is worth a warning.
"""

from __future__ import annotations

from typing import Any, Final

import structlog

log = structlog.get_logger(__name__)

#: A client can repeat its request at any rate; the log repeats the warning once a minute.
QUIET_S: Final = 60.0
#: How many keys are remembered.  Overflow policy: about further ones nothing is logged meanwhile.
MAX_REMEMBERED: Final = 16


class RareWarning:
    """One warning, written at most once in ``quiet_s`` for each key."""

    def __init__(self, event: str, *, quiet_s: float = QUIET_S) -> None:
        self._event = event
        self._quiet_s = quiet_s
        #: Key → when it was logged, the longest ago first.
        self._logged: dict[str, float] = {}

    def log(self, key: str, now_s: float, /, **fields: Any) -> None:
        """Write the warning with ``fields``, unless ``key`` or too many other keys had it lately.

        ``key`` may come from a client; it is kept until ``quiet_s`` is over.
        """
        logged = self._logged
        while logged and now_s - logged[oldest := next(iter(logged))] >= self._quiet_s:
            del logged[oldest]
        if key in logged or len(logged) >= MAX_REMEMBERED:
            return
        logged[key] = now_s
        log.warning(self._event, **fields)
