"""``soak``: players of all kinds come and go for long, attackers too, and nothing may be left.

All chance is from a seed: when each player does what, and which attack comes when.
"""

from __future__ import annotations

import datetime
import pathlib
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Final

import attrs
import trio

from benchmarks import measure, records
from benchmarks.exposition import counts_by_label, gauge, total
from benchmarks.hostile.attackers import Camp
from benchmarks.hostile.attacks import ATTACKS
from benchmarks.hostile.rooms import Siege
from benchmarks.machine import BenchmarkError
from benchmarks.servers import OURSELVES, RunningServer, Setting
from benchmarks.soak.lives import Lives
from benchmarks.soak.log import about, unexplained
from benchmarks.soak.results import Look, SoakRecord
from benchmarks.studies.hostile import start_rooms
from benchmarks.studies.session import Session
from gameserver.runtime.net.tls import make_development_certificate

LOOK_EVERY_S: Final = 5.0
#: How long an attack lasts, and how long nobody attacks then.
ATTACK_S: Final = (2.0, 6.0)
PEACE_S: Final = (2.0, 8.0)


def run(session: Session, players: int, minutes: float, seed: int) -> SoakRecord:
    """Soak a fresh server, and return the record."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        paths = make_development_certificate(pathlib.Path(folder))
        setting = Setting(
            world="siege", players=players, certificate=(paths.certificate, paths.key)
        )
        contender = attrs.evolve(OURSELVES, prepare=partial(start_rooms, seed=seed))
        with RunningServer(contender, setting, session.driver.cores.server) as server:
            url = f"ws://127.0.0.1:{server.plain_port}/"
            camp = Camp(server.plain_port, server.port, session.driver.cores.load)
            soak = _Soak(session, server, camp, Lives(url, players, seed), minutes, seed)
            try:
                record = trio.run(soak.run)
            except* BenchmarkError as group:
                raise group.exceptions[0] from None
    records.append(session.output, record)
    return record


@attrs.define
class _Soak:
    session: Session
    server: RunningServer
    camp: Camp
    lives: Lives
    minutes: float
    seed: int
    looks: list[Look] = attrs.field(factory=list)
    attacks: list[str] = attrs.field(factory=list)
    attackers: Counter[str] = attrs.field(factory=Counter)
    settled_s: float | None = None

    async def run(self) -> SoakRecord:
        with trio.move_on_after(60 * self.minutes):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.lives.run)
                nursery.start_soon(self._attack)
                nursery.start_soon(self._watch)
        metrics = await self._metrics()
        log = self.server.log().splitlines()
        return SoakRecord(
            seed=self.seed,
            minutes=self.minutes,
            players=self.lives.players,
            lives=self.lives.counts,
            attacks=tuple(self.attacks),
            resumptions={
                how: int(count) for how, count in counts_by_label(metrics, "resumptions").items()
            },
            attackers=dict(self.attackers),
            looks=tuple(self.looks),
            settled_s=self.settled_s,
            overload_ups=int(total(metrics, "overload_ups")),
            ticks_dropped=int(total(metrics, "ticks_dropped")),
            log_lines=len(log),
            unexplained=tuple(unexplained(log)),
            evidence=tuple(about(self.lives.counts.wronged, log)),
            machine=self.session.driver.machine,
            when=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )

    async def _attack(self) -> None:
        begun_s = trio.current_time()
        for name, lasts_s, peace_s in plan(self.seed):
            await trio.sleep(peace_s)
            self.attacks.append(name)
            tally = await self.camp.attack(name, self.seed + len(self.attacks), lasts_s)
            self.attackers.update(attrs.asdict(tally))
            if len(self.attacks) == len(ATTACKS):
                self.settled_s = trio.current_time() - begun_s + Siege.hold_s

    async def _watch(self) -> None:
        begun_s = trio.current_time()
        while True:
            metrics = await self._metrics()
            look = seen(
                metrics,
                at_s=trio.current_time() - begun_s,
                rss_bytes=measure.rss_bytes(self.server.pid),
                players=self.lives.playing,
            )
            self.looks.append(look)
            self.session.say(
                f"{look.at_s:.0f} s: {look.players} play, {look.rss_bytes / 1e6:.1f} MB, "
                f"{look.tasks} tasks, {look.descriptors} descriptors, "
                f"{len(self.attacks)} attacks so far, {len(self.lives.counts.dropped)} dropped, "
                f"{len(self.lives.counts.seats_lost)} seats lost"
            )
            await trio.sleep(LOOK_EVERY_S)

    async def _metrics(self) -> str:
        return await trio.to_thread.run_sync(self.server.get, "/metrics")


def seen(metrics: str, *, at_s: float, rss_bytes: int, players: int) -> Look:
    """Return a look at the server; its ``metrics`` hold what the process does not show."""
    return Look(
        at_s=at_s,
        rss_bytes=rss_bytes,
        players=players,
        tasks=int(gauge(metrics, "gameserver_tasks")),
        descriptors=int(gauge(metrics, "process_open_fds")),
        held=int(gauge(metrics, "gameserver_held_seats")),
        blocks=int(gauge(metrics, "gameserver_python_blocks")),
    )


def plan(seed: int) -> Iterator[tuple[str, float, float]]:
    """Yield for ever an attack, how long it lasts, and how long nobody attacks before it.

    All of them in some order, then all in another.
    """
    rng = random.Random(seed)
    while True:
        for name in rng.sample(list(ATTACKS), len(ATTACKS)):
            yield name, rng.uniform(*ATTACK_S), rng.uniform(*PEACE_S)
