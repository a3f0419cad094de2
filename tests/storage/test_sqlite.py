"""SQLite files that are not ours, damaged, newer, or out of reach; each is left as it was."""

from __future__ import annotations

import os
import time
from pathlib import Path

import apsw
import pytest

from gameserver.storage.errors import StorageError, StorageRefused, StorageUnavailable
from gameserver.storage.migrations import VERSION
from gameserver.storage.objects import WriteObject
from gameserver.storage.opening import open_storage
from gameserver.storage.sqlite import SQLite
from gameserver.storage.store import Storage
from tests.support.kept_classes import Career


def content_of(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


async def refused(path: Path) -> str:
    """Try to open a file that must stay as it is, and return the one line that says why not."""
    before = content_of(path)
    with pytest.raises(StorageError) as caught:
        await SQLite.open(path)
    assert content_of(path) == before
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return f"{type(caught.value).__name__}: {text}"


async def test_a_file_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "storage.db"
    path.write_bytes(b"This is a text, long enough to be looked at as a database." * 40)
    assert "StorageRefused" in await refused(path)
    assert "not a whole SQLite database" in await refused(path)


async def test_a_database_of_another_program(tmp_path: Path) -> None:
    path = tmp_path / "storage.db"
    with apsw.Connection(str(path)) as connection:
        connection.execute("CREATE TABLE recipes (name)")
    connection.close()
    assert "StorageRefused" in await refused(path)
    assert "a database of another program" in await refused(path)


async def test_a_newer_database(tmp_path: Path) -> None:
    path = tmp_path / "storage.db"
    database = await SQLite.open(path)
    await database.transact(
        lambda transaction: transaction.rows(
            "UPDATE gameserver_storage SET version = :version", version=VERSION + 1
        )
    )
    await database.aclose()
    assert f"version {VERSION + 1}, and this server knows {VERSION}" in await refused(path)


async def test_a_damaged_database(tmp_path: Path) -> None:
    path = tmp_path / "storage.db"
    storage = Storage(await SQLite.open(path), time.time)
    await storage.write(*(WriteObject(Career(n), owner=f"p{n}") for n in range(500)))
    await storage.aclose()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + os.urandom(len(whole) - 4096))
    with pytest.raises(StorageRefused, match="not a whole SQLite database"):
        await SQLite.open(path)


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert "StorageUnavailable" in await refused(tmp_path / "missing" / "storage.db")


async def test_a_full_disk_is_passing(tmp_path: Path) -> None:
    database = await SQLite.open(tmp_path / "storage.db")
    storage = Storage(database, time.time)
    database._writer.execute("PRAGMA max_page_count=32")
    with pytest.raises(StorageUnavailable, match="full"):
        await storage.write(WriteObject(Career(titles=("x" * 200_000,)), owner="ann"))
    database._writer.execute("PRAGMA max_page_count=100000")
    await storage.write(WriteObject(Career(1), owner="ann"))
    await storage.aclose()


@pytest.mark.parametrize(
    ("url", "given"),
    [
        ("mysql://x/y", "mysql:"),
        ("sqlite:", "sqlite:"),
        ("SQLite:storage.db", "SQLite:"),
        ("redis://localhost", "redis:"),
        ("storage.db", "an address without a scheme"),
        ("", "an address without a scheme"),
        ("postgres//ann:secret@host/db", "an address without a scheme"),
    ],
)
async def test_an_unknown_address_says_what_to_write(url: str, given: str) -> None:
    with pytest.raises(StorageError) as refused:
        await open_storage(url)
    assert str(refused.value) == (
        f"storage: write sqlite:FILE or postgresql://USER@HOST/DATABASE, not {given}"
    )
