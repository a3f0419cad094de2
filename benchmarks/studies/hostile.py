"""``hostile``: honest players beside one attack after the other, on a real server.

First a window in which nobody attacks, then each attack for as long, with a pause after it in which
everything has to be as it was.  The server has one core; honest players and attackers, each in a
process of their own, share the other, where the honest come first.
"""

from __future__ import annotations

import datetime
import json
import math
import pathlib
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import attrs
import trio

from benchmarks import measure, records
from benchmarks.exposition import counts_by_label, gauge, total
from benchmarks.hostile.attackers import Camp
from benchmarks.hostile.attacks import ALWAYS, ATTACKS
from benchmarks.hostile.honest import (
    Honest,
    coreless_ticks,
    delays_s,
    missed_ticks,
    of_ticks,
)
from benchmarks.hostile.results import QUIET, AttackRecord, Usage, worst
from benchmarks.machine import ROOT, BenchmarkError
from benchmarks.servers import OURSELVES, RunningServer, Setting, Started
from benchmarks.studies.session import Session
from gameserver.runtime.net.tls import make_development_certificate

ROOMS: Final = ("benchmarks.hostile.rooms:Siege", "benchmarks.hostile.rooms:Guarded")
#: After an attack everything has to be as before within this.
RECOVER_S: Final = 10.0
#: Deltas are given so long to arrive, before those that did not are missed.
ON_THEIR_WAY_S: Final = 1.0
#: How often the server is asked what it has; its answer is a second old at most.
LOOK_EVERY_S: Final = 2.0
JOIN_WITHIN_S: Final = 60.0


def run(
    session: Session, players: int, seconds: float, names: Sequence[str], seed: int
) -> list[AttackRecord]:
    """Measure the quiet window and all attacks of ``names``; ``BenchmarkError`` if one is none."""
    unknown = [name for name in names if name not in ATTACKS]
    if unknown:
        raise BenchmarkError(f"no such attack: {unknown[0]}; there are {', '.join(ATTACKS)}")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        paths = make_development_certificate(pathlib.Path(folder))
        setting = Setting(
            world="siege", players=players, certificate=(paths.certificate, paths.key)
        )
        contender = attrs.evolve(OURSELVES, prepare=partial(start_rooms, seed=seed))
        with RunningServer(contender, setting, session.driver.cores.server) as server:
            camp = Camp(server.plain_port, server.port, session.driver.cores.load)
            study = _Study(session, server, camp, Honest(players), seconds, seed)
            try:
                return trio.run(study.run, names)
            except* BenchmarkError as group:
                raise group.exceptions[0] from None


def start_rooms(setting: Setting, *, seed: int) -> Started:
    """Serve the rooms with limits as they are by default; only 127.0.0.1 is trusted.

    Empty rooms close within ``RECOVER_S``: their tasks are no leak.
    """
    command = [sys.executable, "-m", "gameserver", "serve", *ROOMS, "--port", "0"]
    assert setting.certificate is not None
    certificate, key = setting.certificate
    command += ["--certificate", str(certificate), "--key", str(key), "--tls-port", "0"]
    command += ["--trusted", "127.0.0.1/32", "--log-level", "info", "--log-format", "json"]
    command += ["--seed", str(seed), "--empty-room-s", str(RECOVER_S / 2)]
    environment = {"PYTHONPATH": str(ROOT), "GAMESERVER_SECRET": "s" * 32}
    return Started(command, environment)


