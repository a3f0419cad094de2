"""The stopwatch of ``micro``, on worlds small enough for a test."""

from __future__ import annotations

import gc

from benchmarks.studies.micro import snapshot_costs


def test_a_snapshot_is_measured_and_the_collector_runs_again() -> None:
    costs = list(snapshot_costs(seats=3, entities=5))
    assert [unit for _, _, unit in costs] == ["ms", "ms", "ms", "ms", "kB"]
    assert all(figure > 0 for _, figure, _ in costs)
    assert gc.isenabled()
