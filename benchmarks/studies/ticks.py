"""``ticks`` and ``arena``: lateness and work of ticks, as the server itself counts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from benchmarks.exposition import tick_times
from benchmarks.moves import ROOM_SIZES
from benchmarks.pilots import arena_speech
from benchmarks.records import Record
from benchmarks.servers import OURSELVES, RunningServer, Setting, room_of
from benchmarks.studies.session import Session

#: The server's percentiles are about so many ticks: all of them must come after the joining.
WINDOW_TICKS: Final = 1024
ARENA_TICK_RATE: Final = 30


def _tick_times(server: RunningServer) -> Mapping[str, Any]:
    return tick_times(server.get("/metrics"))


def _warmup_s(session: Session, rate: int) -> float:
    return max(session.warmup_s, WINDOW_TICKS / rate - session.window_s + 1)


def run(session: Session, world: str, players: int, rates: Sequence[int]) -> list[Record]:
    """Measure a world at these tick rates, with full garbage collections and without."""
    found: list[Record] = []
    for _ in range(session.repeats):
        for rate in rates:
            for collecting in ("all", "young"):
                setting = Setting(
                    world=world, players=players, tick_rate=rate, collecting=collecting
                )
                load = session.load(players, warmup_s=_warmup_s(session, rate))
                record = session.measure(
                    "ticks",
                    OURSELVES,
                    setting,
                    load,
                    at_end=_tick_times,
                    more={"collecting": collecting},
                )
                found += [record] if record is not None else []
    return found


def run_arena(session: Session, players: int, rooms: int) -> list[Record]:
    """Measure the arena's own rules, everyone sending recorded controls at every tick.

    With ``rooms``, full matches in so many of them; ``players`` in one room if it is 0.
    """
    world = "arena-matches" if rooms else "arena"
    players = rooms * ROOM_SIZES[world] if rooms else players
    setting = Setting(world=world, players=players, tick_rate=ARENA_TICK_RATE)
    speech = arena_speech(room_of(setting), setting.room_size)
    found: list[Record] = []
    for _ in range(session.repeats):
        load = session.load(
            players,
            commands_per_s=ARENA_TICK_RATE,
            warmup_s=_warmup_s(session, ARENA_TICK_RATE),
        )
        record = session.measure(
            "arena", OURSELVES, setting, load, speech=speech, at_end=_tick_times
        )
        found += [record] if record is not None else []
    return found
