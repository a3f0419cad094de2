"""The queue between ticks and a database that fails in every way."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import apsw
import trio
import trio.testing

from gameserver.storage import write_behind
from gameserver.storage.database import Transaction
from gameserver.storage.errors import StorageError, StorageUnavailable
from gameserver.storage.leaderboards import SubmitScore
from gameserver.storage.migrations import migrate
from gameserver.storage.objects import WriteObject
from gameserver.storage.receipts import ReceiptState
from gameserver.storage.sqlite import _Transaction, _within
from gameserver.storage.store import Storage
from gameserver.storage.write_behind import WriteBehind
from tests.support.kept_classes import Career, Kills

T = TypeVar("T")


class FailingDatabase:
    """SQLite in memory; ``faults`` says what becomes of the next transactions, in turn."""

    def __init__(self) -> None:
        self._connection = apsw.Connection(":memory:")
        migrate(_Transaction(self._connection), "memory")
        self.faults: list[str] = []
        self.transactions = 0

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        await trio.lowlevel.checkpoint()
        self.transactions += 1
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "unreachable":
            raise StorageUnavailable("no database")
        result = _within(self._connection, "BEGIN", work)
        if fault == "lost reply":
            raise StorageUnavailable("committed, but nobody knows")
        return result

    async def read(self, work: Callable[[Transaction], T]) -> T:
        return await self.transact(work)

    async def aclose(self) -> None:
        self._connection.close()


def kills(score: int = 1) -> SubmitScore:
    return SubmitScore(Kills, "ann", score, "Ann")


async def test_a_lost_reply_applies_nothing_twice(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    database = FailingDatabase()
    database.faults = ["unreachable", "lost reply", "unreachable", "lost reply"]
    storage = Storage(database, time.time)
    behind = WriteBehind(storage)
    receipts = [behind.submit(kills()) for _ in range(10)]
    nursery.start_soon(behind.run)
    await behind.flush()
    assert [receipt.state for receipt in receipts] == [ReceiptState.WRITTEN] * 10
    assert [place.score for place in await storage.top(Kills)] == [10]
    assert behind.counts.retries == 4


async def test_one_that_cannot_be_written_takes_no_other_with_it(nursery: trio.Nursery) -> None:
    storage = Storage(FailingDatabase(), time.time)
    failures: list[StorageError] = []
    behind = WriteBehind(storage, failures.append)
    good = [behind.submit(kills()) for _ in range(3)]
    bad = behind.submit(WriteObject(Career(1), owner="ann", version=7), kills(100))
    good += [behind.submit(kills()) for _ in range(3)]
    nursery.start_soon(behind.run)
    await behind.flush()
    assert {receipt.state for receipt in good} == {ReceiptState.WRITTEN}
    assert (bad.state, failures) == (ReceiptState.FAILED, [bad.error])
    assert [place.score for place in await storage.top(Kills)] == [6]
    assert attrs_of(behind) == {"submitted": 7, "written": 6, "failed": 1, "refused": 0}


class Broken:
    """An operation with a bug."""

    def apply(self, _transaction: Transaction, _now_s: float) -> None:
        raise LookupError("a bug of the game")


async def test_an_operation_that_raises_any_error_ends_nothing(nursery: trio.Nursery) -> None:
    reported: list[StorageError] = []
    behind = WriteBehind(Storage(FailingDatabase(), time.time), reported.append)
    nursery.start_soon(behind.run)
    broken, whole = behind.submit(Broken()), behind.submit(kills())
    await behind.flush()
    assert (broken.state, whole.state) == (ReceiptState.FAILED, ReceiptState.WRITTEN)
    assert [str(error) for error in reported] == ["LookupError: a bug of the game"]


def attrs_of(behind: WriteBehind) -> dict[str, Any]:
    names = ("submitted", "written", "failed", "refused")
    return {name: getattr(behind.counts, name) for name in names}


async def test_a_full_queue_refuses_the_newest(monkeypatch: Any) -> None:
    monkeypatch.setattr(write_behind, "MAX_WAITING", 3)
    behind = WriteBehind(Storage(FailingDatabase(), time.time))
    states = [behind.submit(kills()).state for _ in range(5)]
    assert states == [ReceiptState.WAITING] * 3 + [ReceiptState.REFUSED] * 2
    assert (behind.counts.refused, behind.waiting) == (2, 3)


async def test_the_order_of_submissions_is_kept(
    nursery: trio.Nursery, monkeypatch: Any, autojump_clock: trio.testing.MockClock
) -> None:
    monkeypatch.setattr(write_behind, "MAX_BATCH", 4)
    database = FailingDatabase()
    storage = Storage(database, time.time)
    behind = WriteBehind(storage)
    nursery.start_soon(behind.run)
    for n in range(50):
        behind.submit(WriteObject(Career(n), owner="ann"))
        if n % 7 == 0:
            database.faults.append("lost reply" if n % 2 else "unreachable")
            await trio.testing.wait_all_tasks_blocked()
    await behind.flush()
    stored = await storage.get(Career, owner="ann")
    assert stored is not None
    assert (stored.value.kills, stored.version) == (49, 50)


async def test_flush_without_anything_waiting_returns(nursery: trio.Nursery) -> None:
    behind = WriteBehind(Storage(FailingDatabase(), time.time))
    nursery.start_soon(behind.run)
    await behind.flush()
    behind.submit(kills())
    await behind.flush()
    await behind.flush()
    assert behind.counts.written == 1
