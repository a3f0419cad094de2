"""The study of two nodes: its table."""

from __future__ import annotations

from benchmarks.studies.nodes import Counted, rows


def test_the_table_compares_medians_and_cpu_time() -> None:
    counted = Counted(
        own_ms=[4.0] * 30 + [9.0],
        passed_ms=[4.75] * 30,
        deltas={1: 1000, 2: 1000},
        cpu_s={1: 0.02, 2: 0.025},
        players=40,
        join_cpu_ms={1: 1.0, 2: 1.5},
    )
    told = dict(map(tuple, rows(counted)))
    assert told["the other node costs"] == "0.75 ms more"
    assert told["CPU time per delta, 2 node(s)"] == "25.0 µs (40 players)"
    assert told["two nodes hold (projected)"] == "1.60 × as many as one"
