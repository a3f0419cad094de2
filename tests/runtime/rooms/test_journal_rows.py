"""Durable rooms in the storage: written with their submissions, recovered by another server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from gameserver.protocol.closing import CloseCode
from gameserver.protocol.messages import Delta
from gameserver.runtime.rooms.kept_rooms import LEASE_S, KeptRooms
from gameserver.runtime.rooms.lobby import Lobby
from gameserver.runtime.server_storage import ServerStorage
from gameserver.state.hash import state_hash
from gameserver.state.snapshot import capture
from gameserver.storage import (
    ChangeObject,
    StorageError,
    StorageUnavailable,
    SubmitScore,
    WriteObject,
)
from gameserver.storage.checkpoints import WriteCheckpoint
from gameserver.storage.receipts import ReceiptState
from gameserver.storage.store import Storage
from tests.support.durable_field import SECRET, Fort, write_at_once
from tests.support.kept_classes import Career, Kills
from tests.support.resumable_lobby import ResumableLobby, back, resumable_lobby


@pytest.fixture(autouse=True)
def no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    write_at_once(monkeypatch)


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[ServerStorage]:
    """The storage that all servers of a test share."""
    opened = await ServerStorage.open(f"sqlite:{tmp_path / 'shared.db'}")
    yield opened
    await opened.aclose()


@asynccontextmanager
async def server(kept: ServerStorage, owner: str) -> AsyncIterator[ResumableLobby]:
    """Run the lobby of a server; it ends with the block, as by a crash."""
    rooms = KeptRooms(kept.storage, owner, {"field": Fort})
    failed: list[StorageError] = []

    def prepare(lobby: Lobby) -> None:
        lobby.storage_for_room = kept.for_room
        lobby.durable.keep(rooms, kept.storage, failed.append)

    await rooms.begin()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(kept.run)
        async with resumable_lobby(Fort, prepare=prepare, secret=SECRET) as host:
            nursery.start_soon(rooms.run)
            await host.lobby.durable.recover()
            yield host
        nursery.cancel_scope.cancel()


async def run_out(kept: ServerStorage, owner: str) -> None:
    """Let the lease of a server end; databases have a clock of their own."""
    await kept.storage.renew_lease(owner, -1.0)


def facts(host: ResumableLobby) -> tuple[int, bytes]:
    stepper = host.lobby.rooms[0][1].stepper
    return stepper.room.tick_number, state_hash(capture(stepper))


async def test_another_server_goes_on_with_the_room_of_a_dead_one(
    kept: ServerStorage, autojump_clock: MockClock
) -> None:
    async with server(kept, "a") as first:
        welcome, seen = await first.leave_behind("ann", room="field/1")
        await trio.sleep(12.02)  # over two checkpoints
        expected = facts(first)
        await trio.sleep(0.12)  # what has happened is written by then
    async with server(kept, "b") as second:
        assert second.lobby.rooms == []  # the lease of the first one is not over
        async with second.client() as (client, _):
            await client.hello("ann", room="field/1", resume=welcome.resume)
            assert (await client.closed())[0] == CloseCode.RESUMING
            assert client.bye is not None
            assert client.bye.retry_after_s is not None
            assert client.bye.retry_after_s <= 1.0
        await run_out(kept, "a")
        async with second.client() as (client, _):
            answer = await back(client, welcome, seen, room="field/1")
            assert (answer.resumed, answer.seat) == (True, welcome.seat)
            assert answer.tick >= expected[0]
            await client.next_of(Delta)
        assert second.room.told[:2] == ["ann joins", "ann drops"]


async def test_a_recovered_room_equals_the_one_before(
    kept: ServerStorage, autojump_clock: MockClock
) -> None:
    async with server(kept, "a") as first:
        await first.leave_behind("ann", room="field/1")
        await trio.sleep(7)
        await first.lobby.durable.suspend()
        expected = facts(first)
    data = await kept.storage.journal("field/1")
    assert data is not None
    assert len(data) < 100_000  # only since the last checkpoint
    async with server(kept, "a") as again:
        recovered = again.lobby.rooms[0][1]
        assert facts(again)[0] == expected[0]
        assert recovered._fence is not None
        assert recovered._fence.number == 2


async def test_whoever_has_an_older_fence_writes_nothing_and_ends_without_hooks(
    kept: ServerStorage, autojump_clock: MockClock
) -> None:
    async with server(kept, "a") as paused:
        async with paused.client() as (client, _):
            await client.joined("ann", room="field/1")
            await trio.sleep(1)
            room = paused.room
            receipts = [room.storage.submit(SubmitScore(Kills, "ann", 1, "ann"))]
            # As another server does after the lease; here it is renewed all the time.
            await kept.storage.claim("field/1", "a")
            before = await kept.storage.journal("field/1")
            with capture_logs() as logs:
                assert (await client.closed())[0] == CloseCode.INTERNAL_ERROR
        assert await kept.storage.journal("field/1") == before
        assert [receipt.state for receipt in receipts] == [ReceiptState.FAILED]
        assert await kept.storage.top(Kills) == []
        assert any(line["event"] == "another server has taken over the room" for line in logs)
        assert room.told == ["ann joins"]
        assert paused.lobby.rooms == []


async def test_a_submission_is_written_with_its_tick_or_not_at_all(
    kept: ServerStorage, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with server(kept, "a") as first:
        await first.leave_behind("ann", room="field/1")
        await trio.sleep(1)
        room = first.room
        room.storage.submit(SubmitScore(Kills, "ann", 1, "ann"))
        await trio.sleep(0.3)
        written = await kept.storage.journal("field/1")

        async def unavailable(*_: object) -> None:
            raise StorageUnavailable("gone")

        with monkeypatch.context() as away:
            away.setattr(Storage, "write_once", unavailable)
            receipt = room.storage.submit(SubmitScore(Kills, "ann", 10, "ann"))
            await trio.sleep(5)
            assert first.lobby.rooms[0][1].ended is None
            assert receipt.state is ReceiptState.WAITING
            assert await kept.storage.journal("field/1") == written
        place = await kept.storage.rank(Kills, "ann")
        assert place is not None
        assert place.score == 1
        await trio.sleep(10)
        assert receipt.state is ReceiptState.WRITTEN
        assert await kept.storage.journal("field/1") != written


async def test_a_submission_that_cannot_be_written_fails_alone(
    kept: ServerStorage, autojump_clock: MockClock
) -> None:
    async with server(kept, "a") as first:
        await first.leave_behind("ann", room="field/1")
        storage = first.room.storage
        good = [storage.submit(SubmitScore(Kills, "ann", 1, "ann"))]
        bad = storage.submit(WriteObject(Career(1), owner="ann", version=7))
        wrong = storage.submit(ChangeObject(Career, lambda _: 1 / 0, owner="ann"))  # type: ignore[arg-type, return-value]
        good.append(storage.submit(SubmitScore(Kills, "bob", 2, "bob")))
        before = await kept.storage.journal("field/1")
        await trio.sleep(0.3)
        assert {receipt.state for receipt in good} == {ReceiptState.WRITTEN}
        assert bad.state is ReceiptState.FAILED
        assert wrong.state is ReceiptState.FAILED
        assert await kept.storage.journal("field/1") != before
        assert first.lobby.rooms[0][1].tally().journals_stopped == 0


async def test_nothing_is_kept_of_a_room_that_is_over(
    kept: ServerStorage, autojump_clock: MockClock
) -> None:
    async with server(kept, "a") as first:
        await first.leave_behind("ann", room="field/1")
        await trio.sleep(1)
        assert await kept.storage.is_kept("field/1")
        task = first.lobby.rooms[0][1]
        task.stop()
        await trio.sleep(1)
        assert task.ended is not None
        assert not await kept.storage.is_kept("field/1")
        receipt = task.room.storage.submit(SubmitScore(Kills, "ann", 1, "ann"))
        await trio.sleep(1)
        assert receipt.state is ReceiptState.WRITTEN


async def test_a_journal_that_cannot_be_played_is_set_aside(
    kept: ServerStorage, autojump_clock: MockClock
) -> None:
    fence = await kept.storage.claim("field/1")
    await kept.storage.write(WriteCheckpoint(fence, 3, b"This is no journal."), fence=fence)
    with capture_logs() as logs:
        async with server(kept, "a") as first:
            assert first.lobby.rooms == []
            await first.leave_behind("ann", room="field/1")
            await trio.sleep(1)
            assert await kept.storage.journal("field/1~2") == b"This is no journal."
    [line] = [line for line in logs if line["event"] == "a journal cannot be played"]
    assert line["reason"] == "byte 0: this is no journal of a room"


async def test_many_who_come_at_once_recover_a_room_once(
    kept: ServerStorage, autojump_clock: MockClock
) -> None:
    async with server(kept, "a") as first:
        lives = [await first.leave_behind(f"p{n}", room="field/1") for n in range(3)]
        await trio.sleep(1)
    async with server(kept, "b") as second:
        # The first to come finds that the room is not free yet; the others try, too.
        refusals: list[int] = []

        async def come_early(number: int) -> None:
            async with second.client() as (client, _):
                await client.hello("ann", room="field", resume=lives[number][0].resume)
                refusals.append((await client.closed())[0])

        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(come_early, number)
        assert refusals == [CloseCode.RESUMING] * 3
        await run_out(kept, "a")
        answers = []

        async def come(number: int) -> None:
            async with second.client() as (client, _):
                answers.append(await back(client, *lives[number], room="field"))

        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(come, number)
        assert sorted(answer.seat for answer in answers) == sorted(w.seat for w, _ in lives)
        assert len(second.lobby.rooms) == 1


def test_clients_try_again_before_a_lease_is_long_over() -> None:
    assert LEASE_S <= 3.0
