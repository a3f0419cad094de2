"""Matches: their rooms, times, players and results.

Owns the tables of matches and of their players.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from gameserver.storage.database import Transaction, only
from gameserver.storage.names import checked_limit, decoded, encoded, is_name, is_text

#: The most players of one match.
MAX_PLAYERS: Final = 10_000


@attrs.frozen
class Match:
    """One match.  Times are seconds since 1970; ``journal`` names its journal, or is empty."""

    id: int
    kind: str
    room: str
    began_s: float
    ended_s: float
    players: tuple[str, ...]
    result: Any
    journal: str


@attrs.frozen(kw_only=True)
class AddMatch:
    """Add a match that has ended.  Returns its id."""

    kind: str = attrs.field(validator=is_name("kind"))
    room: str = attrs.field(validator=is_name("room"))
    began_s: float
    ended_s: float
    #: Identities of the players.
    players: tuple[str, ...] = attrs.field(
        converter=tuple,
        validator=[
            attrs.validators.max_len(MAX_PLAYERS),
            attrs.validators.deep_iterable(is_text("player")),
        ],
    )
    result: bytes = attrs.field(converter=encoded)
    journal: str = attrs.field(default="", validator=is_text("journal", or_empty=True))

    def apply(self, transaction: Transaction, _now_s: float) -> int:
        """Add it in this transaction."""
        match = only(
            transaction.rows(
                "INSERT INTO gameserver_matches (kind, room, began_s, ended_s, result, journal) "
                "VALUES (:kind, :room, :began_s, :ended_s, :result, :journal) RETURNING id",
                kind=self.kind,
                room=self.room,
                began_s=self.began_s,
                ended_s=self.ended_s,
                result=self.result,
                journal=self.journal,
            )
        )
        for owner in dict.fromkeys(self.players):
            transaction.rows(
                "INSERT INTO gameserver_match_players VALUES (:owner, :match)",
                owner=owner,
                match=match,
            )
        return int(match)


def read(transaction: Transaction, match: int) -> Match | None:
    """Return a match, or None."""
    rows = transaction.rows(f"{_SELECT} WHERE id = :match", match=match)
    return _match(transaction, rows[0]) if rows else None


def of_player(transaction: Transaction, owner: str, before: int | None, limit: int) -> list[Match]:
    """Return the newest matches of a player, those before the id ``before`` if it is given."""
    rows = transaction.rows(
        f"{_SELECT} WHERE id IN (SELECT match FROM gameserver_match_players WHERE owner = :owner "
        "AND match < :before ORDER BY match DESC LIMIT :limit) ORDER BY id DESC",
        owner=owner,
        before=2**62 if before is None else before,
        limit=checked_limit(limit),
    )
    return [_match(transaction, row) for row in rows]


_SELECT: Final = "SELECT id, kind, room, began_s, ended_s, result, journal FROM gameserver_matches"


def _match(transaction: Transaction, row: tuple[Any, ...]) -> Match:
    match, kind, room, began_s, ended_s, result, journal = row
    players = transaction.rows(
        "SELECT owner FROM gameserver_match_players WHERE match = :match ORDER BY owner",
        match=match,
    )
    return Match(
        match,
        kind,
        room,
        began_s,
        ended_s,
        tuple(owner for (owner,) in players),
        decoded(bytes(result)),
        journal,
    )
