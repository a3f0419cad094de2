"""How long a thread has computed, and how long it has waited for a core (Linux).

Owns reading ``schedstat`` of the kernel.  A thread that waits for a core is late without being
busy: something else uses the machine.
"""

from __future__ import annotations

import threading
from pathlib import Path

import attrs


@attrs.frozen
class CoreTime:
    """How long a thread has computed, and waited for a core, until now."""

    computed_s: float
    waited_s: float

    @classmethod
    def of(cls, process: int) -> CoreTime | None:
        """Return that of the main thread of a process; None where the system does not tell."""
        return cls._read(f"/proc/{process}/schedstat")

    @classmethod
    def own(cls) -> CoreTime | None:
        """Return that of the calling thread; None where the system does not tell."""
        return cls._read(f"/proc/self/task/{threading.get_native_id()}/schedstat")

    @classmethod
    def _read(cls, path: str) -> CoreTime | None:
        try:
            computed, waited, *_ = Path(path).read_text().split()
        except (OSError, ValueError):
            return None
        return cls(int(computed) / 1e9, int(waited) / 1e9)


@attrs.frozen
class CoreShare:
    """Shares of a time span in which a thread computed, and waited for a core; 0 to 1."""

    computed: float = 0.0
    waited: float = 0.0

    def own_part(self, busy: float) -> float:
        """Return the part of a share that the thread was ``busy`` in which it did not wait, 0 to 1.

        It may have waited while it was not busy, so this is the most that the part can be.
        """
        if busy <= 0:
            return 1.0
        # What is longer than the time span began before it.
        return max(0.0, min(1.0, (1 - self.waited) / min(busy, 1.0)))

    @classmethod
    def between(cls, before: CoreTime | None, after: CoreTime | None, span_s: float) -> CoreShare:
        """Return the shares of ``span_s``; 0 where nothing is known."""
        if before is None or after is None or span_s <= 0:
            return cls()
        return cls(
            (after.computed_s - before.computed_s) / span_s,
            (after.waited_s - before.waited_s) / span_s,
        )
