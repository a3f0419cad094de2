"""``storage``: a durable room of many players beside the commits of its storage.

Owns the room, its players without connections, and what the study asks of it: how late its ticks
are while the storage commits, and how many bytes its journal has.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import attrs
import trio

from benchmarks.studies.storage import Best, Career
from gameserver import Settings, open_server
from gameserver.games.arena.model import Play, Steer
from gameserver.games.arena.room import Arena
from gameserver.replication.seat import NOWHERE
from gameserver.runtime.rooms.room_task import RoomTask
from gameserver.storage import Storage, SubmitScore, WriteObject

PLAYERS: Final = 200
STEER_EVERY_S: Final = 0.25
SETTLE_S: Final = 3.0
WINDOW_S: Final = 10.0


class Ephemeral(Arena):
    """The arena, in which only submissions reach the storage."""

    max_players = 300


class Fort(Ephemeral):
    """The same, durable."""

    durable = True


@attrs.frozen
class Beside:
    """How a room ticked, and what was written meanwhile, a second."""

    lateness_p99_ms: float
    work_p99_ms: float
    commits_per_s: float
    journal_bytes_per_s: float


async def run(url: str | None) -> list[tuple[str, str]]:
    """Return the figures with and without a durable room, and with and without commits."""
    rows = []
    for name, room, commits in (
        ("no journal, no commits", Ephemeral, False),
        ("no journal, commits", Ephemeral, True),
        ("durable, no commits", Fort, False),
        ("durable, commits", Fort, True),
    ):
        found = await beside_a_room(room, url, commits=commits)
        figures = (
            f"lateness p99 {found.lateness_p99_ms:.1f} ms, work p99 {found.work_p99_ms:.1f} ms, "
            f"{found.commits_per_s:.0f} commits and {found.journal_bytes_per_s / 1000:.0f} kB "
            "of journal a second"
        )
        rows.append((f"room of {PLAYERS}, 30 Hz: {name}", figures))
    return rows


async def beside_a_room(room: type[Arena], url: str | None, *, commits: bool) -> Beside:
    """Let a room tick for a while, and perhaps write objects as fast as the storage takes them."""
    async with _playing(room, url) as (task, storage):
        await trio.sleep(SETTLE_S)
        before, written = task.tally(), 0
        with trio.move_on_after(WINDOW_S):
            while True:
                task.room.storage.submit(SubmitScore(Best, "ann", written, "Ann"))
                if commits:
                    await storage.write(WriteObject(Career(written), owner="ann"))
                    written += 1
                else:
                    await trio.sleep(0.1)
        after, figures = task.tally(), task.statistics()
        assert figures is not None
        return Beside(
            1000 * figures.lateness_s.p99,
            1000 * figures.work_s.p99,
            written / WINDOW_S,
            (after.journal_bytes - before.journal_bytes) / WINDOW_S,
        )


@asynccontextmanager
async def _playing(room: type[Arena], url: str | None) -> AsyncIterator[tuple[RoomTask, Storage]]:
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        settings = Settings(port=0, data=Path(folder), storage=url)
        async with open_server({"arena": room}, settings) as server, trio.open_nursery() as nursery:
            server.reserve_seats("arena")
            [(_, task)] = server.lobby.rooms
            await task.ready.wait()
            for number in range(1, PLAYERS + 1):
                task.stepper.join(number, NOWHERE, f"p{number}", None, None)
                await trio.sleep(0.01)
            nursery.start_soon(_steer, task)
            assert server.storage is not None
            yield task, server.storage.storage
            nursery.cancel_scope.cancel()


async def _steer(task: RoomTask) -> None:
    rng, seq = random.Random(1), 0
    while True:
        seq += 1
        for seated in list(task.stepper.seated.values()):
            command = Play() if seq == 1 else Steer(turn=rng.choice((-1, 0, 1)), thrust=True)
            seated.commands.take(seq, command)
        await trio.sleep(STEER_EVERY_S)
