"""Lines and searches: what was put in is found again."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from benchmarks.fit import fit_line, largest_that_holds, left_over


def test_a_line_is_found_again() -> None:
    line = fit_line([1, 2, 5], [3.5, 5.5, 11.5])
    assert (line.slope, line.intercept, line.r2) == pytest.approx((2.0, 1.5, 1.0))


def test_a_poor_fit_says_so() -> None:
    assert fit_line([0, 1, 2, 3], [0, 1, 0, 1]).r2 == pytest.approx(0.2)


@pytest.mark.parametrize(("xs", "ys"), [([1], [1]), ([2, 2], [1, 3]), ([1, 2], [1])])
def test_no_line_through_too_little(xs: list[float], ys: list[float]) -> None:
    with pytest.raises(ValueError, match="two points"):
        fit_line(xs, ys)


@pytest.mark.parametrize("truth", [11, 90, 125, 126, 680, 3325, 4999, 5000])
def test_the_search_ends_near_the_truth(truth: int) -> None:
    held: dict[int, bool] = {}
    while (players := largest_that_holds(125, 5000, held)) is not None:
        assert players not in held
        held[players] = players <= truth
    found = max((n for n, ok in held.items() if ok), default=0)
    assert truth * 0.94 - 1 <= found <= truth
    assert len(held) < 15


def test_the_search_gives_up_on_what_holds_nothing() -> None:
    held: dict[int, bool] = {}
    while (players := largest_that_holds(125, 5000, held)) is not None:
        held[players] = False
    assert not any(held.values())
    assert min(held) <= 10


counts = st.integers(-100, 100).map(float)


def dot(xs: list[float], ys: list[float]) -> float:
    return sum(x * y for x, y in zip(xs, ys, strict=True))


@given(st.lists(st.tuples(counts, counts, counts), min_size=1, max_size=30), counts, counts)
def test_nothing_is_left_of_what_causes_explain(
    rows: list[tuple[float, float, float]], a: float, b: float
) -> None:
    first, second, noise = map(list, zip(*rows, strict=True))
    explained = [7 + a * x + b * y for x, y in zip(first, second, strict=True)]
    assert left_over(explained, first, second) == pytest.approx([0] * len(rows), abs=1e-4)
    left = left_over(noise, first, second)
    assert sum(left) == pytest.approx(0, abs=1e-6)
    assert (dot(left, first), dot(left, second)) == pytest.approx((0, 0), abs=1e-3)


def test_a_cause_that_says_the_same_again_explains_nothing_more() -> None:
    xs, ys = [1.0, 2.0, 4.0, 8.0], [3.0, 1.0, 4.0, 1.0]
    once, about_mean = left_over(ys, xs), left_over(ys)
    assert left_over(ys, xs, [5.0] * 4, [0.1 * x + 0.7 for x in xs]) == pytest.approx(once)
    assert dot(once, once) == pytest.approx((1 - fit_line(xs, ys).r2) * dot(about_mean, about_mean))
