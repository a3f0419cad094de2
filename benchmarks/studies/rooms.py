"""``rooms`` and a part of ``micro``: what rooms cost by themselves, without sockets.

Owns small servers in this process: rooms that tick, and rooms that come and go.  Judges whether
anything grows with rooms that are gone.
"""

from __future__ import annotations

import gc
import math
import os
import sys
import time
from collections.abc import Sequence
from typing import Final

import attrs
import trio
import trio.testing

from benchmarks import measure
from benchmarks.pilots import FrameSink
from benchmarks.worlds import IdleDuel
from gameserver.config import Settings
from gameserver.ops.logging import configure_logging
from gameserver.runtime.rooms.lobby import Lobby

KIND: Final = "duel"
#: How many rooms tick for the cost of a tick, for how long, and how often that is measured.
TICKING: Final = 100
TICKING_S: Final = 1.0
RUNS: Final = 5
#: Rooms that come and go before the first count, which fills caches of a fixed size.
FIRST_ROOMS: Final = 2_000
#: Number of counts after the first.
STAGES: Final = 10
#: Memory blocks that may be added over all stages: some hundred blocks come and go anyway.
MOST_GROWTH: Final = 10_000


@attrs.frozen
class Stage:
    """Objects and memory in use after ``rooms`` rooms were made and closed."""

    rooms: int
    rooms_per_s: float
    objects: int
    blocks: int
    rss_bytes: int


def _end(_code: int, _reason: str) -> None:
    """Do nothing: the players of this study have no sessions."""


def _lobby() -> Lobby:
    settings = Settings(max_rooms=100_000, rooms_per_s=1e6, empty_room_s=0.0)
    return Lobby({KIND: IdleDuel}, settings)


def tick_us(players: int) -> float:
    """Return the time of a tick in a room of idle players, the best of several runs."""
    return trio.run(_tick_us, players)


async def _tick_us(players: int) -> float:
    lobby = _lobby()
    configure_logging("warning")
    best_s = math.inf
    async with trio.open_nursery() as nursery:
        lobby.start(nursery)
        for number in range(TICKING):
            with lobby.reserve(lobby.request(f"{KIND}/{number}")) as place:
                await place.task.ready.wait()
                roster = place.task.roster
                for _ in range(players):
                    member = roster.join(roster.reserve(None), FrameSink(), "idle", None, _end)
                    roster.start_deltas(member)
                roster.on_released = lambda: None  # it stays open without players
        for _ in range(RUNS):
            before = lobby.loop_figures()
            ticks = sum(task.tally().ticks for _, task in lobby.rooms)
            await trio.sleep(TICKING_S)
            ticks = sum(task.tally().ticks for _, task in lobby.rooms) - ticks
            best_s = min(best_s, (lobby.loop_figures().busy_s - before.busy_s) / ticks)
        nursery.cancel_scope.cancel()
    return best_s * 1e6


def come_and_go(count: int) -> list[Stage]:
    """Make, join, leave and close ``count`` rooms; return what is in use at each stage."""
    configure_logging("warning")
    return trio.run(_come_and_go, count)


async def _come_and_go(count: int) -> list[Stage]:
    lobby = _lobby()
    stages = []
    async with trio.open_nursery() as nursery:
        lobby.start(nursery)
        await _make_and_leave(lobby, FIRST_ROOMS)
        stages.append(_stage(FIRST_ROOMS, math.nan))
        for number in range(1, STAGES + 1):
            begun_s = time.perf_counter()
            await _make_and_leave(lobby, count // STAGES)
            rate = count // STAGES / (time.perf_counter() - begun_s)
            stages.append(_stage(FIRST_ROOMS + number * (count // STAGES), rate))
        nursery.cancel_scope.cancel()
    return stages


async def _make_and_leave(lobby: Lobby, count: int) -> None:
    for _ in range(count):
        with lobby.reserve(lobby.request(KIND)) as place:
            await place.task.ready.wait()
            roster = place.task.roster
            member = roster.join(place.number, FrameSink(), "passing", None, _end)
            roster.start_deltas(member)
            roster.leave(member, "left")
        while lobby.rooms:
            await trio.lowlevel.checkpoint()
    await trio.testing.wait_all_tasks_blocked()


def _stage(rooms: int, rate: float) -> Stage:
    gc.collect()
    objects, blocks = len(gc.get_objects()), sys.getallocatedblocks()
    return Stage(rooms, rate, objects, blocks, measure.rss_bytes(os.getpid()))


def growth(stages: Sequence[Stage]) -> int:
    """Return the number of memory blocks added between the first and the last stage."""
    return stages[-1].blocks - stages[0].blocks
