"""Whose limit a step has met: the server's, the load generator's, or that of a shared machine.

Owns reading how long a process computed and how long it waited for a core (Linux:
``/proc/PID/schedstat``), and the judgement.  A process that waits for a core is slow without being
busy, and nobody but the machine is to blame.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import attrs

#: A generator is the limit if it computes for more than this share of the time,
BUSY: Final = 0.85
#: and a process is starved if it waits for a core for more than this share of the time.
STARVED: Final = 0.10


@attrs.frozen
class CoreTime:
    """How long a thread has computed, and waited for a core, until now."""

    computed_s: float
    waited_s: float

    @classmethod
    def of(cls, process: int | str = "self") -> CoreTime | None:
        """Return that of the main thread of a process; None where the system does not tell."""
        try:
            computed, waited, *_ = Path(f"/proc/{process}/schedstat").read_text().split()
        except (OSError, ValueError):
            return None
        return cls(int(computed) / 1e9, int(waited) / 1e9)


@attrs.frozen
class CoreShare:
    """Shares of a time span in which a process computed, and waited for a core; 0 to 1."""

    computed: float
    waited: float

    @classmethod
    def between(cls, before: CoreTime | None, after: CoreTime | None, span_s: float) -> CoreShare:
        """Return the shares of ``span_s``; 0 where nothing is known."""
        if before is None or after is None or span_s <= 0:
            return cls(0.0, 0.0)
        return cls(
            (after.computed_s - before.computed_s) / span_s,
            (after.waited_s - before.waited_s) / span_s,
        )


def limited_by(generators: list[CoreShare], server: CoreShare | None) -> str | None:
    """Return what was short in a step, as a clause; None: neither the load nor the machine."""
    busiest = max((share.computed for share in generators), default=0.0)
    if busiest > BUSY:
        return (
            f"the load generator is the limit: a process of it computed {busiest:.0%} of the time"
        )
    waited = max((share.waited for share in generators), default=0.0)
    if waited > STARVED:
        return (
            f"the load generator is starved: it waited for a core {waited:.0%} of the time, as "
            "others use the machine"
        )
    if server is not None and server.waited > STARVED:
        return (
            f"the machine is the limit: the server waited for a core {server.waited:.0%} of the "
            f"time and computed {server.computed:.0%}"
        )
    return None
