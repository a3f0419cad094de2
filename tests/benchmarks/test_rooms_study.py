"""The study of rooms without sockets, on numbers small enough for a test."""

from __future__ import annotations

import pytest

from benchmarks import tables
from benchmarks.studies import rooms


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "FIRST_ROOMS", 10)
    monkeypatch.setattr(rooms, "STAGES", 2)
    monkeypatch.setattr(rooms, "TICKING", 2)
    monkeypatch.setattr(rooms, "TICKING_S", 0.1)
    monkeypatch.setattr(rooms, "RUNS", 1)


def test_rooms_come_and_go_in_stages() -> None:
    stages = rooms.come_and_go(10)
    assert [stage.rooms for stage in stages] == [10, 15, 20]
    assert all(stage.blocks > 0 for stage in stages)
    assert "| 20 |" in tables.rooms(stages)


@pytest.mark.parametrize("players", [0, 2])
def test_a_tick_of_a_room_has_a_cost(players: int) -> None:
    assert 0 < rooms.tick_us(players) < 1e6


@pytest.mark.long
def test_nothing_grows_with_rooms_that_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "FIRST_ROOMS", 2000)
    # Some thousand blocks come and go; a room alone has hundreds.
    assert rooms.growth(rooms.come_and_go(2000)) < rooms.MOST_GROWTH
