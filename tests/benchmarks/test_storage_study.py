"""The study of storage, with a small leaderboard."""

from __future__ import annotations

import pytest

from benchmarks.studies import storage, storage_room


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


async def test_a_room_ticks_beside_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_room, "PLAYERS", 3)
    monkeypatch.setattr(storage_room, "SETTLE_S", 0.1)
    monkeypatch.setattr(storage_room, "WINDOW_S", 0.3)
    found = await storage_room.beside_a_room(storage_room.Fort, None, commits=True)
    assert found.commits_per_s > 0
    assert found.journal_bytes_per_s > 0
