"""Where a result comes from: commit, machine, versions, and which core does what."""

from __future__ import annotations

import importlib.metadata
import os
import pathlib
import platform
import subprocess
from typing import Any, Final

import attrs

ROOT: Final = pathlib.Path(__file__).resolve().parent.parent
_PACKAGES: Final = ("trio", "trio-websocket", "wsproto", "msgpack", "attrs")


class BenchmarkError(Exception):
    """A part that a benchmark needs is missing; the text is one line for the user."""


@attrs.frozen
class Cores:
    """One core for the server, another for everything that measures it."""

    server: int
    load: int


def choose_cores() -> Cores:
    """Return two of the cores that this process may use."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise BenchmarkError("benchmarks need two cores: one for the server, one for the load")
    return Cores(allowed[0], allowed[1])


def stay_off_the_server(cores: Cores) -> None:
    """Pin this process to the core of the load; child processes inherit that."""
    os.sched_setaffinity(0, {cores.load})


def describe_machine() -> dict[str, Any]:
    """Return what belongs to every result of this run."""
    return {
        "commit": _commit(),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def _commit() -> str:
    """Return the commit, with ``+`` if tracked files differ from it."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("+" if changed else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _cpu_model() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
