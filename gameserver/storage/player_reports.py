"""Reports of players about players: both players, the reason, the room, and the last texts there.

Owns their table.  Anybody can report anything, so a report proves nothing; its journal does.
"""

from __future__ import annotations

from typing import Any

import attrs

from gameserver.storage.database import Transaction, only
from gameserver.storage.names import checked_limit, decoded, encoded, is_name, is_text


@attrs.frozen
class PlayerReport:
    """One report.  ``journal`` names the file that shows what happened, or is empty.

    ``by`` and ``about`` are ``[seat, name, identity or None, address or None]``; ``texts`` are the
    last ones that were said in the room, each ``[tick, name, text]``.  ``closed_by`` is the
    operator who has dealt with it, or empty.
    """

    id: int
    at_s: float
    room: str
    tick: int
    by: list[Any]
    about: list[Any]
    reason: str
    texts: list[Any]
    journal: str
    closed_by: str


@attrs.frozen(kw_only=True)
class AddReport:
    """Add a report.  Returns its id."""

    room: str = attrs.field(validator=is_name("room"))
    tick: int
    by: bytes = attrs.field(converter=encoded)
    about: bytes = attrs.field(converter=encoded)
    reason: str = attrs.field(validator=is_text("reason"))
    texts: bytes = attrs.field(converter=encoded)
    journal: str = ""

    def apply(self, transaction: Transaction, now_s: float) -> int:
        """Add it in this transaction."""
        return int(
            only(
                transaction.rows(
                    "INSERT INTO gameserver_reports "
                    "(at_s, room, tick, said_by, about, reason, texts, journal, closed_by) VALUES "
                    "(:at_s, :room, :tick, :by, :about, :reason, :texts, :journal, '') "
                    "RETURNING id",
                    **attrs.asdict(self),
                    at_s=now_s,
                )
            )
        )


@attrs.frozen
class CloseReport:
    """Note that an operator has dealt with a report.  Returns whether there is one."""

    id: int
    operator: str = attrs.field(validator=is_text("operator"))

    def apply(self, transaction: Transaction, _now_s: float) -> bool:
        """Note it in this transaction."""
        return bool(
            transaction.rows(
                "UPDATE gameserver_reports SET closed_by = :operator WHERE id = :id RETURNING id",
                **attrs.asdict(self),
            )
        )


def newest(transaction: Transaction, limit: int, before: int | None) -> list[PlayerReport]:
    """Return the newest reports, those before the id ``before`` if it is given."""
    rows = transaction.rows(
        "SELECT id, at_s, room, tick, said_by, about, reason, texts, journal, closed_by "
        "FROM gameserver_reports WHERE id < :before ORDER BY id DESC LIMIT :limit",
        before=2**62 if before is None else before,
        limit=checked_limit(limit),
    )
    return [
        PlayerReport(
            number,
            at_s,
            room,
            tick,
            decoded(bytes(by)),
            decoded(bytes(about)),
            reason,
            decoded(bytes(texts)),
            journal,
            closed_by,
        )
        for number, at_s, room, tick, by, about, reason, texts, journal, closed_by in rows
    ]
