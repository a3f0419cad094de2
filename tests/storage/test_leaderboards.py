"""Leaderboards against a sorted list, with small blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameserver.errors import LocalProtocolError
from gameserver.storage import leaderboards
from gameserver.storage.database import Transaction
from gameserver.storage.declared import Leaderboard
from gameserver.storage.leaderboards import SubmitScore, period_at
from gameserver.storage.migrations import migrate
from gameserver.storage.sqlite import _Transaction
from tests.support.examples import examples


class Best(Leaderboard):
    """High is better."""


class Fastest(Leaderboard, order="low"):
    """Low is better."""


class Sum(Leaderboard, keep="sum"):
    """All scores count."""


class Last(Leaderboard, keep="last", order="low"):
    """The newest score counts."""


@contextmanager
def tables_in_memory() -> Iterator[Transaction]:
    connection = apsw.Connection(":memory:")
    transaction = _Transaction(connection)
    migrate(transaction, "memory")
    yield transaction
    connection.close()


def kept(board: type[Leaderboard], before: int | None, score: int) -> int:
    if before is None or board.keep == "last":
        return score
    if board.keep == "sum":
        return before + score
    return min(before, score) if board.order == "low" else max(before, score)


@settings(max_examples=examples(60))
@given(
    st.sampled_from([Best, Fastest, Sum, Last]),
    st.lists(st.tuples(st.integers(0, 25), st.integers(-3, 3)), max_size=120),
)
def test_ranks_are_those_of_a_sorted_list(
    board: type[Leaderboard], submitted: list[tuple[int, int]]
) -> None:
    """A score that did not change keeps its rank among equals; every other goes behind them."""
    model: dict[str, tuple[int, int]] = {}
    with pytest.MonkeyPatch.context() as patch, tables_in_memory() as transaction:
        patch.setattr(leaderboards, "MAX_BLOCK", 4)
        for at, (player, score) in enumerate(submitted):
            owner = f"p{player}"
            before = model.get(owner)
            now = kept(board, None if before is None else before[0], score)
            if before is None or before[0] != now:
                model[owner] = (now, at)
            assert SubmitScore(board, owner, score, "P").apply(transaction, 0.0) == now
        sign = 1 if board.order == "low" else -1
        ordered = sorted(model, key=lambda owner: (sign * model[owner][0], model[owner][1]))
        top = leaderboards.top(transaction, board.name, 0, 1000, 0)
        assert [(place.owner, place.score) for place in top] == [
            (owner, model[owner][0]) for owner in ordered
        ]
        for rank, owner in enumerate(ordered, 1):
            place = leaderboards.rank_of(transaction, board.name, 0, owner)
            assert place is not None
            assert (place.rank, place.score) == (rank, model[owner][0])
            near = leaderboards.around(transaction, board.name, 0, owner, 2)
            assert near == top[max(0, rank - 3) : rank + 2]
        sizes = transaction.rows("SELECT size FROM gameserver_blocks")
        assert sum(size for (size,) in sizes) == len(model)
        assert all(size <= 4 for (size,) in sizes)


def test_periods() -> None:
    monday_s = 4 * 86400  # 1970-01-05
    assert period_at("weekly", monday_s - 1) + 1 == period_at("weekly", monday_s)
    assert period_at("weekly", monday_s) == period_at("weekly", monday_s + 7 * 86400 - 1)
    assert period_at("daily", 86399.9) + 1 == period_at("daily", 86400.0)
    assert period_at("never", 1e9) == 0


def test_a_wrong_setting_is_named() -> None:
    with pytest.raises(LocalProtocolError, match="Wrong: keep must be one of best, sum, last"):

        class Wrong(Leaderboard, keep="most"):  # type: ignore[arg-type]
            """A mistake."""
