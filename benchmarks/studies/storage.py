"""``storage``: commits a second, and the time of a rank in a large leaderboard.

Owns the filling of one database and the timing of its operations, by the wall clock: all of them
wait for a disk or for another process.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from gameserver.storage import (
    Collection,
    Leaderboard,
    Storage,
    SubmitScore,
    WriteObject,
    open_storage,
)

FILL_PER_TRANSACTION: Final = 10_000
COMMITS_S: Final = 3.0
READS: Final = 300


class Best(Leaderboard):
    """The best scores."""


@attrs.frozen
class Career(Collection):
    """One small object."""

    kills: int = 0


async def run(entries: int, url: str | None) -> list[tuple[str, str]]:
    """Return the name and the figure of each measurement, on a new SQLite file without ``url``."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        storage = await open_storage(url or f"sqlite:{Path(folder) / 'storage.db'}")
        try:
            return [row async for row in _measure(storage, entries)]
        finally:
            await storage.aclose()


async def _measure(storage: Storage, entries: int) -> Any:
    rng = random.Random(1)
    yield "commits a second, one object each", f"{await _commits_per_s(storage):.0f}"
    begun_s = time.perf_counter()
    for operations in _scores(rng, entries):
        await storage.write(*operations)
    filled_s = time.perf_counter() - begun_s
    yield "scores a second, 10,000 in a transaction", f"{entries / filled_s:.0f}"
    reads: dict[str, Callable[[str], Awaitable[object]]] = {
        "rank": lambda owner: storage.rank(Best, owner),
        "around, 5 before and after": lambda owner: storage.around(Best, owner, 5),
        "top 10": lambda _owner: storage.top(Best, 10),
        "submit one score": lambda owner: storage.write(
            SubmitScore(Best, owner, rng.randrange(10**6), "P")
        ),
    }
    for name, read in reads.items():
        took_ms = [await _timed_ms(read, f"p{rng.randrange(entries)}") for _ in range(READS)]
        p99 = statistics.quantiles(took_ms, n=100)[-1]
        yield f"{name}, of {entries:,}", f"{statistics.median(took_ms):.2f} ms, p99 {p99:.2f} ms"


async def _commits_per_s(storage: Storage) -> float:
    begun_s, commits = time.perf_counter(), 0
    while time.perf_counter() - begun_s < COMMITS_S:
        await storage.write(WriteObject(Career(commits), owner="ann"))
        commits += 1
    return commits / (time.perf_counter() - begun_s)


async def _timed_ms(read: Callable[[str], Awaitable[object]], owner: str) -> float:
    begun_s = time.perf_counter()
    await read(owner)
    return 1000 * (time.perf_counter() - begun_s)


def _scores(rng: random.Random, entries: int) -> Iterator[list[SubmitScore]]:
    for begin in range(0, entries, FILL_PER_TRANSACTION):
        owners = range(begin, min(begin + FILL_PER_TRANSACTION, entries))
        yield [SubmitScore(Best, f"p{n}", rng.randrange(10**6), f"P{n}") for n in owners]
