"""The soak: arithmetic, tables, chance, what the log may say, and lives of a few seconds."""

from __future__ import annotations

import json
import math
import random
from itertools import islice
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
import trio.lowlevel
from test_hostile_study import Forgetful, attacked

from benchmarks import records
from benchmarks.hostile import results as hostile_results
from benchmarks.hostile.attacks import ATTACKS
from benchmarks.hostile.results import QUIET
from benchmarks.hostile.rooms import Siege
from benchmarks.soak import results as soak_results
from benchmarks.soak.lives import BLOWS, ENDS, Lives, course
from benchmarks.soak.log import about, explanation, unexplained
from benchmarks.soak.results import (
    LifeCounts,
    Look,
    SoakRecord,
    broken,
    memory_slope,
    soak_table,
)
from benchmarks.studies.soak import plan
from gameserver.config import Settings
from gameserver.runtime.room_task import seat_of
from gameserver.runtime.server import open_server


def soaked(**changes: Any) -> SoakRecord:
    plain = SoakRecord(
        seed=1,
        minutes=10,
        players=50,
        lives=LifeCounts(joins=100, fates={"leave": 40, "cut": 40}, resumed=40, checks=1000),
        attacks=("garbage",),
        attackers={"connections": 10},
        looks=tuple(Look(10.0 * i, 60_000_000, 50, 100, 50) for i in range(10)),
        settled_s=30.0,
        ticks_dropped=0,
        overload_ups=0,
        resumptions={"resumed": 38, "taken_over": 2, "used": 0},
        log_lines=400,
        unexplained=(),
    )
    return attrs.evolve(plain, **changes)


def test_the_last_run_of_attacks_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    runs = [attacked(QUIET), attacked(), attacked(QUIET), attacked("oversize", lost=("gone",))]
    for record in runs:
        records.append(file, record)
    records.append(file, soaked())
    assert hostile_results.load(file) == runs[2:]
    assert soak_results.load_newest(file) == soaked()


def test_memory_is_looked_at_after_the_warm_up() -> None:
    # 1 MB in the last 900 s, with 50 players: 4 MB an hour, 8 for a hundred.
    looks = [Look(0.0, 10_000_000, 0, 0, 0), Look(100.0, 90_000_000, 50, 0, 0)]
    looks += [Look(300.0 + i, 60_000_000 + i / 900 * 1e6, 50, 0, 0) for i in range(0, 901, 100)]
    slope = soaked(looks=looks).slope
    assert slope.mb_per_hour == pytest.approx(8.0)
    assert slope.error == pytest.approx(0.0, abs=1e-6)
    jump = [*looks[:-1], Look(350.0, 20_000_000, 50, 0, 0), looks[-1]]
    assert soaked(looks=jump).slope.mb_per_hour > 20
    assert soaked(looks=jump, settled_s=400.0).slope.mb_per_hour == pytest.approx(8.0)
    assert math.isnan(memory_slope([]).mb_per_hour)
    assert math.isnan(memory_slope(looks[-2:]).mb_per_hour)


def test_a_slope_says_how_sure_it_is() -> None:
    # Up and down by 1 MB around a level: the slope is next to nothing, and nobody can be sure.
    looks = [Look(10.0 * i, 60_000_000 + i % 2 * 1_000_000, 100, 0, 0) for i in range(40)]
    slope = memory_slope(looks)
    assert abs(slope.mb_per_hour) < slope.error
    assert slope.error > 1


def test_the_table_of_a_soak() -> None:
    table = soak_table(soaked())
    assert "NO" not in table
    assert "| 40 cut, 40 leave |" in table
    assert "| 38 resumed, 2 taken_over |" in table
    memory = "| memory, MB an hour per 100 players, after 30 s |"
    assert f"{memory} 0.00 ± 0.00 (60.0 → 60.0 MB) | under 1 | yes |" in table
    assert "TOO EARLY" in soak_table(soaked(settled_s=None))
    assert broken(soaked()) == []
    bad = soaked(lives=WRONGED, unexplained=("?",), looks=(Look(0.0, 1, 1, 1, 1),))
    assert soak_table(bad).count("| NO |") == 6
    assert broken(bad) == [
        "2 wrong checksums",
        "1 deltas refused",
        "1 seats lost",
        "1 dropped",
        "1 unexplained log lines",
    ]


WRONGED = LifeCounts(
    wrong_checksums=2,
    deltas_refused=1,
    seats_lost=[("player 1", "cut: not back in time")],
    dropped=[("player 2", "4009 silent")],
)


def test_the_log_is_evidence_of_what_was_done_to_players() -> None:
    lines = [json.dumps({"event": "dropped", "player": f"player {n}"}) for n in (1, 2, 12)]
    assert about(WRONGED.wronged, lines) == lines[:2]