@attrs.define
class _Study:
    """One server with its honest players; what comes from the server's own mouth, it asks."""

    session: Session
    server: RunningServer
    camp: Camp
    honest: Honest
    seconds: float
    seed: int
    _log_read: int = 0
    _metrics: str = ""

    @property
    def _core(self) -> int:
        return self.session.driver.cores.server

    async def run(self, names: Sequence[str]) -> list[AttackRecord]:
        found = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.honest.run, self.server.plain_port)
            await self._until_all_play()
            self.session.say("each attack for a moment, so that what they allocate once is there")
            await self.camp.rehearse(names)
            await trio.sleep(RECOVER_S)
            for name in (QUIET, *names):
                record = await self._attack(name)
                records.append(self.session.output, record)
                found.append(record)
                self.session.say(summary(record))
            nursery.cancel_scope.cancel()
        return found

    async def _until_all_play(self) -> None:
        """Wait until all players get deltas, and drop the figures from before."""
        honest = self.honest
        with trio.move_on_after(JOIN_WITHIN_S) as joining:
            await honest.until(lambda: honest.playing == honest.players)
            honest.take()
            await honest.until(lambda: honest.newest_tick >= 0)
        if joining.cancelled_caught:
            raise BenchmarkError(f"only {honest.playing} of {honest.players} honest players play")

    async def _attack(self, name: str) -> AttackRecord:
        """Measure one window, and what it leaves behind."""
        attackers = None if name == QUIET else await self.camp.ready(name, self.seed)
        await self._until_all_play()
        before = await self._usage()
        metrics_before = self._metrics
        self._new_log_lines()
        checksums = self.honest.wrong_checksums
        first = self.honest.newest_tick
        waited_s = measure.waited_s(self.server.pid)
        stolen_s = measure.stolen_s(self._core)
        if attackers is not None:
            attackers.begin()
        during = await self._look()
        ticks = range(first + 1, self.honest.newest_tick + 1)
        waited_s = measure.waited_s(self.server.pid) - waited_s
        stolen_s = measure.stolen_s(self._core) - stolen_s
        if attackers is not None:
            await trio.to_thread.run_sync(attackers.end)
        await trio.sleep(RECOVER_S - ON_THEIR_WAY_S)
        and_after = range(first + 1, self.honest.newest_tick + 1)
        await trio.sleep(ON_THEIR_WAY_S)
        after = await self._usage()
        window = self.honest.take()
        missed = missed_ticks(window, and_after)
        coreless = missed_ticks(window, coreless_ticks(window, and_after))
        delays = delays_s(window, ticks)
        work, cpu = of_ticks(window.work_s, ticks), of_ticks(window.cpu_s, ticks)
        endings = self._endings_since(metrics_before)
        return AttackRecord(
            attack=name,
            seconds=self.seconds,
            players=self.honest.players,
            lost=tuple(window.lost),
            ticks=len(and_after),
            ticks_missed=sum(missed),
            ticks_missed_coreless=sum(coreless),
            ticks_missed_by_worst=max(missed),
            ticks_dropped=int(
                total(self._metrics, "ticks_dropped") - total(metrics_before, "ticks_dropped")
            ),
            wrong_checksums=self.honest.wrong_checksums - checksums,
            tick_p50_ms=1000 * _percentile(work, 0.5),
            tick_p99_ms=1000 * _percentile(work, 0.99),
            tick_cpu_p50_ms=1000 * _percentile(cpu, 0.5),
            tick_cpu_p99_ms=1000 * _percentile(cpu, 0.99),
            delay_p50_ms=1000 * _percentile(delays, 0.5),
            delay_p99_ms=1000 * _percentile(delays, 0.99),
            nap_p99_ms=1000 * _percentile(sorted(window.naps_late_s), 0.99),
            waited=waited_s / self.seconds,
            stolen=stolen_s / self.seconds,
            before=before,
            during=during,
            after=after,
            attackers={} if attackers is None else attrs.asdict(attackers.tally),
            endings=endings,
            wrong_codes=wrong_codes(name, endings),
            crashes=tuple(line for line in self._new_log_lines() if is_bug(line)),
            machine=self.session.driver.machine,
            when=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )

    async def _look(self) -> Usage:
        """Let the window pass; return the largest usage of the server in it, sampled."""
        end_s = trio.current_time() + self.seconds
        usages = [await self._usage()]
        while (left_s := end_s - trio.current_time()) > 0:
            await trio.sleep(min(left_s, LOOK_EVERY_S))
            usages.append(await self._usage())
        return worst(usages)

    async def _usage(self) -> Usage:
        # A thread: who measures must not wait for an answer while deltas come.
        self._metrics = await trio.to_thread.run_sync(self.server.get, "/metrics")
        return Usage(
            rss_bytes=measure.rss_bytes(self.server.pid),
            tasks=int(gauge(self._metrics, "gameserver_tasks")),
            descriptors=int(gauge(self._metrics, "process_open_fds")),
        )

    def _endings_since(self, metrics: str) -> dict[str, int]:
        """Return how many sessions ended since then, by close code, joined or not."""
        found: Counter[str] = Counter()
        for name in ("endings", "refusals"):
            now, then = (counts_by_label(text, name) for text in (self._metrics, metrics))
            for code, count in now.items():
                found[code] += int(count - then.get(code, 0))
        return {code: count for code, count in sorted(found.items()) if count}

    def _new_log_lines(self) -> list[str]:
        """Return the lines that were logged since the last call."""
        log = self.server.log()
        new, self._log_read = log[self._log_read :], len(log)
        return new.splitlines()


def wrong_codes(attack: str, endings: Mapping[str, int]) -> dict[str, int]:
    """Return the unexpected codes among ``endings``."""
    right = ALWAYS | (ATTACKS[attack].codes if attack in ATTACKS else frozenset())
    return {code: count for code, count in endings.items() if int(code) not in right}


def is_bug(line: str) -> bool:
    """Whether a line of the log, in JSON, tells of something that must not happen."""
    try:
        entry = json.loads(line)
    except ValueError:
        return True  # nothing but the log writes there
    return entry.get("level") in ("error", "critical") or "exception" in entry


def summary(record: AttackRecord) -> str:
    """Return one line about a record."""
    return (
        f"{record.attack}: {len(record.lost)} dropped, {record.ticks_missed} ticks missed, "
        f"{record.ticks_missed_coreless} of them for want of a core, "
        f"tick p99 {record.tick_cpu_p99_ms:.2f} ms on the core, "
        f"{record.tick_p99_ms:.2f} ms in all, delay p99 {record.delay_p99_ms:.1f} ms, "
        f"tasks {record.before.tasks} → {record.during.tasks} → {record.after.tasks}, "
        f"nap p99 {record.nap_p99_ms:.1f} ms, waited {record.waited:.1%}, "
        f"stolen {record.stolen:.1%}, "
        f"attackers {dict(record.attackers)}, endings {dict(record.endings)}"
    )


def _percentile(ordered: Sequence[float], part: float) -> float:
    """Return a percentile by nearest rank; NaN of nothing."""
    return ordered[round(part * (len(ordered) - 1))] if ordered else math.nan
