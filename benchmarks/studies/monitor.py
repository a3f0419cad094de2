"""``monitor``: the CPU time of a server with a full room, while the monitor is open and closed.

Owns opening and closing it while others play.  Windows with and without it alternate, so that slow
changes of the machine are in both.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

import attrs
import trio

from benchmarks import measure
from benchmarks.generator import Generator
from benchmarks.machine import BenchmarkError
from benchmarks.records import Record
from benchmarks.servers import OURSELVES, RunningServer, Setting, Started, free_port
from benchmarks.studies.session import Session
from clients import open_game
from gameserver.admin.monitor_room import Watch

#: How long the monitor has been open, or closed, when a window begins.
SETTLE_S: Final = 2.0
_WATCHER: Final = "from benchmarks.studies.monitor import watch; watch()"


def run(session: Session, players: int, rounds: int) -> list[Record]:
    """Return one record: CPU shares of the server with and without an open monitor."""
    token, port = secrets.token_urlsafe(32), free_port()

    def prepare(setting: Setting) -> Started:
        plain = OURSELVES.prepare(setting)
        return Started(
            [*plain.command, "--admin-port", str(port)],
            {**plain.environment, "GAMESERVER_ADMIN_TOKEN": token},
        )

    driver, setting = session.driver, Setting(world="bigworld", players=players)
    contender = attrs.evolve(OURSELVES, prepare=prepare)
    window_s = session.window_s
    whole_s = 2 * rounds * (window_s + 2 * SETTLE_S) + 5
    closed: list[float] = []
    opened: list[float] = []
    with RunningServer(contender, setting, driver.cores.server) as server:
        empty = measure.rss_bytes(server.pid)
        load = session.load(players, window_s=whole_s)
        with Generator(server.port, contender.speech(setting), load, driver.cores.load) as crowd:
            joined = crowd.wait_for("joined")
            crowd.wait_for("begin")
            before = measure.times(server.pid, driver.cores.server)
            for _ in range(rounds):
                closed.append(_share(server.pid, driver.cores.server, window_s))
                with _open_monitor(port, token, driver.cores.load):
                    time.sleep(SETTLE_S)
                    opened.append(_share(server.pid, driver.cores.server, window_s))
                time.sleep(SETTLE_S)
            told = crowd.wait_for("end")
            spent = measure.times(server.pid, driver.cores.server).since(before)
            resident = measure.rss_bytes(server.pid)
    differences = [one - other for one, other in zip(opened, closed, strict=True)]
    more: dict[str, Any] = {
        "closed_share": statistics.fmean(closed),
        "open_share": statistics.fmean(opened),
        "monitor_share": statistics.fmean(differences),
        "monitor_share_error": statistics.stdev(differences) / rounds**0.5 if rounds > 1 else 0.0,
    }
    record = driver.record(
        "monitor", contender, setting, told, joined, more, spent, empty, resident
    )
    return [session.keep(record)]


def _share(pid: int, core: int, window_s: float) -> float:
    """Return the share of a core that a process takes in a window."""
    before, begun_s = measure.times(pid, core), time.perf_counter()
    time.sleep(window_s)
    after, ended_s = measure.times(pid, core), time.perf_counter()
    return after.since(before).cpu_s / (ended_s - begun_s)


@contextlib.contextmanager
def _open_monitor(port: int, token: str, core: int) -> Iterator[None]:
    """Keep the monitor open, in a process of its own; ``BenchmarkError`` if it closes before."""
    with subprocess.Popen(
        [sys.executable, "-c", _WATCHER, str(port), str(core)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as watcher:
        assert watcher.stdin is not None
        assert watcher.stdout is not None
        watcher.stdin.write(f"{token}\n")
        watcher.stdin.flush()
        try:
            watcher.stdout.readline()  # it is open, or the process has ended
            yield
            if watcher.poll() is not None:
                raise BenchmarkError("the monitor was not open all the time")
        finally:
            watcher.terminate()


def watch() -> None:
    """Keep the monitor open on the busiest room, and print a line once it is.

    ``argv`` has its port and the core to run on; standard input has the token.
    """
    port, core, token = int(sys.argv[1]), int(sys.argv[2]), sys.stdin.readline().strip()
    os.sched_setaffinity(0, {core})

    async def run_() -> None:
        url = f"ws://127.0.0.1:{port}/"
        async with open_game(url, name="operator", room="monitor", token=token) as operator:
            while not (rooms := operator.replica.of_kind("RoomFigures")):
                await operator.next_delta()
            busiest: Any = max(rooms, key=lambda room: room.players)
            await operator.send(Watch(busiest.label))
            sys.stdout.write("open\n")
            sys.stdout.flush()
            while True:
                await operator.next_delta()

    trio.run(run_)
