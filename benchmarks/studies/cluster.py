"""``cluster``: the load of a thousand nodes on one real Redis, simulated by their operations.

Owns the Redis process, the nodes' listings and the players that come and go.  No room is ticked:
the nodes are what they send.  Renewals are encoded before the counting, so the generator keeps up
on one core; all else is what a server does.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final

import attrs
import trio

from benchmarks.machine import BenchmarkError
from benchmarks.servers import free_port
from gameserver.cluster.directory.addresses import RedisAddress, read_address
from gameserver.cluster.directory.errors import DirectoryUnavailable
from gameserver.cluster.directory.listings import NodeListing, NodeLoad, RoomListing
from gameserver.cluster.directory.redis import (
    RedisDirectory,
    renewal_arguments,
)
from gameserver.cluster.directory.redis_link import RedisLink, Script, open_link
from gameserver.cluster.placement import by_load

KIND: Final = "arena"
SEATS: Final = 16
#: Links that all nodes share; a real node has one of its own.
LINKS: Final = 16
RENEW_EVERY_S: Final = 1.0
#: The mean time that a player stays, from which the rate of joins follows.
STAY_S: Final = 600.0
#: Joins whose time is measured apart, one at a time.
PATIENCE_S: Final = 30.0
_RENEW: Final = Script("renew")
_MODES: Final = ("duel", "teams", "ranked")


@attrs.define
class Counted:
    """The outcome of one run."""

    nodes: int
    rooms: int
    players: int
    window_s: float
    renewals: int = 0
    joins: int = 0
    #: Joins that found no room and made one.
    made: int = 0
    late_renewals: int = 0
    failed: int = 0
    join_ms: list[float] = attrs.field(factory=list)
    redis_cpu_s: float = 0.0
    bytes_in: int = 0
    scripts: int = 0
    memory_mb: float = 0.0
    script_p99_us: float = 0.0
    renewal_bytes: float = 0.0
    #: Redis' time for a renewal, and for the two calls of a join, each measured alone.
    renewal_us: float = 0.0
    join_us: float = 0.0


async def run(nodes: int, rooms: int, players: int, window_s: float, seed: int) -> Counted:
    """Fill a directory, then let its nodes renew and its players come and go."""
    chance = random.Random(seed)
    with running_redis() as (address, _):
        async with _links(address) as links:
            directories = [RedisDirectory(link, 3.0) for link in links]
            counted = Counted(nodes, rooms, players, window_s)
            renewals = await _renewals(counted, chance)
            await _settle(directories[0], renewals, links)
            await _measure_alone(counted, directories[0], links[0], renewals, chance)
            await _play(counted, directories, links, renewals, chance)
    return counted


async def _renewals(counted: Counted, chance: random.Random) -> list[list[Any]]:
    """Return what each node sends with a renewal."""
    per_node = counted.rooms // counted.nodes
    mean = counted.players / counted.rooms
    renewals = []
    for number in range(counted.nodes):
        node = f"node{number:06}"
        listings = []
        for serial in range(per_node):
            seated = min(SEATS, max(0, round(chance.gauss(mean, 3))))
            label = f"{KIND}/{number}x{serial}"
            filters = {"mode": chance.choice(_MODES)}
            listings.append(
                RoomListing(
                    label=label,
                    fence=1 + number * per_node + serial,
                    serial=serial,
                    players=seated,
                    free_seats=SEATS - seated,
                    filters=filters,
                    shown={"name": label, "players": seated, "max_players": SEATS, **filters},
                )
            )
        load = NodeLoad(busy=round(chance.random(), 2), players=round(mean * per_node))
        listing = NodeListing(
            node=node, host=node, url=f"wss://{node}.example.org", kinds={KIND: "h"}, load=load
        )
        renewals.append([3000, *await renewal_arguments(listing, listings)])
    sizes = [sum(len(str(a)) if isinstance(a, int) else len(a) for a in r) for r in renewals]
    counted.renewal_bytes = statistics.mean(sizes)
    return renewals


async def _settle(
    directory: RedisDirectory, renewals: Sequence[list[Any]], links: Sequence[RedisLink]
) -> None:
    """List all nodes, until claims are taken."""
    settled = trio.current_time() + directory.lease_s + 1.0
    while trio.current_time() < settled:
        for number, arguments in enumerate(renewals):
            await links[number % LINKS].run(_RENEW, arguments)


async def _measure_alone(
    counted: Counted,
    directory: RedisDirectory,
    link: RedisLink,
    renewals: Sequence[list[Any]],
    chance: random.Random,
) -> None:
    """Measure Redis' time for each operation, without others at the same time."""
    some = renewals[: min(len(renewals), 300)]
    before = await _cpu_s(link.address)
    for arguments in some:
        await link.run(_RENEW, arguments)
    between = await _cpu_s(link.address)
    for _ in range(300):
        await _join(directory, chance)
    after = await _cpu_s(link.address)
    counted.renewal_us = 1e6 * (between - before) / len(some)
    counted.join_us = 1e6 * (after - between) / 300


