"""The kernel's accounting, and the figures that the server's metrics tell."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from benchmarks import measure
from benchmarks.exposition import tick_times

#: Pinning and /proc are Linux'.
linux = pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks measure on Linux")


def test_cpu_time_from_stat_with_an_odd_name() -> None:
    fields = " ".join(str(n) for n in range(3, 53))
    assert measure.parse_stat_cpu_s(f"7 (a) b (c) {fields}", 10) == pytest.approx((14 + 15) / 10)
    assert measure.parse_schedstat_s("2500000000 17 3") == pytest.approx(2.5)


@linux
def test_the_figures_of_this_process() -> None:
    """The kernel's accounting lags behind: only what the start of Python took is sure."""
    assert measure.cpu_s(os.getpid()) > 0.0
    assert measure.waited_s(os.getpid()) >= 0.0
    assert measure.rss_bytes(os.getpid()) > 1_000_000
    assert measure.cpu_s(2**30) == 0.0


@pytest.fixture
def made_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ``/proc`` with process 7, which has two threads, and its child 8."""
    files = {
        "7/task/7/schedstat": "2000000000 500000000 3",
        "7/task/7/children": "8 ",
        "7/task/9/schedstat": "1000000000 250000000 4",
        "7/task/9/children": "",
        "7/statm": "900 300 1 1 1 1 1",
        "8/task/8/schedstat": "250000000 9 1",
        "8/statm": "90 30 1 1 1 1 1",
        "8/stat": "8 (sh) " + " ".join(["S", *["0"] * 10, "30", "20", *["0"] * 30]),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(measure, "PROC", tmp_path)
    return tmp_path


def test_cpu_time_and_memory_are_of_all_threads_and_children(made_proc: Path) -> None:
    assert measure.cpu_s(7) == pytest.approx(3.25)
    assert measure.waited_s(7) == pytest.approx(0.75)
    assert measure.rss_bytes(7) == 330 * os.sysconf("SC_PAGE_SIZE")


def test_cpu_time_of_a_kernel_without_schedstat(made_proc: Path) -> None:
    (made_proc / "8/task/8/schedstat").unlink()
    assert measure.cpu_s(8) == pytest.approx(50 / os.sysconf("SC_CLK_TCK"))


@linux
def test_the_time_that_a_core_was_stolen() -> None:
    text = "cpu  9 9 9 9 9 9 9 300\ncpu0 1 2 3 4 5 6 7 100\ncpu1 1 2 3 4 5 6 7 200 8 9\nintr 1\n"
    assert measure.parse_stolen_s(text, 1, 100) == pytest.approx(2.0)
    with pytest.raises(ValueError, match="no core 2"):
        measure.parse_stolen_s(text, 2, 100)
    assert measure.stolen_s(0) >= 0.0


def test_times_are_counted_from_a_moment() -> None:
    spent = measure.Times(5.0, 1.5).since(measure.Times(2.0, 1.0))
    assert spent == measure.Times(3.0, 0.5)


def test_tick_times_are_read_from_metrics() -> None:
    text = (
        "# HELP gameserver_tick_work_seconds x\n"
        'gameserver_tick_work_seconds{kind="bigworld",quantile="0.5"} 0.001\n'
        'gameserver_tick_work_seconds{kind="bigworld",quantile="1"} 0.25\n'
        'gameserver_tick_lateness_seconds{kind="bigworld",quantile="0.99"} 1e-05\n'
        'gameserver_ticks_dropped_total{kind="bigworld"} 3.0\n'
    )
    assert tick_times(text) == pytest.approx(
        {"work_p50_ms": 1.0, "work_max_ms": 250.0, "lateness_p99_ms": 0.01, "ticks_dropped": 3.0}
    )
