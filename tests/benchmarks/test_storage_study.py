"""The study of storage, with a small leaderboard."""

from __future__ import annotations

import pytest

from benchmarks.studies import storage


async def test_every_figure_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "COMMITS_S", 0.05)
    monkeypatch.setattr(storage, "READS", 20)
    rows = dict(await storage.run(3000, None))
    assert list(rows)[2:] == [
        "rank, of 3,000",
        "around, 5 before and after, of 3,000",
        "top 10, of 3,000",
        "submit one score, of 3,000",
    ]
    assert all(figure for figure in rows.values())
