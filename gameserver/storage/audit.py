"""The audit log: every action of an operator, with its result.

Owns its table.  Nothing here changes or removes an entry.
"""

from __future__ import annotations

from typing import Any

import attrs

from gameserver.storage.database import Transaction, only
from gameserver.storage.names import checked_limit, decoded, encoded, is_name, is_text


@attrs.frozen
class AuditEntry:
    """One action of an operator, at ``at_s`` (seconds since 1970), and its result.

    ``came_from`` is the origin of the request: ``http 192.0.2.1``, ``monitor 192.0.2.1`` or
    ``control socket``.
    """

    id: int
    at_s: float
    operator: str
    came_from: str
    action: str
    arguments: Any
    result: str


@attrs.frozen(kw_only=True)
class AddAudit:
    """Add an entry.  Returns its id."""

    operator: str = attrs.field(validator=is_text("operator"))
    came_from: str = attrs.field(validator=is_text("came_from"))
    action: str = attrs.field(validator=is_name("action"))
    arguments: bytes = attrs.field(converter=encoded)
    result: str

    def apply(self, transaction: Transaction, now_s: float) -> int:
        """Add it in this transaction."""
        return int(
            only(
                transaction.rows(
                    "INSERT INTO gameserver_audit "
                    "(at_s, operator, came_from, action, arguments, result) VALUES "
                    "(:at_s, :operator, :came_from, :action, :arguments, :result) RETURNING id",
                    **attrs.asdict(self),
                    at_s=now_s,
                )
            )
        )


def newest(transaction: Transaction, limit: int, before: int | None) -> list[AuditEntry]:
    """Return the newest entries, those before the id ``before`` if it is given."""
    rows = transaction.rows(
        "SELECT id, at_s, operator, came_from, action, arguments, result FROM gameserver_audit "
        "WHERE id < :before ORDER BY id DESC LIMIT :limit",
        before=2**62 if before is None else before,
        limit=checked_limit(limit),
    )
    return [
        AuditEntry(number, at_s, who, came_from, action, decoded(bytes(arguments)), result)
        for number, at_s, who, came_from, action, arguments, result in rows
    ]
