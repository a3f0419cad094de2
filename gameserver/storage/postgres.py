"""PostgreSQL, through psycopg: storage that several hosts share.

Owns a few connections, each used by one worker thread at a time, and made anew when one is lost.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import psycopg
import psycopg.errors
import trio
from psycopg.conninfo import conninfo_to_dict

from gameserver.storage.database import Transaction
from gameserver.storage.errors import StorageError, StorageUnavailable
from gameserver.storage.migrations import migrate

T = TypeVar("T")

#: Transactions that run at the same time; further ones wait.
MAX_CONNECTIONS: Final = 4
#: Time to wait for a connection, and for a statement.
CONNECT_S: Final = 5
STATEMENT_MS: Final = 10_000
#: How often a transaction is tried if others conflict with it.
TRIES: Final = 5
#: The advisory lock under which tables are made: two servers may start at once.
_MIGRATING: Final = 0x67737276
_WORDS: Final = {
    "integer": "BIGINT",
    # Compared by code points, as SQLite does.
    "text": 'TEXT COLLATE "C"',
    "real": "DOUBLE PRECISION",
    "blob": "BYTEA",
    "serial": "BIGINT GENERATED ALWAYS AS IDENTITY",
    "now": "CAST(extract(epoch FROM clock_timestamp()) AS DOUBLE PRECISION)",
}
_PARAMETER: Final = re.compile(r":([a-z_]+)")

Connection = psycopg.Connection[tuple[Any, ...]]


@functools.cache
def _translated(statement: str) -> str:
    for name, sql in _WORDS.items():
        statement = statement.replace(f"{{{name}}}", sql)
    return _PARAMETER.sub(r"%(\1)s", statement)


class _Transaction:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, /, **parameters: Any) -> list[tuple[Any, ...]]:
        # Only our own statements come here; their parameters go beside them.
        cursor = self._connection.execute(cast("Any", _translated(statement)), parameters or None)
        return cursor.fetchall() if cursor.description is not None else []


class Postgres:
    """An open database.  Make one with ``open``."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._where = without_password(url)
        self._idle: Final[list[Connection]] = []
        self._connections: Final = trio.CapacityLimiter(MAX_CONNECTIONS)

    @classmethod
    async def open(cls, url: str) -> Postgres:
        """Connect, and bring the tables up to date.

        Raises ``StorageRefused`` if they are newer, and ``StorageUnavailable`` if nothing answers
        or the password is wrong.
        """
        database = cls(url)

        def make_tables(transaction: Transaction) -> None:
            transaction.rows("SELECT pg_advisory_xact_lock(:key)", key=_MIGRATING)
            migrate(transaction, database._where)

        try:
            await database.transact(make_tables)
        except BaseException:
            await database.aclose()
            raise
        return database

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in a transaction that may write (``Database.transact``)."""
        return await trio.to_thread.run_sync(self._run, work, limiter=self._connections)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work``, which writes nothing (``Database.read``)."""
        return await self.transact(work)

    def _run(self, work: Callable[[Transaction], T]) -> T:
        """Run in a worker thread, and again after a conflict with another transaction."""
        try:
            for _ in range(TRIES - 1):
                try:
                    return self._once(work)
                except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected):
                    continue
            return self._once(work)
        except psycopg.OperationalError as error:
            raise StorageUnavailable(f"{self._where}: {_one_line(error)}") from error

    def _once(self, work: Callable[[Transaction], T]) -> T:
        connection = self._take()
        try:
            with connection.transaction():
                result = work(_Transaction(connection))
        finally:
            if connection.closed or connection.broken:
                connection.close()
            else:
                self._idle.append(connection)
        return result

    def _take(self) -> Connection:
        """Return a connection that answers."""
        try:
            connection = self._idle.pop()
        except IndexError:
            return self._connect()
        try:
            connection.execute("SELECT 1")
        except psycopg.OperationalError:  # the server was restarted meanwhile
            connection.close()
            return self._connect()
        return connection

    def _connect(self) -> Connection:
        return psycopg.connect(
            self._url,
            autocommit=True,
            connect_timeout=CONNECT_S,
            options=f"-c statement_timeout={STATEMENT_MS}",
        )

    async def aclose(self) -> None:
        """Close all connections."""
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._close)

    def _close(self) -> None:
        while self._idle:
            self._idle.pop().close()


def without_password(url: str) -> str:
    """Return host, port and database of ``url``, for logs and errors.

    ``StorageError`` if it is no address of a PostgreSQL database.
    """
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # its text may repeat the password
        raise StorageError(
            "storage: not an address of PostgreSQL: write postgresql://USER@HOST/DATABASE"
        ) from None
    host, port = str(parts.get("host", "")), parts.get("port")
    where = f"[{host}]" if ":" in host else host
    return f"postgresql://{where}{f':{port}' if port else ''}/{parts.get('dbname', '')}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
