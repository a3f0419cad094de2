"""Ways around walls: shortest, remembered, and harmless where there are none."""

from __future__ import annotations

import pytest

from clients.bots import Ways
from clients.bots.ways import MAX_GOALS

#: A wall of one cell's width with a gap at the bottom, in a map of 8 × 5 cells of 10.
WALL_X, GAP_Y = 4, 4


def is_free(x: float, y: float) -> bool:
    return not (x // 10 == WALL_X and y // 10 != GAP_Y)


@pytest.fixture
def ways() -> Ways:
    return Ways(80, 50, 10, is_free)


def test_a_way_leads_around_the_wall(ways: Ways) -> None:
    at, goal, walked = (11.0, 3.0), (77.0, 1.0), 0
    while at != goal:
        at = ways.next(at, goal)
        assert is_free(*at)
        walked += 1
    assert walked == 4 + 6 + 4  # down, across, up


def test_within_one_cell_it_heads_for_the_goal_itself(ways: Ways) -> None:
    assert ways.next((11.0, 3.0), (19.0, 9.0)) == (19.0, 9.0)


@pytest.mark.parametrize("goal", [(45.0, 5.0), (500.0, 5.0), (-3.0, 5.0)])
def test_it_heads_for_a_goal_in_a_wall_or_outside(ways: Ways, goal: tuple[float, float]) -> None:
    at = (35.0, 5.0)
    for _ in range(20):
        at = ways.next(at, goal)
    assert at == goal


def test_without_a_way_it_heads_for_the_goal() -> None:
    split = Ways(80, 50, 10, lambda x, _: x // 10 != WALL_X)
    assert split.next((5.0, 5.0), (77.0, 1.0)) == (77.0, 1.0)


def test_the_ways_to_few_goals_are_remembered(ways: Ways) -> None:
    for number in range(3 * MAX_GOALS):
        ways.next((5.0, 5.0), (500.0 + 10 * number, 5.0))
        ways.next((5.0, 5.0), (77.0, 1.0))
    assert len(ways._ways) == MAX_GOALS
    assert (7, 0) in ways._ways


@pytest.mark.parametrize("cell", [0, -1, 60])
def test_a_cell_must_fit_into_the_map(cell: float) -> None:
    with pytest.raises(ValueError, match="does not fit into a map of 80 × 50"):
        Ways(80, 50, cell, is_free)