async def _join(directory: RedisDirectory, chance: random.Random) -> bool:
    """Join as a player who asks for any room of a mode; False if a room has to be made."""
    filters = {"mode": chance.choice(_MODES)} if chance.random() < 0.5 else {}
    for _ in range(3):
        drawn = await directory.candidates(KIND, filters)
        choice = by_load(drawn)
        if choice is None or isinstance(choice, NodeListing):
            return False
        if await directory.take_seats(choice.label, choice.fence):
            return True
    return False


async def _play(
    counted: Counted,
    directories: Sequence[RedisDirectory],
    links: Sequence[RedisLink],
    renewals: Sequence[list[Any]],
    chance: random.Random,
) -> None:
    """Let nodes renew once a second and players join, for the window."""
    address = links[0].address
    before = await _info(address)
    begun_s = trio.current_time()
    ends_s = begun_s + counted.window_s
    async with trio.open_nursery() as nursery:
        for number in range(LINKS):
            of_link = renewals[number::LINKS]
            nursery.start_soon(_renew_all, counted, links[number], of_link, ends_s)
            nursery.start_soon(_join_all, counted, directories[number], chance, ends_s)
    after = await _info(address)
    counted.window_s = trio.current_time() - begun_s
    counted.redis_cpu_s = after["cpu_s"] - before["cpu_s"]
    counted.bytes_in = int(after["bytes_in"] - before["bytes_in"])
    counted.scripts = int(after["scripts"] - before["scripts"])
    counted.memory_mb = after["memory_mb"]
    counted.script_p99_us = after["p99_us"]


async def _renew_all(
    counted: Counted, link: RedisLink, renewals: Sequence[list[Any]], ends_s: float
) -> None:
    """Renew each node once a second, evenly."""
    begun_s, round_number = trio.current_time(), 0
    while renewals:
        for number, arguments in enumerate(renewals):
            due_s = begun_s + (round_number + number / len(renewals)) * RENEW_EVERY_S
            if due_s >= ends_s:
                return
            await trio.sleep_until(due_s)
            counted.late_renewals += trio.current_time() > due_s + RENEW_EVERY_S
            try:
                await link.run(_RENEW, arguments)
                counted.renewals += 1
            except DirectoryUnavailable:
                counted.failed += 1
        round_number += 1


async def _join_all(
    counted: Counted, directory: RedisDirectory, chance: random.Random, ends_s: float
) -> None:
    """Let players join at the rate at which others leave."""
    per_s = counted.players / STAY_S / LINKS
    due_s = trio.current_time()
    while (due_s := due_s + chance.expovariate(per_s)) < ends_s:
        await trio.sleep_until(due_s)
        begun_s = time.perf_counter()
        try:
            counted.made += not await _join(directory, chance)
            counted.joins += 1
        except DirectoryUnavailable:
            counted.failed += 1
        counted.join_ms.append(1000 * (time.perf_counter() - begun_s))


# ---------------------------------------------------------------- Redis


