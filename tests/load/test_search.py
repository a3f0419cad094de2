"""The search for the largest crowd."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gameserver.load.search import TRIES, Search


def play(search: Search, limit: int) -> list[int]:
    """Let the search find ``limit``; return the sizes that it tried."""
    tried = []
    while search.size is not None:
        tried.append(search.size)
        search.note(holds=search.size <= limit)
    return tried


@given(st.integers(1, 50), st.integers(1, 5000), st.integers(0, 6000))
def test_the_limit_is_found_to_the_precision(first: int, most: int, limit: int) -> None:
    search = Search(first, most, 0.05)
    tried = play(search, limit)
    assert max(tried) <= most
    if limit >= most:
        assert search.at_most
        assert search.good == most
        return
    assert not search.at_most
    assert search.bad is not None
    assert search.good <= limit < search.bad
    assert search.bad - search.good <= max(1, round(0.05 * search.good))
    assert len(tried) <= 60


def test_it_grows_and_then_bisects() -> None:
    assert play(Search(8, 1000, 0.1), 100) == [8, 16, 32, 64, 128, 128, 96, 112, 112, 104, 104]


def test_a_hiccup_is_no_limit() -> None:
    search = Search(10, 40, 0.05)
    answers = iter([True, False, True, True])
    while search.size is not None:
        search.note(holds=next(answers))
    assert search.good == 40
    assert TRIES == 2
