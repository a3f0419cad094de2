"""Runs the load generator (``load/load.c``) and judges whether what it saw can be believed.

Owns the process and its lines.  A result is refused where the generator may have been what was
slow: see ``complaints``.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import tempfile
from collections.abc import Mapping
from typing import Any, Final, Self

import attrs

from benchmarks.building import load_program
from benchmarks.machine import BenchmarkError
from benchmarks.speech import Speech

#: The generator is the bottleneck if it uses more of its core than this.
MAX_CPU_SHARE: Final = 0.9
#: It fell behind if the 99th percentile of its commands was later than this.
MAX_SEND_LATE_MS: Final = 20.0


@attrs.frozen(kw_only=True)
class Load:
    """The load: ``players`` clients, each ``commands_per_s``, counted for ``window_s``.

    ``passing`` others come and go beside them: whole rooms, each of which plays for ``stay_s``.
    """

    players: int
    passing: int = 0
    stay_s: float = 2.0
    commands_per_s: float = 10.0
    warmup_s: float = 2.0
    window_s: float = 5.0
    #: How many join at the same time.
    joining: int = 64
    join_timeout_s: float = 120.0
    tls: bool = False


class Generator:
    """A running load generator; use as a context manager, which ends it."""

    def __init__(self, port: int, speech: Speech, load: Load, core: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="benchmark-")
        command = [str(load_program()), "--port", str(port), "--core", str(core)]
        command += ["--clients", str(load.players), "--rate", str(load.commands_per_s)]
        command += ["--passing", str(load.passing), "--stay", str(load.stay_s)]
        command += ["--warmup", str(load.warmup_s), "--window", str(load.window_s)]
        command += ["--joining", str(load.joining), "--join-timeout", str(load.join_timeout_s)]
        command += ["--tls"] if load.tls else []
        command += speech.flags(pathlib.Path(self._folder.name))
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()

    def wait_for(self, event: str) -> dict[str, Any]:
        """Return what it tells at its next event: ``joined``, ``begin`` or ``end``, in order."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            _, errors = self._process.communicate()
            raise BenchmarkError(f"the load generator ended before {event}: {errors.strip()}")
        told: dict[str, Any] = json.loads(line)
        if told.pop("event") != event:
            raise BenchmarkError(f"the load generator said {line.strip()} instead of {event}")
        return told


def complaints(told: Mapping[str, Any]) -> list[str]:
    """Return why the figures of an ``end`` event cannot be believed; empty if they can."""
    found = []
    if told["cpu_share"] > MAX_CPU_SHARE:
        found.append(f"the load generator used {told['cpu_share']:.0%} of its core")
    if told["send_late_ms"]["p99"] > MAX_SEND_LATE_MS or told["skipped"]:
        found.append(f"its commands were late (p99 {told['send_late_ms']['p99']:.1f} ms)")
    return found
