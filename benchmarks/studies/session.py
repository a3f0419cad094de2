"""The common part of all studies: repeats, progress, the file of results, and missing peers.

Owns the telling of progress and the keeping of records.  Decides nothing about what is measured.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import attrs
from rich.console import Console

from benchmarks import records
from benchmarks.driver import Driver
from benchmarks.generator import Load
from benchmarks.machine import BenchmarkError
from benchmarks.moves import passing_beside
from benchmarks.records import Record
from benchmarks.servers import Contender, RunningServer, Setting
from benchmarks.speech import Speech


@attrs.define
class Session:
    """One call of ``python -m benchmarks``."""

    output: pathlib.Path
    repeats: int
    warmup_s: float
    window_s: float
    console: Console = attrs.field(factory=lambda: Console(highlight=False))
    driver: Driver = attrs.field(factory=Driver)
    #: Server → why it could not be measured.
    missing: dict[str, str] = attrs.field(factory=dict)

    def load(self, players: int, **more: Any) -> Load:
        """Return a load with this session's warm-up and window."""
        return Load(players=players, **{**self._times(), **more})

    def load_of(self, world: str, players: int) -> Load:
        """Return the load of a world, with those who come and go in it."""
        return self.load(players, passing=passing_beside(world, players))

    def _times(self) -> dict[str, float]:
        return {"warmup_s": self.warmup_s, "window_s": self.window_s}

    def measure(
        self,
        study: str,
        contender: Contender,
        setting: Setting,
        load: Load,
        *,
        speech: Speech | None = None,
        at_end: Callable[[RunningServer], Mapping[str, Any]] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> Record | None:
        """Measure once, tell and keep it; None if the server cannot be measured."""
        if contender.name in self.missing:
            return None
        try:
            record = self.driver.run(study, contender, setting, load, speech=speech, at_end=at_end)
        except BenchmarkError as error:
            self.missing[contender.name] = str(error)
            self.say(f"{contender.name}: {error}")
            return None
        return self.keep(attrs.evolve(record, more={**record.more, **(more or {})}))

    def keep(self, record: Record) -> Record:
        """Append a record to the file, and tell of it."""
        records.append(self.output, record)
        self.say(summary(record))
        return record

    def say(self, text: str) -> None:
        """Print a line; Markdown and paths stay as they are."""
        self.console.print(text, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Print the servers that were not measured, and where the results are."""
        for name, why in self.missing.items():
            self.say(f"NOT MEASURED: {name}: {why}")
        self.say(f"results: {self.output}")


def summary(record: Record) -> str:
    """Return one line about a record."""
    text = (
        f"{record.world} {record.players} {record.server}: {record.cpu_per_delta_us:.1f} µs/delta, "
        f"{record.cpu_share:.0%} of a core, {record.hz:.1f} Hz, "
        f"p99 {record.interval_p99_ms:.0f} ms, {record.bytes_per_delta:.0f} B/delta, "
        f"load {record.load_cpu_share:.0%}"
    )
    if record.passing_deltas:
        text += f", {record.more['passed']} came and went, {record.not_passed} could not"
    return text if record.valid else f"{text}; REFUSED: {', '.join(record.complaints)}"
