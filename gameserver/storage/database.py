"""A transaction and a database, as protocols that each engine implements.

Owns the protocols between tables and engines.  A transaction is a plain synchronous function; the
engine runs it in a worker thread, so the event loop never waits for a disk or a network.

Statements are written once, in the SQL that both engines know: parameters are ``:name``, types are
``{integer} {text} {real} {blob}``, ``{now}`` is the time of the database in seconds since 1970, and
``FOR SHARE`` locks a row where writers run side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Transaction(Protocol):
    """Statements between BEGIN and COMMIT."""

    def rows(self, statement: str, /, **parameters: Any) -> list[tuple[Any, ...]]:
        """Run a statement and return all its rows."""


class Database(Protocol):
    """An open database of one engine."""

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in a transaction that may write, and return its result.

        An exception rolls the transaction back.  The engine may run ``work`` several times, so it
        must have no effect besides its statements.  Raises ``StorageUnavailable``.
        """

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work``, which writes nothing, as ``transact`` does, but beside a writer."""

    async def aclose(self) -> None:
        """Close all connections.  Committed transactions are on disk."""


def only(rows: list[tuple[Any, ...]]) -> Any:
    """Return the first column of the first row, or None."""
    return rows[0][0] if rows else None
