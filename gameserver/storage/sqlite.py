"""SQLite, through apsw: the embedded engine, one file.

Owns one connection that writes and one that reads, each used by one thread at a time.  A commit is
on disk when it returns (write-ahead log, ``synchronous=FULL``).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw
import trio

from gameserver.storage.database import Transaction
from gameserver.storage.errors import StorageError, StorageRefused, StorageUnavailable
from gameserver.storage.migrations import migrate

T = TypeVar("T")

#: Marks the file as ours: "gsrv" (https://www.sqlite.org/pragma.html#pragma_application_id).
APPLICATION_ID: Final = 0x67737276
#: How long a statement waits for another process that writes.
BUSY_MS: Final = 5000
_WORDS: Final = {
    "integer": "INTEGER",
    "text": "TEXT",
    "real": "REAL",
    "blob": "BLOB",
    "serial": "INTEGER",
    "now": "((julianday('now') - 2440587.5) * 86400)",
}
#: A transaction that writes has the whole database to itself: rows need no lock.
_ROW_LOCK: Final = re.compile(r"\s+FOR (SHARE|UPDATE)\b")


@functools.cache
def _translated(statement: str) -> str:
    for name, sql in _WORDS.items():
        statement = statement.replace(f"{{{name}}}", sql)
    return _ROW_LOCK.sub("", statement)


class _Transaction:
    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, /, **parameters: Any) -> list[tuple[Any, ...]]:
        return list(self._connection.execute(_translated(statement), parameters))


class SQLite:
    """An open database file.  Make one with ``open``."""

    def __init__(self, path: str, writer: apsw.Connection, reader: apsw.Connection) -> None:
        self._path = path
        self._writer: Final = writer
        self._reader: Final = reader
        self._writing: Final = trio.Lock()
        self._reading: Final = trio.Lock()

    @classmethod
    async def open(cls, path: Path) -> SQLite:
        """Open or make the file, and bring its tables up to date.

        Raises ``StorageRefused`` for a file that is damaged, newer, or not ours, and
        ``StorageUnavailable`` if it cannot be opened.
        """
        writer, reader = await trio.to_thread.run_sync(_open, str(path))
        return cls(str(path), writer, reader)

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in a transaction that may write (``Database.transact``)."""
        async with self._writing:
            return await self._run(self._writer, "BEGIN IMMEDIATE", work)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work``, which writes nothing (``Database.read``)."""
        async with self._reading:
            return await self._run(self._reader, "BEGIN", work)

    async def _run(
        self, connection: apsw.Connection, begin: str, work: Callable[[Transaction], T]
    ) -> T:
        def run() -> T:
            with _errors_named(self._path):
                return _within(connection, begin, work)

        return await trio.to_thread.run_sync(run)

    async def aclose(self) -> None:
        """Close all connections."""
        with trio.CancelScope(shield=True):
            async with self._writing, self._reading:
                await trio.to_thread.run_sync(self._close)

    def _close(self) -> None:
        self._reader.close()
        self._writer.close()


class _errors_named:  # noqa: N801
    """Raise apsw's errors as ours, with the name of the file."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _cls: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, StorageError) or not isinstance(error, apsw.Error):
            return
        if isinstance(error, (apsw.NotADBError, apsw.CorruptError)):
            raise StorageRefused(f"{self._path}: not a whole SQLite database: {error}") from error
        if isinstance(error, _PASSING):
            raise StorageUnavailable(f"{self._path}: {error}") from error


#: Errors of the moment: the same statement may succeed later.
_PASSING: Final = (
    *(apsw.BusyError, apsw.LockedError, apsw.FullError, apsw.IOError, apsw.ReadOnlyError),
    *(apsw.CantOpenError, apsw.NoMemError, apsw.PermissionsError, apsw.ProtocolError),
)


def _within(connection: apsw.Connection, begin: str, work: Callable[[Transaction], T]) -> T:
    connection.execute(begin)
    try:
        result = work(_Transaction(connection))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # some errors have rolled back by themselves
            connection.execute("ROLLBACK")
        raise
    return result


def _open(path: str) -> tuple[apsw.Connection, apsw.Connection]:
    with _errors_named(path):
        writer = _connection(path)
        try:
            _recognise(writer, path)
            writer.execute("PRAGMA journal_mode=WAL")
            writer.execute("PRAGMA synchronous=FULL")
            _within(writer, "BEGIN IMMEDIATE", lambda transaction: migrate(transaction, path))
            return writer, _connection(path)
        except BaseException:
            writer.close()
            raise


def _connection(path: str) -> apsw.Connection:
    connection = apsw.Connection(path)
    connection.set_busy_timeout(BUSY_MS)
    return connection


def _recognise(connection: apsw.Connection, path: str) -> None:
    """Mark a new file as ours; refuse one that another program made."""
    application_id = next(iter(connection.execute("PRAGMA application_id")))[0]
    if application_id == APPLICATION_ID:
        return
    if next(iter(connection.execute("SELECT count(*) FROM sqlite_master")))[0]:
        raise StorageRefused(f"{path}: a database of another program")
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
