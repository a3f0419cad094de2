"""``isolation``: two nodes with players while Redis hangs, and while it is wiped.

Owns the processes, the players, and the joins that are tried meanwhile.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import urlopen

import attrs
import trio

from benchmarks.hostile.light import LightPlayer
from benchmarks.servers import free_port
from benchmarks.studies.cluster import running_redis
from clients import open_game
from clients.errors import ConnectionLost, Refused
from gameserver.cluster.directory.addresses import RedisAddress
from gameserver.cluster.directory.errors import DirectoryError
from gameserver.cluster.directory.redis import RedisDirectory, open_redis_directory
from gameserver.games.arena.model import Play, Steer
from gameserver.games.arena.room import Arena

SECRET = "a-secret-that-only-this-study-has"
JOIN_EVERY_S = 0.5
STEER_EVERY_S = 0.4
START_DEADLINE_S = 60.0


class Field(Arena):
    """An arena for a crowd."""

    max_players = 250


@attrs.define
class Counted:
    """The outcome."""

    players: int
    away_s: float
    dropped: int = 0
    #: Longest time between two deltas of one player while Redis was away.
    longest_gap_s: float = 0.0
    ticks_dropped: int = 0
    late_ticks: int = 0
    listed_again_s: float = 0.0
    whole_again_s: float = 0.0
    #: Sort of join → milliseconds of those that got in, and the number of those refused.
    joined_ms: defaultdict[str, list[float]] = attrs.field(factory=lambda: defaultdict(list))
    refused: defaultdict[str, int] = attrs.field(factory=lambda: defaultdict(int))


async def run(players: int, away_s: float) -> Counted:
    """Stop Redis for so long with this many players, and wipe it afterwards."""
    counted = Counted(players, away_s)
    with running_redis() as (address, redis), _nodes(address) as ports:
        async with open_redis_directory(address) as directory:
            owners = await _open_rooms(directory, ports)
            async with trio.open_nursery() as nursery:
                for number in range(players):
                    label, port = owners[number % len(owners)]
                    await nursery.start(_play, counted, port, label, f"p{number}")
                await trio.sleep(3.0)
                before = _figures(ports)
                counted.longest_gap_s = 0.0
                redis.send_signal(signal.SIGSTOP)
                with trio.move_on_after(away_s):
                    await _try_joins(counted, owners)
                redis.send_signal(signal.SIGCONT)
                after = _figures(ports)
                counted.ticks_dropped = after["ticks_dropped"] - before["ticks_dropped"]
                counted.late_ticks = after["late_ticks"] - before["late_ticks"]
                counted.listed_again_s = await _listed(directory, owners)
                await _flush(address)
                counted.whole_again_s = await _listed(directory, owners)
                await trio.sleep(2.0)
                nursery.cancel_scope.cancel()
    return counted


@contextmanager
def _nodes(address: RedisAddress) -> Iterator[list[int]]:
    """Run two nodes that share the directory at ``address``; yield their ports."""
    [(host, redis_port)] = address.hosts
    environment = {**os.environ, "GAMESERVER_SECRET": SECRET, "PYTHONPATH": os.getcwd()}
    ports, processes = [free_port(), free_port()], []
    try:
        for port in ports:
            command = [
                *(sys.executable, "-m", "gameserver", "serve", f"{__name__}:Field"),
                *("--port", str(port), "--public-url", f"ws://127.0.0.1:{port}"),
                *("--directory", f"redis://{host}:{redis_port}", "--log-level", "error"),
            ]
            processes.append(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL))
        for port in ports:
            _wait_until_ready(port)
        yield ports
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _wait_until_ready(port: int) -> None:
    deadline_s = time.monotonic() + START_DEADLINE_S
    while True:
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1.0):
                return
        except OSError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.1)


async def _open_rooms(directory: RedisDirectory, ports: list[int]) -> list[tuple[str, int]]:
    """Open rooms until each node has one; return their labels and the ports of their nodes."""
    found: dict[int, str] = {}
    for number in range(40):
        label = f"field/{number}x"
        async with open_game(f"ws://127.0.0.1:{ports[0]}", room=label, name="first"):
            claim = await directory.find(label)
        assert claim is not None
        found.setdefault(int(claim.owner.url.rpartition(":")[2]), label)
        if len(found) == len(ports):
            break
    return [(label, port) for port, label in found.items()]


async def _play(
    counted: Counted, port: int, label: str, name: str, *, task_status: trio.TaskStatus[None]
) -> None:
    """Play until cancelled; count the player if it is dropped."""
    player = await LightPlayer.join(port, label, name, Field.schema())
    await player.command(Play())
    task_status.started()
    seen_s, newest_tick = trio.current_time(), 0

    async def steer() -> None:
        for turn in itertools.cycle((1, -1)):
            await trio.sleep(STEER_EVERY_S)
            await player.command(Steer(turn=turn, thrust=True))
            await player.acknowledge(newest_tick)

    def saw(tick: int) -> None:
        nonlocal seen_s, newest_tick
        now_s, newest_tick = trio.current_time(), tick
        counted.longest_gap_s = max(counted.longest_gap_s, now_s - seen_s)
        seen_s = now_s

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(player.read, saw)
            nursery.start_soon(steer)
    except* ConnectionLost:
        counted.dropped += 1
    finally:
        await trio.aclose_forcefully(player.stream)


async def _try_joins(counted: Counted, owners: list[tuple[str, int]]) -> None:
    """Join in each way, again and again."""
    (own, port), (other, _) = owners[:2]
    number = 0
    while True:
        number += 1
        rooms = {
            "a room of this node": own,
            "any room": "field",
            "a room of another node, by name": other,
            "a new room, by name": f"field/new{number}",
        }
        for sort, room in rooms.items():
            await _try_join(counted, sort, port, room)
        await trio.sleep(JOIN_EVERY_S)


async def _try_join(counted: Counted, sort: str, port: int, room: str) -> None:
    begun_s = time.perf_counter()
    try:
        async with open_game(f"ws://127.0.0.1:{port}", room=room, name="late", resume=False):
            counted.joined_ms[sort].append(1000 * (time.perf_counter() - begun_s))
    except (Refused, ConnectionLost):
        counted.refused[sort] += 1


async def _listed(directory: RedisDirectory, owners: list[tuple[str, int]]) -> float:
    """Wait until all rooms are found; return how long that took."""
    begun_s = trio.current_time()
    for label, _ in owners:
        while True:
            try:
                if await directory.find(label) is not None:
                    break
            except DirectoryError:
                pass
            await trio.sleep(0.02)
    return trio.current_time() - begun_s


async def _flush(address: RedisAddress) -> None:
    [(_, port)] = address.hosts
    await trio.run_process(["redis-cli", "-p", str(port), "FLUSHALL"], capture_stdout=True)


def _figures(ports: list[int]) -> dict[str, int]:
    figures = {"ticks_dropped": 0, "late_ticks": 0}
    for port in ports:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5.0) as response:
            text = response.read().decode()
        for name in figures:
            found = re.findall(rf"^gameserver_{name}_total(?:{{.*}})? (\S+)", text, re.MULTILINE)
            figures[name] += int(sum(map(float, found)))
    return figures


def rows(counted: Counted) -> list[list[str]]:
    """Return the figures."""
    table = [
        ["players dropped", f"{counted.dropped} of {counted.players}"],
        ["ticks that never ran", str(counted.ticks_dropped)],
        ["ticks that began a whole tick late", str(counted.late_ticks)],
        ["longest gap of deltas", f"{1000 * counted.longest_gap_s:.0f} ms"],
        ["rooms listed again after Redis went on", f"{counted.listed_again_s:.2f} s"],
        ["whole again after FLUSHALL", f"{counted.whole_again_s:.2f} s"],
    ]
    for sort in sorted({*counted.joined_ms, *counted.refused}):
        joined = counted.joined_ms[sort]
        median = f", median {statistics.median(joined):.0f} ms" if joined else ""
        outcome = f"{len(joined)} joined{median}; {counted.refused[sort]} refused"
        table.append([f"meanwhile: {sort}", outcome])
    return table
