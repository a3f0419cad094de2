"""Leaderboards: scores by owner, ranked, per day or week.

Owns the tables of scores and blocks.  Owners are ordered by their *place*: ``(place, seq)``.
``place`` is the score, negated if high scores are better.  ``seq`` grows with every change, so of
two equal scores the earlier one always ranks first.

Counting all better scores would be slow in a board of a million.  So the places of a board are cut
into *blocks* of up to ``MAX_BLOCK`` neighbours, whose sizes are kept.  A rank is the sum of the
sizes of all earlier blocks, plus a count within one block (a B-tree with counts and two levels, as
in Knuth, TAOCP 3, 6.2.4).

Invariant: the sizes of the blocks are the numbers of scores between their first places and the next
block's; every change of a score changes both in one transaction.  Submitting locks the board's row,
so no two writers change the blocks of one board at a time.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from gameserver.storage.database import Transaction, only
from gameserver.storage.declared import Leaderboard, Resets
from gameserver.storage.names import MAX_SCORE, checked_limit, checked_score, is_text

#: Scores in a block before it is split.
MAX_BLOCK: Final = 1024
#: Before every place: the first block of a board begins here.
_LOWEST: Final = -(2**62)
_DAY_S: Final = 86400
#: 1970-01-01 was a Thursday; weeks begin on Monday, 00:00 UTC.
_MONDAY_S: Final = 3 * _DAY_S

_OF_BOARD: Final = "board = :board AND period = :period"


def period_at(resets: Resets, time_s: float) -> int:
    """Return the number of the period that a time (seconds since 1970, UTC) lies in."""
    if resets == "daily":
        return int(time_s // _DAY_S)
    if resets == "weekly":
        return int((time_s + _MONDAY_S) // (7 * _DAY_S))
    return 0


@attrs.frozen
class Place:
    """One row of a leaderboard.  ``rank`` begins at 1; ``name`` is the display name last given."""

    rank: int
    owner: str
    name: str
    score: int


@attrs.frozen
class SubmitScore:
    """Submit a score of ``owner``.  Returns the score that the board now has.

    ``name`` is shown beside it.  The board's declaration says whether the best, the sum, or the
    last score counts.
    """

    board: type[Leaderboard]
    owner: str = attrs.field(validator=is_text("owner"))
    score: int = attrs.field(validator=lambda _self, _field, score: checked_score(score))
    name: str = attrs.field(validator=is_text("name"))

    def apply(self, transaction: Transaction, now_s: float) -> int:
        """Submit it in this transaction."""
        board = {"board": self.board.name, "period": period_at(self.board.resets, now_s)}
        seq = only(transaction.rows(_NEXT_SEQ, **board))
        before = transaction.rows(
            f"SELECT score, place, seq FROM gameserver_scores WHERE {_OF_BOARD} AND owner = :owner",
            **board,
            owner=self.owner,
        )
        score = self._kept(before[0][0] if before else None)
        if before and score == before[0][0]:
            return score
        place = score if self.board.order == "low" else -score
        if before:
            _take_from_block(transaction, board, before[0][1], before[0][2])
        transaction.rows(
            _UPSERT, **board, owner=self.owner, score=score, place=place, seq=seq, name=self.name
        )
        _put_into_block(transaction, board, place, seq)
        return score

    def _kept(self, before: int | None) -> int:
        if before is None or self.board.keep == "last":
            return self.score
        if self.board.keep == "sum":
            return min(max(before + self.score, -MAX_SCORE), MAX_SCORE)
        return min(before, self.score) if self.board.order == "low" else max(before, self.score)


#: Also locks the board's row, so that one writer at a time changes its blocks.
_NEXT_SEQ: Final = (
    "INSERT INTO gameserver_boards VALUES (:board, :period, 1) ON CONFLICT (board, period) "
    "DO UPDATE SET next_seq = gameserver_boards.next_seq + 1 RETURNING next_seq"
)
_UPSERT: Final = (
    "INSERT INTO gameserver_scores VALUES (:board, :period, :owner, :score, :place, :seq, :name) "
    "ON CONFLICT (board, period, owner) DO UPDATE SET score = excluded.score, "
    "place = excluded.place, seq = excluded.seq, name = excluded.name"
)


def top(transaction: Transaction, board: str, period: int, limit: int, offset: int) -> list[Place]:
    """Return the best ``limit`` after the first ``offset``."""
    rows = transaction.rows(
        f"SELECT owner, name, score FROM gameserver_scores WHERE {_OF_BOARD} "
        "ORDER BY place, seq LIMIT :limit OFFSET :offset",
        board=board,
        period=period,
        limit=checked_limit(limit),
        offset=offset,
    )
    return [Place(rank, *row) for rank, row in enumerate(rows, offset + 1)]


def rank_of(transaction: Transaction, board: str, period: int, owner: str) -> Place | None:
    """Return the place of ``owner``, or None."""
    parameters = {"board": board, "period": period}
    rows = transaction.rows(
        f"SELECT place, seq, name, score FROM gameserver_scores WHERE {_OF_BOARD} "
        "AND owner = :owner",
        **parameters,
        owner=owner,
    )
    if not rows:
        return None
    place, seq, name, score = rows[0]
    first = _block_of(transaction, parameters, place, seq)
    earlier = only(
        transaction.rows(
            f"SELECT coalesce(sum(size), 0) FROM gameserver_blocks WHERE {_OF_BOARD} "
            "AND (place, seq) < (:place, :seq)",
            **parameters,
            place=first[0],
            seq=first[1],
        )
    )
    better = only(
        transaction.rows(
            f"SELECT count(*) FROM gameserver_scores WHERE {_OF_BOARD} "
            "AND (place, seq) >= (:first_place, :first_seq) AND (place, seq) < (:place, :seq)",
            **parameters,
            first_place=first[0],
            first_seq=first[1],
            place=place,
            seq=seq,
        )
    )
    return Place(int(earlier) + better + 1, owner, name, score)


def around(
    transaction: Transaction, board: str, period: int, owner: str, limit: int
) -> list[Place]:
    """Return ``owner`` with up to ``limit`` places before and as many after; empty if unranked."""
    mine = rank_of(transaction, board, period, owner)
    if mine is None:
        return []
    parameters = {"board": board, "period": period, "owner": owner, "limit": checked_limit(limit)}
    own = f"(SELECT place, seq FROM gameserver_scores WHERE {_OF_BOARD} AND owner = :owner)"
    before, after = (
        transaction.rows(
            f"SELECT owner, name, score FROM gameserver_scores WHERE {_OF_BOARD} "
            f"AND (place, seq) {compared} {own} ORDER BY place {way}, seq {way} LIMIT :limit",
            **parameters,
        )
        for compared, way in (("<", "DESC"), (">", "ASC"))
    )
    rows = [*before[::-1], (mine.owner, mine.name, mine.score), *after]
    return [Place(rank, *row) for rank, row in enumerate(rows, mine.rank - len(before))]


def size_of(transaction: Transaction, board: str, period: int) -> int:
    """Return how many owners the board has."""
    total = only(
        transaction.rows(
            f"SELECT coalesce(sum(size), 0) FROM gameserver_blocks WHERE {_OF_BOARD}",
            board=board,
            period=period,
        )
    )
    return int(total)


# ---------------------------------------------------------------- blocks


def _block_of(
    transaction: Transaction, board: dict[str, Any], place: int, seq: int
) -> tuple[int, int, int]:
    """Return the block that a place lies in: its first place and seq, and its size."""
    rows = transaction.rows(
        f"SELECT place, seq, size FROM gameserver_blocks WHERE {_OF_BOARD} "
        "AND (place, seq) <= (:place, :seq) ORDER BY place DESC, seq DESC LIMIT 1",
        **board,
        place=place,
        seq=seq,
    )
    return rows[0] if rows else (_LOWEST, 0, 0)


def _resize(transaction: Transaction, board: dict[str, Any], at: tuple[int, int], by: int) -> None:
    transaction.rows(
        f"UPDATE gameserver_blocks SET size = size + :by WHERE {_OF_BOARD} "
        "AND place = :place AND seq = :seq",
        **board,
        place=at[0],
        seq=at[1],
        by=by,
    )


def _put_into_block(transaction: Transaction, board: dict[str, Any], place: int, seq: int) -> None:
    *first, size = _block_of(transaction, board, place, seq)
    at = (first[0], first[1])
    if at == (_LOWEST, 0) and size == 0:
        transaction.rows(
            "INSERT INTO gameserver_blocks VALUES (:board, :period, :place, :seq, 0) "
            "ON CONFLICT (board, period, place, seq) DO NOTHING",
            **board,
            place=_LOWEST,
            seq=0,
        )
    _resize(transaction, board, at, 1)
    if size + 1 > MAX_BLOCK:
        _split(transaction, board, at, size + 1)


def _take_from_block(transaction: Transaction, board: dict[str, Any], place: int, seq: int) -> None:
    first_place, first_seq, size = _block_of(transaction, board, place, seq)
    if size == 1 and first_place != _LOWEST:
        transaction.rows(
            f"DELETE FROM gameserver_blocks WHERE {_OF_BOARD} AND place = :place AND seq = :seq",
            **board,
            place=first_place,
            seq=first_seq,
        )
    else:
        _resize(transaction, board, (first_place, first_seq), -1)


def _split(transaction: Transaction, board: dict[str, Any], at: tuple[int, int], size: int) -> None:
    """Cut a block in the middle."""
    kept = size // 2
    place, seq = transaction.rows(
        f"SELECT place, seq FROM gameserver_scores WHERE {_OF_BOARD} "
        "AND (place, seq) >= (:place, :seq) ORDER BY place, seq LIMIT 1 OFFSET :kept",
        **board,
        place=at[0],
        seq=at[1],
        kept=kept,
    )[0]
    _resize(transaction, board, at, kept - size)
    transaction.rows(
        "INSERT INTO gameserver_blocks VALUES (:board, :period, :place, :seq, :size)",
        **board,
        place=place,
        seq=seq,
        size=size - kept,
    )
