"""Bans and mutes: the subject (an identity or address), the end, the reason and the operator.

Owns their table.  A penalty that is over is removed when the next one is added.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from gameserver.storage.database import Transaction
from gameserver.storage.names import is_text

BAN: Final = "ban"
MUTE: Final = "mute"
KINDS: Final = (BAN, MUTE)
#: The kinds of subjects that a penalty can have.
IDENTITY: Final = "identity"
ADDRESS: Final = "address"
SUBJECTS: Final = (IDENTITY, ADDRESS)


@attrs.frozen
class Penalty:
    """One ban or mute.  Times are seconds since 1970; ``until_s`` None: it has no end.

    ``subject`` is an identity, or a network such as ``192.0.2.0/24``.
    """

    kind: str
    of: str
    subject: str
    until_s: float | None
    reason: str
    operator: str
    since_s: float

    def is_over(self, now_s: float) -> bool:
        """Whether it has ended."""
        return self.until_s is not None and self.until_s <= now_s


@attrs.frozen(kw_only=True)
class AddPenalty:
    """Ban or mute; a penalty of this kind on the same subject is replaced.  Returns it."""

    kind: str = attrs.field(validator=attrs.validators.in_(KINDS))
    of: str = attrs.field(validator=attrs.validators.in_(SUBJECTS))
    subject: str = attrs.field(validator=is_text("subject"))
    until_s: float | None
    reason: str = attrs.field(validator=is_text("reason", or_empty=True))
    operator: str = attrs.field(validator=is_text("operator"))

    def apply(self, transaction: Transaction, now_s: float) -> Penalty:
        """Add it in this transaction."""
        transaction.rows("DELETE FROM gameserver_penalties WHERE until_s <= :now_s", now_s=now_s)
        added = Penalty(**attrs.asdict(self), since_s=now_s)
        transaction.rows(
            "INSERT INTO gameserver_penalties "
            "(kind, subject_kind, subject, until_s, reason, operator, since_s) VALUES "
            "(:kind, :of, :subject, :until_s, :reason, :operator, :since_s) "
            "ON CONFLICT (kind, subject_kind, subject) DO UPDATE SET "
            "until_s = excluded.until_s, reason = excluded.reason, "
            "operator = excluded.operator, since_s = excluded.since_s",
            **attrs.asdict(added),
        )
        return added


@attrs.frozen
class EndPenalty:
    """End a ban or mute.  Returns whether there was one."""

    kind: str
    of: str
    subject: str

    def apply(self, transaction: Transaction, _now_s: float) -> bool:
        """Remove it in this transaction."""
        ended = transaction.rows(
            "DELETE FROM gameserver_penalties WHERE kind = :kind AND subject_kind = :of "
            "AND subject = :subject RETURNING kind",
            **attrs.asdict(self),
        )
        return bool(ended)


def all_of(transaction: Transaction) -> list[Penalty]:
    """Return all penalties, also those that are over, the oldest first."""
    rows: list[tuple[Any, ...]] = transaction.rows(
        "SELECT kind, subject_kind, subject, until_s, reason, operator, since_s "
        "FROM gameserver_penalties ORDER BY since_s"
    )
    return [Penalty(*row) for row in rows]
