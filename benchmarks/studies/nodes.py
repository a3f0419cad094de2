"""``nodes``: one host with one and with two nodes: what it costs that a room is on the other node.

Owns the servers, light players, and the figures.  The time of a join counts from connecting to the
welcome; which node accepts is the kernel's choice, so the log tells afterwards which joins were
passed on.  Two cores hold both nodes and the players too, so the number of players that nodes hold
is projected from CPU time per delta, not measured.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs
import trio

from benchmarks import measure
from benchmarks.hostile.light import LightPlayer
from benchmarks.machine import ROOT, BenchmarkError
from gameserver import Room, entity, synced
from gameserver.model.schema import Schema

#: Rooms of the joins; two nodes have about half of them each.
ROOMS: Final = 8
PLAYERS_PER_ROOM: Final = 20
START_DEADLINE_S: Final = 60.0
SCHEMA: Final = Schema((), (), ())


@entity
class Dial:
    """Turns at each tick."""

    value: int = synced(0)


class Turning(Room):
    """Everybody gets a delta at each tick."""

    tick_rate = 20
    max_players = 100
    classes = (Dial,)

    def on_create(self) -> None:
        """Begin at 0."""
        self.dial = self.spawn(Dial())

    def tick(self) -> None:
        """Turn."""
        self.dial.value += 1


@attrs.define
class Counted:
    """The outcome of one run; times of joins in milliseconds."""

    own_ms: list[float] = attrs.field(factory=list)
    passed_ms: list[float] = attrs.field(factory=list)
    #: Number of nodes → deltas that players got, and CPU time of all server processes.
    deltas: dict[int, int] = attrs.field(factory=dict)
    cpu_s: dict[int, float] = attrs.field(factory=dict)
    players: int = 0
    #: Number of nodes → CPU time of all server processes for one join, in milliseconds.
    join_cpu_ms: dict[int, float] = attrs.field(factory=dict)


async def run(joins: int, players: int, window_s: float) -> Counted:
    """Measure joins with two nodes, then the CPU time with one and two."""
    counted = Counted(players=players)
    for nodes in (1, 2):
        with _serving(nodes) as server:
            before_s = measure.cpu_s(server.process.pid)
            times = await _joins(server.port, joins)
            spent_s = measure.cpu_s(server.process.pid) - before_s
            counted.join_cpu_ms[nodes] = 1000 * spent_s / joins
            passed = server.passed_on()
    for client_port, took_ms in times.items():
        (counted.passed_ms if client_port in passed else counted.own_ms).append(took_ms)
    for nodes in (1, 2):
        with _serving(nodes) as server:
            deltas, cpu_s = await _play(server, players, window_s)
        counted.deltas[nodes], counted.cpu_s[nodes] = deltas, cpu_s
    return counted


def rows(counted: Counted) -> list[list[str]]:
    """Return the rows of a table."""
    own, passed = map(statistics.median, (counted.own_ms, counted.passed_ms))
    per_delta = {n: 1e6 * counted.cpu_s[n] / counted.deltas[n] for n in counted.deltas}
    return [
        ["join on the accepting node, median", f"{own:.2f} ms ({len(counted.own_ms)} joins)"],
        ["join on the other node, median", f"{passed:.2f} ms ({len(counted.passed_ms)} joins)"],
        ["the other node costs", f"{passed - own:.2f} ms more"],
        ["… at the 10th percentile", f"{_p10(counted.passed_ms) - _p10(counted.own_ms):.2f} ms"],
        ["CPU time of a join, one node", f"{counted.join_cpu_ms[1]:.2f} ms"],
        ["… two nodes, these joins", f"{counted.join_cpu_ms[2]:.2f} ms"],
        *(
            [f"CPU time per delta, {n} node(s)", f"{us:.1f} µs ({counted.players} players)"]
            for n, us in per_delta.items()
        ),
        ["two nodes hold (projected)", f"{2 * per_delta[1] / per_delta[2]:.2f} × as many as one"],
    ]


def _p10(values: list[float]) -> float:
    """Return what a busy machine delays least."""
    return statistics.quantiles(values, n=10)[0]


class _Server:
    """A server process and its log."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log
        self.port = 0

    def entries(self) -> list[dict[str, object]]:
        """Return the lines of the log so far."""
        lines = self._log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def passed_on(self) -> set[int]:
        """Return the ports of the clients whose connections were passed on."""
        passed = [entry for entry in self.entries() if entry["event"] == "passed on"]
        return {int(str(entry["peer"]).rpartition(":")[2]) for entry in passed}


@contextlib.contextmanager
def _serving(nodes: int) -> Iterator[_Server]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        command = [sys.executable, "-m", "gameserver", "serve", f"{__name__}:Turning"]
        command += ["--port=0", f"--nodes={nodes}", f"--data={home / 'data'}"]
        command += ["--log-level=debug", "--joins-per-s=1000", "--max-rooms-per-address=1000"]
        with (home / "out").open("wb") as out, (home / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=log)
        try:
            server = _Server(process, home / "log")
            server.port = _port(home / "out", process)
            wait_until_all_serve(home / "data" / "nodes", nodes)
            yield server
        finally:
            process.terminate()
            process.wait()


def _port(out: Path, process: subprocess.Popen[bytes]) -> int:
    deadline_s = time.monotonic() + START_DEADLINE_S
    while process.poll() is None and time.monotonic() < deadline_s:
        for line in out.read_text().splitlines():
            if line.startswith("open http://"):
                return int(line.rstrip("/").rpartition(":")[2])
        time.sleep(0.1)
    raise BenchmarkError("the server does not start")


def wait_until_all_serve(folder: Path, nodes: int) -> None:
    """Wait until each node has its socket in ``folder``, and has listed itself."""
    deadline_s = time.monotonic() + START_DEADLINE_S
    while nodes > 1 and not all((folder / f"n{index}").exists() for index in range(nodes)):
        if time.monotonic() > deadline_s:
            raise BenchmarkError("the nodes do not start")
        time.sleep(0.1)
    time.sleep(2.0)  # every node has renewed its listing


async def _joins(port: int, count: int) -> dict[int, float]:
    """Return the time of each join, one after the other, by the port of its client."""
    times = {}
    for number in range(count):
        begun_s = time.perf_counter()
        player = await LightPlayer.join(port, f"turning/r{number % ROOMS}", "ann", SCHEMA)
        took_ms = 1000 * (time.perf_counter() - begun_s)
        if number >= 2 * ROOMS:  # the rooms are made by then
            times[player.stream.socket.getsockname()[1]] = took_ms
        await player.leave()
    return times


async def _play(server: _Server, players: int, window_s: float) -> tuple[int, float]:
    """Return the deltas that players got within the window, and the CPU time for them."""
    deltas = 0

    def count(_tick: int) -> None:
        nonlocal deltas
        deltas += 1

    async with trio.open_nursery() as nursery:
        for number in range(players):
            room = f"turning/p{number // PLAYERS_PER_ROOM}"
            player = await LightPlayer.join(server.port, room, f"p{number}", SCHEMA)
            nursery.start_soon(player.read, count)
        await trio.sleep(2.0)
        before, deltas = measure.cpu_s(server.process.pid), 0
        await trio.sleep(window_s)
        counted, spent_s = deltas, measure.cpu_s(server.process.pid) - before
        nursery.cancel_scope.cancel()
    return counted, spent_s
