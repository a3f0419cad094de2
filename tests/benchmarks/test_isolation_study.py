"""The table of the study of Redis away."""

from __future__ import annotations

from benchmarks.studies import isolation


def test_every_figure_has_a_row() -> None:
    counted = isolation.Counted(players=40, away_s=30.0, dropped=1)
    counted.joined_ms["any room"] += [10.0, 20.0, 30.0]
    counted.refused["a new room, by name"] += 2
    table = dict(isolation.rows(counted))
    assert table["players dropped"] == "1 of 40"
    assert table["meanwhile: any room"] == "3 joined, median 20 ms; 0 refused"
    assert table["meanwhile: a new room, by name"] == "0 joined; 2 refused"