@contextlib.contextmanager
def running_redis() -> Iterator[tuple[RedisAddress, subprocess.Popen[bytes]]]:
    """Run a Redis server of a study's own; yield its address and process."""
    if shutil.which("redis-server") is None:
        raise BenchmarkError("this needs redis-server: apt-get install redis-server")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        try:
            deadline_s = time.monotonic() + PATIENCE_S
            while not _answers(port):
                if time.monotonic() > deadline_s:
                    raise BenchmarkError("Redis did not start")
                time.sleep(0.02)
            yield read_address(f"redis://127.0.0.1:{port}"), process
        finally:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True


@contextlib.asynccontextmanager
async def _links(address: RedisAddress) -> AsyncIterator[list[RedisLink]]:
    async with contextlib.AsyncExitStack() as opened:
        yield [
            await opened.enter_async_context(open_link(address, PATIENCE_S)) for _ in range(LINKS)
        ]


async def _cpu_s(address: RedisAddress) -> float:
    return (await _info(address))["cpu_s"]


async def _info(address: RedisAddress) -> dict[str, float]:
    """Return the figures that the server tells about itself."""
    [(_, port)] = address.hosts
    done = await trio.run_process(
        ["redis-cli", "-p", str(port), "INFO", "all"], capture_stdout=True
    )
    lines = [line.partition(":") for line in done.stdout.decode().splitlines()]
    info = {name: value for name, _, value in lines}
    calls = [
        int(field.removeprefix("calls="))
        for name in ("cmdstat_evalsha", "cmdstat_eval")
        for field in info.get(name, "").split(",")
        if field.startswith("calls=")
    ]
    latencies = dict(
        part.split("=")
        for part in info.get("latency_percentiles_usec_evalsha", "").split(",")
        if "=" in part
    )
    return {
        "cpu_s": float(info["used_cpu_user"]) + float(info["used_cpu_sys"]),
        "bytes_in": float(info["total_net_input_bytes"]),
        "scripts": float(sum(calls)),
        "memory_mb": float(info["used_memory"]) / 1e6,
        "p99_us": float(latencies.get("p99", 0.0)),
    }


# ---------------------------------------------------------------- what it tells


def rows(counted: Counted) -> list[list[str]]:
    """Return the figures, and where they lead."""
    window_s = counted.window_s
    quantiles = statistics.quantiles(counted.join_ms, n=100) if counted.join_ms[1:] else [0.0] * 99
    cpu = counted.redis_cpu_s / window_s
    table = [
        ["nodes, rooms, players", f"{counted.nodes:,}, {counted.rooms:,}, {counted.players:,}"],
        ["renewals a second", f"{counted.renewals / window_s:,.0f}"],
        ["joins a second (two or more scripts each)", f"{counted.joins / window_s:,.0f}"],
        ["scripts a second", f"{counted.scripts / window_s:,.0f}"],
        [
            "calls that failed; renewals later than a second",
            f"{counted.failed}; {counted.late_renewals}",
        ],
        ["CPU of Redis, of one core", f"{cpu:.0%}"],
        ["a join: median, p99", f"{quantiles[49]:.2f} ms, {quantiles[98]:.2f} ms"],
        ["a script in Redis, p99", f"{counted.script_p99_us:.0f} µs"],
        ["bytes of a renewal", f"{counted.renewal_bytes:,.0f}"],
        ["into Redis", f"{counted.bytes_in / window_s / 1e6:.1f} MB/s"],
        ["memory of Redis", f"{counted.memory_mb:.0f} MB"],
        [
            "Redis' time alone: a renewal, a join",
            f"{counted.renewal_us:.0f} µs, {counted.join_us:.0f} µs",
        ],
    ]
    # On paper: each figure grows with the number of players, at the same rooms per node.
    joins_per_s = counted.players / STAY_S
    share = (counted.nodes * counted.renewal_us + joins_per_s * counted.join_us) / 1e6
    for millions in (1, 3, 10):
        factor = millions * 1e6 / counted.players
        nodes = counted.nodes * factor
        into_mb = nodes * counted.renewal_bytes / 1e6
        name = f"on paper, {millions} million players ({nodes:,.0f} nodes)"
        table.append([name, f"{share * factor:.0%} of a core, {into_mb:.0f} MB/s"])
    return table
