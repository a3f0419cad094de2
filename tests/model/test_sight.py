"""Lines of sight: which walls block them."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver import is_in_sight

WALL = (10, 20, 30, 60)


@attrs.frozen
class At:
    x: float
    y: float


@pytest.mark.parametrize(
    ("one", "other", "clear"),
    [
        pytest.param(At(0, 40), At(40, 40), False, id="across"),
        pytest.param(At(20, 0), At(20, 99), False, id="along"),
        pytest.param(At(0, 10), At(40, 70), False, id="slanted"),
        pytest.param(At(0, 40), At(20, 40), False, id="to a place in the wall"),
        pytest.param(At(15, 30), At(25, 50), False, id="within the wall"),
        pytest.param(At(0, 40), At(9, 40), True, id="before the wall"),
        pytest.param(At(0, 0), At(40, 19), True, id="above the wall"),
        pytest.param(At(0, 50), At(20, 80), True, id="around a corner"),
        pytest.param(At(10, 0), At(10, 99), True, id="along an edge"),
        pytest.param(At(0, 30), At(20, 10), True, id="over a corner"),
        pytest.param(At(0, 0), At(0, 0), True, id="the same place"),
    ],
)
def test_a_wall_blocks_lines_that_cross_it(one: At, other: At, clear: bool) -> None:
    assert is_in_sight(one, other, [WALL]) is clear
    assert is_in_sight(other, one, [(90, 90, 99, 99), WALL]) is clear


def test_nothing_is_hidden_without_walls() -> None:
    assert is_in_sight(At(0, 0), At(9, 9), [])


@given(
    st.tuples(st.integers(11, 29), st.integers(21, 59)),
    st.tuples(st.integers(-99, 99), st.integers(-99, 99)).filter(any),
    st.integers(0, 9),
    st.integers(0, 9),
)
def test_a_line_through_the_inside_is_blocked(
    inside: tuple[int, int], way: tuple[int, int], before: int, after: int
) -> None:
    one = At(inside[0] - before * way[0], inside[1] - before * way[1])
    other = At(inside[0] + after * way[0], inside[1] + after * way[1])
    assert is_in_sight(one, other, [WALL]) is (before == after == 0)
