"""Tells the limit of the server from that of the load generator and of a shared machine.

Owns the judgement of one step.  Pure.
"""

from __future__ import annotations

from typing import Final

from gameserver.ops.core_time import CoreShare

#: A generator is the limit if it computes for more than this share of the time,
BUSY: Final = 0.85
#: and a process is starved if it waits for a core for more than this share of the time.
STARVED: Final = 0.10


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