def test_growing_memory_is_no_broken_promise() -> None:
    grows = tuple(Look(10.0 * i, 60_000_000 + i * 1_000_000, 50, 1, 1) for i in range(10))
    assert soak_table(soaked(looks=grows)).count("| NO |") == 1
    assert broken(soaked(looks=grows)) == []


@pytest.mark.parametrize(
    "entry",
    [
        {"event": "joined", "level": "info", "seat": 1},
        {"event": "overload", "level": "warning", "does": "everything"},
        {"event": "session ended", "level": "info", "code": 4008},
        {"event": "session ended", "level": "info", "code": 1006},
    ],
)
def test_lines_that_are_explained(entry: dict[str, Any]) -> None:
    assert explanation(json.dumps(entry))


@pytest.mark.parametrize(
    "line",
    [
        "Traceback (most recent call last):",
        "1",
        json.dumps({"event": "session ended", "level": "info", "code": 1011}),
        json.dumps({"event": "joined", "level": "warning"}),
        json.dumps({"event": "joined", "level": "info", "exception": "…"}),
        json.dumps({"event": "never heard of", "level": "info"}),
    ],
)
def test_lines_that_nobody_can_explain(line: str) -> None:
    assert unexplained(["", line]) == [line]


def test_the_same_seed_plans_the_same_attacks() -> None:
    assert list(islice(plan(7), 20)) == list(islice(plan(7), 20))
    assert list(islice(plan(7), 20)) != list(islice(plan(8), 20))
    assert {name for name, _, _ in islice(plan(7), len(ATTACKS))} == set(ATTACKS)


QUICKLY = {
    "benchmarks.soak.lives.PLAY_S": 0.1,
    "benchmarks.soak.lives.PAUSE_S": (0.0, 0.1),
    "benchmarks.soak.lives.FREEZE_S": 1.0,
    "benchmarks.soak.lives.THAWED_S": 0.1,
    "benchmarks.soak.lives.BLOWS": {"cut": 1, "silence": 1, "stutter": 1, "freeze": 1},
    "benchmarks.soak.lives.ENDS": {"leave": 1, "vanish": 1},
    "benchmarks.soak.line.FORGOTTEN_AFTER_S": 0.2,
    "clients.backoff.FIRST_PAUSE_S": 0.01,
    "gameserver.runtime.resumption.RETRY_AFTER_S": 0.05,
}


async def test_players_come_back_from_every_blow_and_end_in_every_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for what, value in QUICKLY.items():
        monkeypatch.setattr(what, value)
    settings = Settings(port=0, log_level="error", ping_interval_s=0.1)
    with trio.fail_after(60):
        async with open_server({"siege": Siege}, settings) as server:
            population = Lives(f"ws://127.0.0.1:{server.port}/", 5, seed=1)
            counts = population.counts
            async with trio.open_nursery() as nursery:
                nursery.start_soon(population.run)
                while len(counts.fates) < 6 or min(counts.fates.values()) < 2:
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()
            shown = server.figures().resumptions
    assert (counts.dropped, counts.seats_lost) == ([], [])
    assert (counts.wrong_checksums, counts.deltas_refused, counts.rejoined) == (0, 0, 0)
    # One that was answered may never have reached the client; none is known to it alone.
    assert 0 < counts.resumed <= shown["resumed"] + shown["taken_over"]


async def test_a_seat_that_is_not_held_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    for what, value in QUICKLY.items():
        monkeypatch.setattr(what, value)
    monkeypatch.setattr("benchmarks.soak.lives.BLOWS", {"cut": 1})
    settings = Settings(port=0, log_level="error")
    with trio.fail_after(60):
        async with open_server({"siege": Forgetful}, settings) as server:
            population = Lives(f"ws://127.0.0.1:{server.port}/", 1, seed=1)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(population.run)
                while not population.counts.seats_lost:
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()
    assert population.counts.dropped == []


async def test_who_is_dropped_without_a_fault_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clients.backoff.FIRST_PAUSE_S", 0.01)
    with trio.fail_after(60):
        async with open_server({"siege": Siege}, Settings(port=0, log_level="error")) as server:
            population = Lives(f"ws://127.0.0.1:{server.port}/", 1, seed=1)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(population.run)
                while not population.playing:
                    await trio.lowlevel.checkpoint()
                (_, task), *_ = server.lobby.rooms
                seat_of(task.room.players[1]).sink.drop()
                while not population.counts.dropped:
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()
    assert population.counts.wronged == {"player 0"}
    assert population.counts.seats_lost == []


def test_the_same_seed_has_the_same_lives() -> None:
    def lives(seed: int) -> list[tuple[float, str]]:
        chance = random.Random(seed)
        return [step for _ in range(20) for step in course(chance)]

    assert lives(1) == lives(1)
    assert lives(1) != lives(2)
    assert {fate for _, fate in lives(1)} == {*BLOWS, *ENDS}
    assert sum(fate in ENDS for _, fate in lives(1)) == 20
