"""The kernel's accounting of a process and its descendants (CPU time, memory), and of a core.

Owns the reading of ``/proc``.  CPU is the time on a core (user and system) of all threads, by
``schedstat``, which counts nanoseconds where ``stat`` counts hundredths of a second.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator

import attrs

PROC = pathlib.Path("/proc")


def parse_stat_cpu_s(text: str, ticks_per_s: int) -> float:
    """Return user and system seconds from a line of ``/proc/<pid>/stat`` (proc(5), 14 and 15).

    The second field is a name in parentheses, which may hold spaces and parentheses.
    """
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / ticks_per_s


def parse_schedstat_s(text: str) -> float:
    """Return the seconds on a core from ``/proc/<pid>/task/<tid>/schedstat``."""
    return int(text.split()[0]) / 1e9


def family(pid: int) -> Iterator[int]:
    """Yield a process and all its living descendants."""
    yield pid
    for children in PROC.glob(f"{pid}/task/*/children"):
        for child in _read(children).split():
            yield from family(int(child))


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process and its descendants so far, of all living threads."""
    return sum(_own_cpu_s(member) for member in family(pid))


def _own_cpu_s(pid: int) -> float:
    texts = [_read(path) for path in PROC.glob(f"{pid}/task/*/schedstat")]
    if any(texts):
        return sum(parse_schedstat_s(text) for text in texts if text)
    text = _read(PROC / str(pid) / "stat")
    return parse_stat_cpu_s(text, os.sysconf("SC_CLK_TCK")) if text else 0.0


def waited_s(pid: int) -> float:
    """Return how long the threads of a process were ready to run, and waited for their core."""
    texts = [_read(path) for path in PROC.glob(f"{pid}/task/*/schedstat")]
    return sum(int(text.split()[1]) for text in texts if text) / 1e9


def parse_stolen_s(text: str, core: int, ticks_per_s: int) -> float:
    """Return for how long, in seconds, other virtual machines have used a core, by ``/proc/stat``.

    That is the eighth figure of the core's line: "steal" in proc(5).
    """
    for line in text.splitlines():
        name, *figures = line.split()
        if name == f"cpu{core}":
            return int(figures[7]) / ticks_per_s
    raise ValueError(f"no core {core}")


def stolen_s(core: int) -> float:
    """Return how long a core has been stolen so far: in steps of a hundredth of a second."""
    return parse_stolen_s(_read(PROC / "stat"), core, os.sysconf("SC_CLK_TCK"))


@attrs.frozen
class Times:
    """CPU time of a process and its descendants so far, and the time that the host stole of it."""

    cpu_s: float
    stolen_s: float

    def since(self, before: Times) -> Times:
        """Return what came after ``before``."""
        return Times(self.cpu_s - before.cpu_s, self.stolen_s - before.stolen_s)


def times(pid: int, core: int) -> Times:
    """Return the times of a process that has this core for its own."""
    return Times(cpu_s(pid), stolen_s(core))


def rss_bytes(pid: int) -> int:
    """Return the resident memory of a process and its descendants."""
    pages = 0
    for member in family(pid):
        text = _read(PROC / str(member) / "statm")
        if text:
            pages += int(text.split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _read(path: pathlib.Path) -> str:
    """Return the text of a file of ``/proc``; empty if the process or thread has ended."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
