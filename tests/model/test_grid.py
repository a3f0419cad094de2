"""Cells, hysteresis, and the promise that a view makes."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from gameserver.model import grid as grid_module
from gameserver.model.grid import EVERYWHERE, REACH, Grid


def test_the_number_of_kept_cells_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid_module, "MAX_CACHED_CELLS", 10)
    grid = Grid(100)
    for i in range(100):
        cell = grid.settle(grid.cell_at(i * 500, 0), i * 500, 0)
        assert len(grid.view_set(cell)) == len(grid.view(cell))
        assert len(grid._views) <= 12
        assert len(grid._view_sets) <= 12
        assert len(grid._bounds) <= 12
    assert grid.view(EVERYWHERE) == (EVERYWHERE,)


coordinates = st.one_of(st.floats(-1000, 1000), st.floats(-1e12, 1e12))


def test_without_a_radius_there_is_one_cell() -> None:
    grid = Grid(None)
    assert grid.cell_at(1e9, -5) == EVERYWHERE
    assert grid.settle(EVERYWHERE, 3, 4) == EVERYWHERE
    assert grid.view(EVERYWHERE) == (EVERYWHERE,)


@pytest.mark.parametrize("radius", [0, -1, float("nan"), float("inf")])
def test_a_radius_is_positive(radius: float) -> None:
    with pytest.raises(ValueError, match="radius"):
        Grid(radius)


def test_a_view_is_everywhere_and_a_square_of_cells() -> None:
    grid = Grid(100)
    view = grid.view(grid.cell_at(0, 0))
    assert view[0] == EVERYWHERE
    assert len(set(view)) == 1 + (2 * REACH + 1) ** 2


@given(x=coordinates, y=coordinates)
def test_a_point_settles_in_its_cell(x: float, y: float) -> None:
    grid = Grid(100)
    cell = grid.cell_at(x, y)
    assert grid.settle(None, x, y) == cell
    assert cell in grid.view(cell)


@given(x=st.floats(-1e6, 1e6), y=st.floats(-1e6, 1e6))
def test_going_back_and_forth_over_a_border_settles(x: float, y: float) -> None:
    grid = Grid(100)
    cell = grid.cell_at(x + grid.cell_size, y)
    changes = 0
    for i in range(10):
        settled = grid.settle(cell, x + grid.margin * 0.9 * (-1) ** i, y)
        changes += settled != cell
        cell = settled
    assert changes <= 2, "once into the neighbourhood, and at most once more"


@given(
    focus=st.tuples(st.floats(-1e5, 1e5), st.floats(-1e5, 1e5)),
    away=st.tuples(st.floats(-100, 100), st.floats(-100, 100)),
    lag=st.tuples(*[st.floats(-6, 6)] * 4),
)
def test_all_within_the_radius_is_in_view_even_if_both_linger(
    focus: tuple[float, float], away: tuple[float, float], lag: tuple[float, float, float, float]
) -> None:
    grid = Grid(100)
    there = (focus[0] + away[0], focus[1] + away[1])
    # Where both were settled before they moved on by less than the margin.
    focus_cell = grid.settle(grid.cell_at(focus[0] + lag[0], focus[1] + lag[1]), *focus)
    cell = grid.settle(grid.cell_at(there[0] + lag[2], there[1] + lag[3]), *there)
    assert cell in grid.view(focus_cell)
