"""One measurement: start a server, have players join, and read what the window cost.

Owns the order of things and the making of a ``Record``.  Prints nothing.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from benchmarks import measure
from benchmarks.generator import Generator, Load, complaints
from benchmarks.machine import Cores, choose_cores, describe_machine
from benchmarks.records import Record
from benchmarks.servers import Contender, RunningServer, Setting
from benchmarks.speech import Speech


@attrs.frozen
class Driver:
    """Runs measurements on the same two cores of the same machine."""

    cores: Cores = attrs.field(factory=choose_cores)
    machine: Mapping[str, Any] = attrs.field(factory=describe_machine)

    def run(
        self,
        study: str,
        contender: Contender,
        setting: Setting,
        load: Load,
        *,
        speech: Speech | None = None,
        at_end: Callable[[RunningServer], Mapping[str, Any]] | None = None,
    ) -> Record:
        """Measure one window; ``at_end`` returns what else to keep, while all still play.

        ``BenchmarkError`` if the server cannot be installed or does not start.
        """
        with RunningServer(contender, setting, self.cores.server) as server:
            if speech is None:
                speech = contender.speech(setting)
            empty = measure.rss_bytes(server.pid)
            with Generator(server.port, speech, load, self.cores.load) as generator:
                joined = generator.wait_for("joined")
                generator.wait_for("begin")
                before = measure.times(server.pid, self.cores.server)
                told = generator.wait_for("end")
                spent = measure.times(server.pid, self.cores.server).since(before)
                more = {} if at_end is None else dict(at_end(server))
                resident = measure.rss_bytes(server.pid)
        return self.record(study, contender, setting, told, joined, more, spent, empty, resident)

    def record(
        self,
        study: str,
        contender: Contender,
        setting: Setting,
        told: Mapping[str, Any],
        joined: Mapping[str, Any],
        more: Mapping[str, Any],
        spent: measure.Times,
        empty: int,
        resident: int,
    ) -> Record:
        """Return the record of what a generator told."""
        interval = told["interval_ms"]
        counts = {
            "sent": told["sent"],
            "refused": told["refused"],
            "passed": told["passed"],
            "rtt_p50_ms": told["rtt_ms"]["p50"],
            "rtt_p99_ms": told["rtt_ms"]["p99"],
        }
        return Record(
            study=study,
            server=contender.name,
            world=setting.world,
            players=setting.players,
            tick_rate=setting.tick_rate,
            seconds=told["seconds"],
            cpu_s=spent.cpu_s,
            stolen_s=spent.stolen_s,
            rss_bytes=resident,
            rss_empty_bytes=empty,
            deltas=told["deltas"],
            delta_bytes=told["delta_bytes"],
            passing_deltas=told["passing_deltas"],
            not_passed=told["not_passed"],
            interval_p50_ms=interval["p50"],
            interval_p99_ms=interval["p99"],
            interval_p999_ms=interval["p999"],
            interval_max_ms=interval["max"],
            playing=told["playing"],
            joins_per_s=joined["joined"] / max(joined["seconds"], 1e-9),
            load_cpu_share=told["cpu_share"],
            complaints=complaints(told),
            more={**counts, **more},
            machine=self.machine,
            when=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )
