"""``micro``: parts of a tick by plain timing, without sockets; and bytes per entity on the wire.

Owns small worlds and a stopwatch.  Times are the best of several runs: what the code costs when
nothing else runs on the machine.
"""

from __future__ import annotations

import gc
import json
import math
import subprocess
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Final

from benchmarks.building import node_folder_of, node_of
from benchmarks.fit import fit_line
from benchmarks.machine import BenchmarkError
from benchmarks.moves import HEADINGS, SPEED, STEP
from benchmarks.pilots import FrameSink
from benchmarks.studies import rooms, sight
from benchmarks.worlds import VIEW_RADIUS, BigWorld, Broadcast, Remembered, Turn
from gameserver.model.grid import Grid
from gameserver.protocol.messages import CommandMessage, decode_from_client, pack
from gameserver.replication.publisher import Publisher
from gameserver.simulation.stepper import Stepper
from gameserver.state.hash import state_hash
from gameserver.state.restore import load
from gameserver.state.snapshot import capture

RUNS: Final = 5
TICKS: Final = 40
ENTITIES: Final = (100, 500, 1000, 2000)
SEATS: Final = (100, 500, 1000)
#: The world that a snapshot holds in this study.
SAVED_ENTITIES: Final = 2000
SAVED_SEATS: Final = 500
#: "With the frame and header shared out over 20 entities."
IN_VIEW: Final = 20


def best_us(work: Callable[[], object], times: int) -> float:
    """Return microseconds per call: the best of several runs of so many calls."""
    best_s = math.inf
    for _ in range(RUNS):
        start_s = time.perf_counter()
        for _ in range(times):
            work()
        best_s = min(best_s, time.perf_counter() - start_s)
    return best_s / times * 1e6


class Bench:
    """A big world without sockets, with seats that are always clear."""

    def __init__(self, room: type[BigWorld], seats: int, entities: int) -> None:
        self.room = room("micro")
        self.stepper = Stepper(self.room)
        self.publisher = Publisher(self.room.world, check_every_ticks=10**9, quiet_ticks=10**9)
        self.tick = 0
        self.sinks = [FrameSink() for _ in range(seats)]
        for number, sink in enumerate(self.sinks, 1):
            self.publisher.add(self.stepper.join(number, sink, "micro").seat)
        for _ in range(entities - seats):
            self.room.make_mover(None)
        self.publish()

    def publish(self) -> float:
        """Simulate, then publish; return the seconds that the publish took."""
        self.tick += 1
        self.stepper.step(self.tick)
        start_s = time.perf_counter()
        self.publisher.publish(self.tick)
        took_s = time.perf_counter() - start_s
        for sink in self.sinks:
            sink.frames.clear()
        return took_s

    def best_publish_us(self) -> float:
        """Return the median publish of the best run, in microseconds."""
        runs = (sorted(self.publish() for _ in range(TICKS)) for _ in range(RUNS))
        return min(run[TICKS // 2] for run in runs) * 1e6


def publish_per_entity_us() -> float:
    """Return the slope of publishing against moving entities, with one seat."""
    return fit_line(ENTITIES, [Bench(BigWorld, 1, n).best_publish_us() for n in ENTITIES]).slope


def publish_per_seat_us() -> float:
    """Return the µs that each further seat adds to a publish with a fixed number of entities."""
    entities = max(SEATS)
    return fit_line(SEATS, [Bench(BigWorld, n, entities).best_publish_us() for n in SEATS]).slope


def decode_command_us() -> float:
    """Return the time from the payload of a message to the command that a game gets."""
    payload = CommandMessage(1000, 0, 32 * 5000, 4999, 0, [7]).encode()
    spec = BigWorld.schema().commands[BigWorld.schema().kinds[Turn]]

    def decode() -> object:
        message = decode_from_client(payload)
        assert isinstance(message, CommandMessage)
        return spec.from_wire(message.values)

    return best_us(decode, 20_000)


def settle_us() -> float:
    """Return the time to find the cell of something that mostly stays in it."""
    grid = Grid(VIEW_RADIUS)
    cell = grid.cell_at(100.0, 100.0)
    return best_us(lambda: grid.settle(cell, 100.5, 100.5), 50_000)


def view_us() -> float:
    """Return the time to get the cells that are seen from a cell."""
    grid = Grid(VIEW_RADIUS)
    cell = grid.cell_at(100.0, 100.0)
    return best_us(lambda: grid.view(cell), 50_000)


def remembered(seats: int, entities: int) -> Bench:
    """Return a world that has played for two seconds, with waiting inputs and a past."""
    bench = Bench(Remembered, seats, entities)
    seated = list(bench.stepper.seated.values())
    for tick in range(1, 2 * Remembered.tick_rate):
        for one in seated:
            for ahead in (1, 2):
                seq = one.commands.newest_seq + 1
                one.commands.take(seq, Turn(tick % len(HEADINGS)), bench.tick + ahead, 1, 0.0)
        bench.publish()
        bench.stepper.published(bench.tick)
    return bench


def best_ms(work: Callable[[], object]) -> float:
    """Return milliseconds of one call, the best of several."""
    return min(best_us(work, 1) for _ in range(3 * RUNS)) / 1000


def snapshot_costs(seats: int, entities: int) -> Iterator[tuple[str, float, str]]:
    """Yield what a snapshot costs: in the tick, beside it, to load, and its bytes.

    Without the garbage collector, which a server does not run within a tick.
    """
    bench = remembered(seats, entities)
    captured = capture(bench.stepper, bench.publisher)
    data = captured.encode()

    def copy() -> object:
        return capture(bench.stepper, bench.publisher)

    size = f"{entities} entities, {seats} players"
    gc.disable()
    try:
        yield f"snapshot: copy, within the tick ({size})", best_ms(copy), "ms"
        yield "snapshot: encode, in a thread", best_ms(captured.encode), "ms"
        yield "snapshot: load", best_ms(lambda: load(Remembered, data)), "ms"
        yield "state hash, in a thread", best_ms(lambda: state_hash(captured)), "ms"
    finally:
        gc.enable()
    yield "snapshot", len(data) / 1000, "kB"


def checksum_us() -> float:
    """Return the time to hash one entity as the checksum does: pack its values, CRC-32."""
    values = (123, 0, 8000, 8100, 17)
    return best_us(lambda: zlib.crc32(b"".join(map(pack, values))), 20_000)


def our_bytes_per_entity(first_id: int) -> float:
    """Return bytes of a whole frame over the entities that moved in it, ids from ``first_id``."""
    bench = Bench(Broadcast, 0, first_id - 1)
    for mover in list(bench.room.movers):
        mover.dx = mover.dy = 0.0
    sink = FrameSink()
    bench.sinks.append(sink)
    bench.publisher.add(bench.stepper.join(1, sink, "micro").seat)
    for _ in range(IN_VIEW - 1):
        bench.room.make_mover(None)
    bench.publish()
    sizes = []
    for _ in range(TICKS):
        bench.tick += 1
        bench.stepper.step(bench.tick)
        bench.publisher.publish(bench.tick)
        sizes.append(sum(map(len, sink.frames)))
        sink.frames.clear()
    return sum(sizes) / len(sizes) / IN_VIEW


def colyseus_bytes_per_entity(first_id: int) -> float:
    """Return the same for Colyseus' schema: frame header, patch byte, and the same moves."""
    folder = node_folder_of("colyseus")
    done = subprocess.run(
        [str(node_of(folder)), "bytes.mjs", str(first_id), str(IN_VIEW), str(TICKS)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode != 0:
        raise BenchmarkError(f"colyseus counted no bytes: {done.stderr.strip()[-200:]}")
    return float(json.loads(done.stdout)["bytes_per_entity"])


def run() -> Iterator[tuple[str, float, str]]:
    """Yield what was measured, the figure, and its unit."""
    yield "publish, per moving entity", publish_per_entity_us(), "µs"
    yield "publish, per seat (header, join, post)", publish_per_seat_us(), "µs"
    yield "decode and check a command", decode_command_us(), "µs"
    yield "grid: settle a position", settle_us(), "µs"
    yield "grid: cells of a view", view_us(), "µs"
    yield "checksum of one entity", checksum_us(), "µs"
    for players in (0, 2):
        yield f"tick of a room, {players} idle players", rooms.tick_us(players), "µs"
    yield from sight.run()
    yield from snapshot_costs(SAVED_SEATS, SAVED_ENTITIES)
    for first_id in (1, 1000):
        ids = f"ids from {first_id}"
        moves = f"{SPEED * STEP:g} units a tick"
        yield f"bytes per moved entity ({ids}, {moves})", our_bytes_per_entity(first_id), "B"
        try:
            theirs = colyseus_bytes_per_entity(first_id)
        except BenchmarkError:
            theirs = math.nan
        yield f"the same in Colyseus' schema ({ids})", theirs, "B"
