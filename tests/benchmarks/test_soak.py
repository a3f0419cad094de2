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
    block_slope,
    broken,
    memory_slope,
    soak_table,
)
from benchmarks.studies.soak import plan, seen
from gameserver.config import Settings
from gameserver.ops.metrics import exposition
from gameserver.runtime.serving import open_server
from tests.benchmarks.attack_records import Forgetful, attacked
from tests.support.server_figures import figures


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


def test_a_soak_of_before_blocks_were_counted_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    records.append(file, soaked())
    old = json.loads(file.read_text())
    for look in old["looks"]:
        del look["held"], look["blocks"]
    file.write_text(json.dumps(old))
    assert soak_results.load_newest(file) == soaked()
    assert "for the same presence | not counted |  |  |" in soak_table(soaked())


def test_a_look_finds_what_the_server_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.getallocatedblocks", lambda: 300_000)
    told = exposition(figures(tasks=17, held=6)).decode()
    look = seen(told, at_s=5.0, rss_bytes=60_000_000, players=50)
    open_files = look.descriptors
    assert look == Look(5.0, 60_000_000, 50, 17, open_files, 6, 300_000)
    assert open_files > 0


def test_memory_is_looked_at_after_the_warm_up() -> None:
    # 1 MB in the last 900 s, with 50 players: 4 MB an hour, 8 for a hundred.
    looks = [Look(0.0, 10_000_000, 0, 0, 0), Look(890.0, 90_000_000, 50, 0, 0)]
    looks += [Look(900.0 + i, 60_000_000 + i / 900 * 1e6, 50, 0, 0) for i in range(0, 901, 100)]
    slope = memory_slope(soaked(looks=looks).warm)
    assert slope.per_hour == pytest.approx(8.0)
    assert slope.error == pytest.approx(0.0, abs=1e-6)
    jump = [*looks[:-1], Look(950.0, 20_000_000, 50, 0, 0), looks[-1]]
    assert memory_slope(soaked(looks=jump).warm).per_hour > 20
    late = soaked(looks=jump, settled_s=1000.0)
    assert memory_slope(late.warm).per_hour == pytest.approx(8.0)
    assert math.isnan(memory_slope([]).per_hour)
    assert math.isnan(memory_slope(looks[-2:]).per_hour)


def test_half_of_the_time_is_warm_up_or_until_all_attacks_are_over() -> None:
    assert soaked(settled_s=None).warm_up_s == 45
    assert soaked(settled_s=30.0).warm_up_s == 45
    assert [look.at_s for look in soaked(settled_s=60.0).warm] == [60, 70, 80, 90]


def test_a_slope_says_how_sure_it_is() -> None:
    # Up and down by 1 MB around a level: the slope is next to nothing, and nobody can be sure.
    looks = [Look(10.0 * i, 60_000_000 + i % 2 * 1_000_000, 100, 0, 0) for i in range(40)]
    slope = memory_slope(looks)
    assert abs(slope.per_hour) < slope.error
    assert slope.error > 1


def crowded(blocks_per_s: float) -> list[Look]:
    """Return looks in which ever larger crowds come, each leaves held seats, and blocks grow."""
    chance = random.Random(1)
    looks = []
    for at_s in range(0, 600, 5):
        tasks, held = 100 + chance.randrange(at_s + 1), chance.randrange(at_s + 1)
        blocks = 260_000 + 150 * tasks + 170 * held + round(blocks_per_s * at_s)
        looks.append(Look(at_s, 60_000_000, 50, tasks, 50, held, blocks))
    return looks


@pytest.mark.parametrize("blocks_per_s", [0, 1, 20])
def test_blocks_are_compared_for_the_same_presence(blocks_per_s: int) -> None:
    slope = block_slope(crowded(blocks_per_s))
    assert slope.per_hour == pytest.approx(blocks_per_s * 3600 * 100 / 50, abs=0.01)
    assert slope.error == pytest.approx(0.0, abs=1e-3)


def test_the_error_of_a_block_slope_covers_what_presence_does_not_explain() -> None:
    chance = random.Random(2)
    noisy = [
        attrs.evolve(look, blocks=(look.blocks or 0) + chance.randrange(-5000, 5001))
        for look in crowded(20)
    ]
    slope = block_slope(noisy)
    assert 0 < abs(slope.per_hour - 20 * 7200) < slope.error
    # Noise of this width gives 120 looks over 600 s, and more since crowds hide some of it.
    alone = 2 * math.sqrt(10_000**2 / 12 / 120) / math.sqrt(600**2 / 12) * 7200
    assert alone < slope.error < 2 * alone


def test_no_block_slope_without_counts_or_where_presence_tells_the_time() -> None:
    looks = crowded(1)
    assert math.isnan(block_slope([*looks, attrs.evolve(looks[0], blocks=None)]).per_hour)
    assert math.isnan(block_slope(looks[:4]).per_hour)
    clock = [attrs.evolve(look, tasks=100 + round(look.at_s)) for look in looks]
    assert math.isnan(block_slope(clock).per_hour)


def test_the_table_of_a_soak() -> None:
    table = soak_table(soaked())
    assert "NO" not in table
    assert "| 40 cut, 40 leave |" in table
    assert "| 38 resumed, 2 taken_over |" in table
    memory = "| memory, MB an hour per 100 players, after 45 s |"
    assert f"{memory} 0.00 ± 0.00 (60.0 → 60.0 MB) | under 1 | yes |" in table
    counted = soak_table(soaked(looks=tuple(crowded(1)[100:])))
    blocks = "| blocks held by Python, an hour per 100 players, for the same presence |"
    first, last = crowded(1)[100], crowded(1)[-1]
    found = (
        f"7,200 ± 0 ({first.blocks:,} → {last.blocks:,}; "
        f"tasks {first.tasks} → {last.tasks}, held seats {first.held} → {last.held})"
    )
    assert f"{blocks} {found} |  |  |" in counted
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
        {
            "event": "a request was refused, for its host is not in hosts",
            "level": "warning",
            "host": "elsewhere",
        },
        {
            "event": "a trusted address forwards requests but is not in proxies: all clients",
            "level": "warning",
        },
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
    "gameserver.runtime.rooms.resumption.RETRY_AFTER_S": 0.05,
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


async def test_a_player_dropped_without_a_fault_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clients.backoff.FIRST_PAUSE_S", 0.01)
    with trio.fail_after(60):
        async with open_server({"siege": Siege}, Settings(port=0, log_level="error")) as server:
            population = Lives(f"ws://127.0.0.1:{server.port}/", 1, seed=1)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(population.run)
                while not population.playing:
                    await trio.lowlevel.checkpoint()
                (_, task), *_ = server.lobby.rooms
                task.stepper.seated[1].seat.sink.drop()
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
