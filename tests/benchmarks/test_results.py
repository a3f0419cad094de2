"""Records of measurements, what they derive, and the tables made of them."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

from benchmarks import plots, records, tables
from benchmarks.generator import complaints
from benchmarks.machine import BenchmarkError
from benchmarks.records import Largest, Record
from benchmarks.studies import growth
from benchmarks.studies.session import summary


def make_record(**changes: Any) -> Record:
    plain = Record(
        study="compare",
        server="gameserver",
        world="bigworld",
        players=100,
        seconds=5.0,
        cpu_s=0.5,
        rss_bytes=60_000_000,
        rss_empty_bytes=50_000_000,
        deltas=10_000,
        delta_bytes=1_000_000,
        interval_p50_ms=50.0,
        interval_p99_ms=55.0,
        interval_p999_ms=60.0,
        interval_max_ms=70.0,
        playing=100,
        joins_per_s=500.0,
        load_cpu_share=0.2,
    )
    return attrs.evolve(plain, **changes)


def test_growth_is_fitted_per_tick_from_valid_records() -> None:
    found = [
        make_record(players=n, cpu_s=(0.1 + n * 0.002) * 5, seconds=5.0) for n in (100, 200, 300)
    ]
    found.append(make_record(players=400, cpu_s=100.0, complaints=("slow",)))
    assert growth.fit_players(found[:1]) is None
    found.append(make_record(players=500, cpu_s=0.1, deltas=10))  # overloaded: it did less
    line = growth.fit_players(found)
    assert line is not None
    assert line.slope == pytest.approx(0.1)  # 2 ms of a second, over 20 ticks
    assert line.intercept == pytest.approx(5.0)


def test_what_a_record_derives() -> None:
    record = make_record()
    assert record.cpu_per_delta_us == pytest.approx(50.0)
    assert record.cpu_share == pytest.approx(0.1)
    assert record.hz == pytest.approx(20.0)
    assert record.bytes_per_delta == pytest.approx(100.0)
    assert record.rss_per_player_bytes == pytest.approx(100_000)
    assert record.held
    assert record.valid


@pytest.mark.parametrize(
    "changes",
    [
        {"playing": 99},
        {"not_passed": 1},
        {"deltas": 9_400},
        {"interval_p99_ms": 75.0},
        {"tick_rate": 30},
    ],
)
def test_what_does_not_hold(changes: dict[str, Any]) -> None:
    assert not make_record(**changes).held


def test_deltas_of_those_who_come_and_go_are_delivered_too() -> None:
    record = make_record(passing_deltas=10_000, more={"passed": 300})
    assert record.cpu_per_delta_us == pytest.approx(25.0)
    assert record.hz == pytest.approx(20.0)
    assert summary(record).endswith("300 came and went, 0 could not")


def test_nothing_delivered_is_not_cheap() -> None:
    assert make_record(deltas=0).cpu_per_delta_us == math.inf


def test_records_come_back_from_their_file(tmp_path: Path) -> None:
    file = tmp_path / "there" / "results.jsonl"
    first = make_record(more={"collecting": "young"})
    second = make_record(study="idle")
    for record in (first, second):
        records.append(file, record)
    with file.open("a") as out:  # a line of a later version
        out.write(json.dumps({**attrs.asdict(first), "new": 1}) + "\n")
    assert records.load(file, "compare") == [first, first]
    assert records.load(file) == [first, second, first]


def test_medians_are_of_valid_records_only() -> None:
    found = [
        make_record(cpu_s=0.1),
        make_record(cpu_s=0.3),
        make_record(cpu_s=0.2),
        make_record(cpu_s=9.0, complaints=("slow",)),
    ]
    assert records.median_of(found, lambda r: r.cpu_s) == pytest.approx(0.2)
    assert math.isnan(records.median_of(found[3:], lambda r: r.cpu_s))


def test_the_summary_says_when_a_result_is_refused() -> None:
    assert "REFUSED" not in summary(make_record())
    assert summary(make_record(complaints=("it was slow",))).endswith("REFUSED: it was slow")


def test_the_generator_is_judged() -> None:
    told = {"cpu_share": 0.9, "send_late_ms": {"p99": 20.0}, "skipped": 0}
    assert complaints(told) == []
    assert "91%" in complaints({**told, "cpu_share": 0.91})[0]
    assert "20.1" in complaints({**told, "send_late_ms": {"p99": 20.1}})[0]
    assert len(complaints({**told, "skipped": 3})) == 1


def test_the_main_table() -> None:
    found = [
        make_record(server="plain_trio", deltas=2_000),
        make_record(server="gameserver", cpu_s=0.4),
        make_record(server="uneven", cpu_s=0.45, interval_p99_ms=80.0),
        make_record(server="floor", cpu_s=0.2),
        make_record(server="floor", cpu_s=0.4, players=200, playing=200, deltas=20_000),
        make_record(server="other world", world="broadcast"),
    ]
    assert tables.comparison(found, "bigworld").splitlines() == [
        "| bigworld | 100 players | 200 players |",
        "| --- | --: | --: |",
        "| floor | 20.0 µs | 20.0 µs |",
        "| gameserver | 40.0 µs (2.00 ×) | – |",
        "| uneven | 45.0 µs (2.25 ×), p99 80 ms | – |",
        "| plain_trio | falls to 4.0 Hz | – |",
    ]


def test_refused_results_are_not_in_the_main_table() -> None:
    found = [make_record(server="floor"), make_record(complaints=("slow",))]
    assert "| gameserver | – |" in tables.comparison(found, "bigworld")
    assert tables.details(found).splitlines()[-1].endswith("| 1 |")


def test_most_repeats_must_hold() -> None:
    good, bad = make_record(), make_record(playing=1)
    assert tables.held([good, good, bad])
    assert not tables.held([good, bad, bad])
    assert not tables.held([make_record(complaints=("slow",))])


def test_capacity_is_told_as_a_share_of_the_floor() -> None:
    found = {
        "gameserver": [Largest(n, at_least=False) for n in (3000, 2000, 4000)],
        "floor": [Largest(6000, at_least=True)],
    }
    rows = tables.capacity(found).splitlines()[2:]
    assert rows == ["| floor | ≥ 6000 | 100% |", "| gameserver | 3000 | 50% |"]


def test_settings_are_told_apart() -> None:
    found = [
        make_record(tick_rate=60, more={"collecting": collecting, "work_p99_ms": figure})
        for collecting, figure in (("all", 3.0), ("young", 1.0), ("all", 4.0), ("all", 5.0))
    ]
    rows = tables.by_more(found, ["work_p99_ms"]).splitlines()[2:]
    assert [row.split(" | ")[:2] for row in rows] == [
        ["| bigworld 100, 60 Hz, all", "4.00"],
        ["| bigworld 100, 60 Hz, young", "1.00"],
    ]


def test_memory_is_per_player() -> None:
    assert tables.memory([make_record()]).splitlines()[-1] == "| 100 | 50.0 | 60.0 | 97.7 |"


def test_plots_say_what_they_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(BenchmarkError, match="matplotlib"):
        plots.draw([make_record()], "bigworld", lambda r: r.hz, "Hz", tmp_path / "plot.svg")
