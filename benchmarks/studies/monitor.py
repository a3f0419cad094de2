"""``monitor``: what the monitor costs a room full of players, while it is open and while it is not.

Owns opening and closing it while others play.  Windows with and without it alternate, so that what
changes slowly on the machine is in both.
"""

from __future__ import annotations

import os
import secrets
import socket
import statistics
import subprocess
import sys
import time
from typing import Any, Final

import attrs
import trio

from benchmarks import measure
from benchmarks.generator import Generator
from benchmarks.machine import BenchmarkError
from benchmarks.records import Record
from benchmarks.servers import OURSELVES, RunningServer, Setting, Started
from benchmarks.studies.session import Session
from clients import open_game
from gameserver.admin.monitor_room import Watch

#: How long the monitor is open before a window begins, and closed.
SETTLE_S: Final = 2.0
_WATCHER: Final = "from benchmarks.studies.monitor import watch; watch()"


def run(session: Session, players: int, rounds: int) -> list[Record]:
    """Return one record: CPU shares of the server with and without an open monitor."""
    token, port = secrets.token_urlsafe(32), _free_port()

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
                with subprocess.Popen(
                    [sys.executable, "-c", _WATCHER, str(port), str(driver.cores.load)],
                    stdin=subprocess.PIPE,
                    text=True,
                ) as watcher:
                    assert watcher.stdin is not None
                    watcher.stdin.write(f"{token}\n")
                    watcher.stdin.flush()
                    time.sleep(SETTLE_S)
                    opened.append(_share(server.pid, driver.cores.server, window_s))
                    if watcher.poll() is not None:
                        raise BenchmarkError("the monitor was not open all the time")
                    watcher.terminate()
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


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def watch() -> None:
    """Keep the monitor open on the busiest room; ``argv`` has its port and the core to run on."""
    port, core, token = int(sys.argv[1]), int(sys.argv[2]), sys.stdin.readline().strip()
    os.sched_setaffinity(0, {core})

    async def run_() -> None:
        url = f"ws://127.0.0.1:{port}/"
        async with open_game(url, name="operator", room="monitor", token=token) as operator:
            while not (rooms := operator.replica.of_kind("RoomFigures")):
                await operator.next_delta()
            busiest: Any = max(rooms, key=lambda room: room.players)
            await operator.send(Watch(busiest.label))
            while True:
                await operator.next_delta()

    trio.run(run_)
