"""Memory that this process may still take, under its own limit or that of its container.

Owns reading the limits and the use, and deciding when newcomers are refused.  A process that cannot
allocate fails wherever it happens to be, which may be inside the event loop, so joins stop before
that.  Never frees anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs

try:
    import resource
except ImportError:  # Windows, which has no such limit
    resource = None  # type: ignore[assignment]

#: The reserve for players that are in: an eighth of the limit, but no more than this.
MAX_RESERVE_BYTES: Final = 64 * 1024 * 1024
RESERVE_SHARE: Final = 1 / 8
#: Reading the figures costs about as much as a small message.
LOOK_EVERY_S: Final = 0.25

_STATM: Final = Path("/proc/self/statm")
_CGROUP: Final = Path("/proc/self/cgroup")
_CGROUPS: Final = Path("/sys/fs/cgroup")
_NO_LIMIT: Final = "max"


@attrs.frozen
class Use:
    """A limit, and how much of it is used."""

    used_bytes: int
    limit_bytes: int

    @property
    def is_short(self) -> bool:
        """Whether less memory than the reserve is left."""
        reserve_bytes = min(MAX_RESERVE_BYTES, self.limit_bytes * RESERVE_SHARE)
        return self.limit_bytes - self.used_bytes < reserve_bytes


class MemoryWatch:
    """Tells when memory is short; reads the figures at most every ``LOOK_EVERY_S``."""

    def __init__(self, look: Callable[[], list[Use]] | None = None) -> None:
        self._look = uses if look is None else look
        self._looked_s = -math.inf
        self._short = False

    def is_short(self, now_s: float) -> bool:
        """Return whether a newcomer could take memory that the players in the rooms need."""
        if now_s - self._looked_s >= LOOK_EVERY_S:
            self._looked_s = now_s
            self._short = any(use.is_short for use in self._look())
        return self._short


def uses() -> list[Use]:
    """Return the use of each limit that there is for this process."""
    return [use for use in (_of_address_space(), _of_cgroup(_CGROUP, _CGROUPS)) if use is not None]


def _of_address_space() -> Use | None:
    """Return the use of the limit that ``ulimit -v`` sets; None if it is not set."""
    if resource is None:
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return None
    try:
        pages = int(_STATM.read_text().split()[0])
    except (OSError, ValueError, IndexError):  # not Linux
        return None
    return Use(pages * resource.getpagesize(), limit)


def _of_cgroup(which: Path, cgroups: Path) -> Use | None:
    """Return the use of the memory of a cgroup (version 2), as containers have; None without one.

    Pages of files count as free, for the kernel takes them back.
    """
    try:
        inside = next(
            line.removeprefix("0::/") for line in which.read_text().splitlines() if "0::/" in line
        )
        group = cgroups / inside
        limit = (group / "memory.max").read_text().strip()
        if limit == _NO_LIMIT:
            return None
        lines = (group / "memory.stat").read_text().splitlines()
        counts = {name: int(count) for name, count in (line.split() for line in lines)}
        files = counts.get("inactive_file", 0) + counts.get("active_file", 0)
        return Use(int((group / "memory.current").read_text()) - files, int(limit))
    except (OSError, ValueError, StopIteration):
        return None
