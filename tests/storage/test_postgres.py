"""PostgreSQL out of reach, restarted, and newer."""

from __future__ import annotations

import pytest
import trio

from gameserver.storage.errors import StorageError, StorageRefused, StorageUnavailable
from gameserver.storage.leaderboards import SubmitScore
from gameserver.storage.migrations import VERSION
from gameserver.storage.objects import WriteObject
from gameserver.storage.opening import open_storage
from gameserver.storage.postgres import Postgres, without_password
from gameserver.storage.receipts import ReceiptState
from gameserver.storage.store import Storage
from gameserver.storage.write_behind import WriteBehind
from tests.support.kept_classes import Career, Kills
from tests.support.postgres_server import PostgresServer


@pytest.fixture
def url(postgres_url: str) -> str:
    return postgres_url


async def test_nothing_listens() -> None:
    with pytest.raises(StorageUnavailable, match=r"postgresql://localhost:1/games: "):
        await open_storage("postgresql://ann:secret@localhost:1/games")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:secret@db.example:5433/games?sslmode=require", "db.example:5433/games"),
        ("postgresql://db.example/games?password=secret", "db.example/games"),
        ("postgresql://ann:secret@[::1]:5433/games", "[::1]:5433/games"),
        ("postgresql://ann:secret@one:1,two:2/games", "one,two:1,2/games"),
        ("postgresql:///games", "/games"),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str) -> None:
    assert without_password(url) == f"postgresql://{shown}"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:ann:secret",
        "postgresql://[::1/games",
        "postgresql://ann:secret%zz@localhost:1/games",
        "postgresql://ann:secret@localhost:1/games?colour=red",
    ],
)
async def test_an_address_with_a_mistake_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(StorageError) as refused:
        await open_storage(url)
    assert str(refused.value) == (
        "storage: not an address of PostgreSQL: write postgresql://USER@HOST/DATABASE"
    )


async def test_a_port_that_is_no_number_is_told_with_the_address() -> None:
    with pytest.raises(StorageUnavailable, match=r"^postgresql://localhost:abc/games: "):
        await open_storage("postgresql://ann:secret@localhost:abc/games")


async def test_a_newer_database(postgres: PostgresServer) -> None:
    database = await Postgres.open(postgres.url)
    for version in (VERSION + 1, VERSION):
        await database.transact(
            lambda transaction, version=version: transaction.rows(  # type: ignore[misc]
                "UPDATE gameserver_storage SET version = :version", version=version
            )
        )
        if version > VERSION:
            with pytest.raises(StorageRefused, match="start the newer server"):
                await Postgres.open(postgres.url)
    await database.aclose()


async def test_two_servers_make_the_tables_at_once(storage: Storage, url: str) -> None:
    opened: list[Storage] = []

    async def open_one() -> None:
        opened.append(await open_storage(url))

    for statement in ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public"):
        await storage.database.transact(
            lambda transaction, statement=statement: transaction.rows(statement)  # type: ignore[misc]
        )
    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(open_one)
    await opened[0].write(WriteObject(Career(1), owner="ann"))
    assert await opened[3].get(Career, owner="ann") is not None
    for one in opened:
        await one.aclose()


async def test_a_restart_costs_no_write(storage: Storage, postgres: PostgresServer) -> None:
    """Submissions wait while the server is gone, and each is applied once."""
    behind = WriteBehind(storage)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(behind.run)
        first = behind.submit(SubmitScore(Kills, "ann", 1, "Ann"))
        await behind.flush()
        await trio.to_thread.run_sync(postgres.kill)
        with pytest.raises(StorageUnavailable):
            await storage.top(Kills)
        later = [behind.submit(SubmitScore(Kills, "ann", 1, "Ann")) for _ in range(300)]
        await trio.to_thread.run_sync(postgres.start)
        await behind.flush()
        nursery.cancel_scope.cancel()
    assert {receipt.state for receipt in (first, *later)} == {ReceiptState.WRITTEN}
    assert behind.counts.retries
    assert [place.score for place in await storage.top(Kills)] == [301]
