"""The files of journals: batches beside the tick, and a disk that fails."""

from __future__ import annotations

import errno
import os
import pathlib
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from gameserver import Room
from gameserver.config import Settings
from gameserver.runtime.admission.hold_quota import HoldQuota
from gameserver.runtime.rooms import journals as journals_module
from gameserver.runtime.rooms.journal_files import (
    JournalFile,
    JournalFolderError,
    headers_in,
    make_folder,
)
from gameserver.runtime.rooms.journals import Journals
from gameserver.runtime.rooms.recovery import recover
from gameserver.runtime.rooms.room_task import RoomTask
from gameserver.simulation.recording import Stepped
from gameserver.state.journal.reader import JournalReader
from gameserver.state.journal.records import Check, Ended, KeyFrame
from gameserver.state.journal.replay import replay
from tests.support.durable_field import write_at_once
from tests.support.resume_tokens import resumption
from tests.support.seated_room import room_loop, seat
from tests.support.small_game import Field
from tests.support.sockets import PATIENCE_S, until

#: Other tests do the work of threads at once.
IN_THREAD = trio.to_thread.run_sync


@pytest.fixture(autouse=True)
def no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    write_at_once(monkeypatch)


class Journaled(Field):
    left: list[tuple[str, str]]
    log: list[str]


class Always(Journaled):
    journaled = True


class Never(Journaled):
    journaled = False


class Lasting(Journaled):
    durable = True


@asynccontextmanager
async def playing(
    settings: Settings, room: Field | None = None, label: str = "field/1"
) -> AsyncIterator[tuple[RoomTask, Journals]]:
    """Run a room whose journal is written; the room ends with the block."""
    journals = Journals(settings)
    loop = room_loop()
    task = RoomTask(room or Journaled(), label, loop, resumption(), HoldQuota(most=8), journals)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journals.run)
        nursery.start_soon(loop.run)
        ended = trio.Event()

        async def run() -> None:
            await task.run()
            ended.set()

        nursery.start_soon(run)
        await task.ready.wait()
        yield task, journals
        task.stop()
        await ended.wait()
        nursery.cancel_scope.cancel()


def files_in(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(folder.iterdir())


def journals_in(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(folder.glob("field-1-*.journal"))


def records_in(folder: pathlib.Path) -> list[Any]:
    (file,) = journals_in(folder)
    with file.open("rb") as stream:
        return list(JournalReader(stream))


def verify(folder: pathlib.Path, game: type[Room] = Journaled) -> int:
    """Play every file again; return how many checks were equal."""
    checks = 0
    for file in journals_in(folder):
        with file.open("rb") as stream:
            for _, record, mismatch in replay(game, JournalReader(stream)):
                assert mismatch is None
                checks += type(record).__name__ == "Check"
    return checks


async def test_what_comes_into_a_room_is_in_its_file(
    tmp_path: pathlib.Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with playing(Settings(journal=tmp_path)) as (task, _):
        client = seat(task, 1, "Ada")
        await trio.sleep(5)
        client.member.roster.leave(client.member, "left")
        await trio.sleep(1)
        # At most 100 ms late.
        ticks = [r.tick for r in records_in(tmp_path) if isinstance(r, Stepped)]
        assert task.room.tick_number - ticks[-1] <= 0.1 * task.room.tick_rate
        tally = task.tally()
        assert tally.journal_bytes == sum(f.stat().st_size for f in journals_in(tmp_path))
        assert (tally.journal_lost, tally.journals_stopped) == (0, 0)
    assert verify(tmp_path) >= 5
    last = records_in(tmp_path)[-1]
    assert isinstance(last, Ended)
    assert last.reason == "the room is closed"
    (file,) = files_in(tmp_path)
    assert file.name.startswith("field-1-")


async def test_a_room_is_journaled_only_where_it_or_the_server_asks(
    tmp_path: pathlib.Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with playing(Settings()) as (task, _):
        assert task.journal is None
    async with playing(Settings(journal=tmp_path / "all"), Never()) as (task, _):
        assert task.journal is None
    assert files_in(tmp_path) == []
    async with playing(Settings(), Always()) as (task, _):
        await trio.sleep(1)
    assert len(files_in(tmp_path / "journals")) == 1


async def test_a_journal_goes_on_in_another_file_and_old_ones_are_removed(
    tmp_path: pathlib.Path, autojump_clock: trio.testing.MockClock
) -> None:
    settings = Settings(
        journal=tmp_path, journal_file_mb=0.001, journal_keep_mb=0.03, journal_key_frame_s=1.0
    )
    (tmp_path / "old.journal").write_bytes(bytes(100_000))
    (tmp_path / "kept.journal").write_bytes(bytes(100_000))
    (tmp_path / "kept.keep").write_text("a report")
    (tmp_path / "no-journal").write_bytes(bytes(100_000))
    async with playing(settings) as (task, _):
        seat(task, 1, "Ada")
        await trio.sleep(30)
    names = {file.name for file in files_in(tmp_path)}
    assert {"kept.journal", "kept.keep", "no-journal"} <= names
    assert "old.journal" not in names
    parts = journals_in(tmp_path)
    assert 2 <= len(parts) < 12
    assert not parts[0].name.endswith(".0001.journal")
    for part in parts:
        with part.open("rb") as stream:
            assert isinstance(next(iter(JournalReader(stream))), KeyFrame)


# ---------------------------------------------------------------- disks that fail


class Full:
    """A file on a disk that takes ``room_bytes`` more."""

    def __init__(self, file: Any, room_bytes: int) -> None:
        self._file = file
        self._left = room_bytes

    def write(self, data: memoryview) -> int:
        if not self._left:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = min(len(data), self._left)
        self._left -= taken
        written: int = self._file.write(data[:taken])
        return written

    def close(self) -> None:
        self._file.close()

    def fileno(self) -> int:
        return int(self._file.fileno())


def fill_disk(monkeypatch: pytest.MonkeyPatch, room_bytes: int) -> None:
    """Let each file of a journal take ``room_bytes`` only."""
    begin = JournalFile._begin_file

    def begin_on_full_disk(journal: JournalFile, folder: pathlib.Path) -> None:
        begin(journal, folder)
        journal._file = Full(journal._file, room_bytes)

    monkeypatch.setattr(JournalFile, "_begin_file", begin_on_full_disk)


async def test_a_full_disk_stops_the_journal_and_not_the_room(
    tmp_path: pathlib.Path,
    autojump_clock: trio.testing.MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill_disk(monkeypatch, 6000)
    with capture_logs() as logs:
        await play_on_full_disk(tmp_path)
    told = [line for line in logs if line["event"] == "the journal stopped"]
    assert len(told) == 1
    assert "No space left on device" in told[0]["reason"]
    # The records written before can be played.
    verify(tmp_path)


async def play_on_full_disk(folder: pathlib.Path) -> None:
    async with playing(Settings(journal=folder)) as (task, journals):
        seat(task, 1, "Ada")
        await trio.sleep(20)
        assert task.ended is None
        before = task.room.tick_number
        await trio.sleep(1)
        assert task.room.tick_number >= before + task.room.tick_rate - 1
        tally = task.tally()
        assert tally.journals_stopped == 1
        assert tally.journal_lost > 100
        assert journals.files.open == []


async def test_the_end_of_a_room_that_cannot_be_written_is_told_with_its_reason(
    tmp_path: pathlib.Path,
    autojump_clock: trio.testing.MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begin = JournalFile._begin_file
    disks: list[Full] = []

    def begin_on_disk(journal: JournalFile, folder: pathlib.Path) -> None:
        begin(journal, folder)
        disks.append(Full(journal._file, 1 << 20))
        journal._file = disks[0]

    monkeypatch.setattr(JournalFile, "_begin_file", begin_on_disk)
    with capture_logs() as logs:
        async with playing(Settings(journal=tmp_path)) as (task, _):
            await trio.sleep(2)
            (disk,) = disks
            disk._left = 0
        assert task.tally().journals_stopped == 1
    (told,) = [line for line in logs if line["event"] == "the journal stopped"]
    assert "No space left on device" in told["reason"]


async def test_a_durable_room_that_ended_without_its_journal_stays_over(
    tmp_path: pathlib.Path,
    autojump_clock: trio.testing.MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill_disk(monkeypatch, 6000)
    async with playing(Settings(data=tmp_path), Lasting("field/1")) as (task, _):
        seat(task, 1, "Ada")
        await trio.sleep(20)
        assert task.tally().journals_stopped == 1
        # A crash now would bring the room back, as it was when the disk became full.
        [room] = await recover(tmp_path / "journals", {"field": Lasting})
        assert 0 < room.stepper.room.tick_number < task.room.tick_number
    assert await recover(tmp_path / "journals", {"field": Lasting}) == []
    # What was written can still be played.
    verify(tmp_path / "journals", Lasting)


async def test_a_room_that_ended_is_not_recovered_from_the_journal_of_an_earlier_process(
    tmp_path: pathlib.Path,
    autojump_clock: trio.testing.MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "journals"
    async with playing(Settings(data=tmp_path), Lasting("field/1")):
        await trio.sleep(5)
        (earlier,) = journals_in(folder)
        killed = earlier.read_bytes()
    earlier.write_bytes(killed)
    other = folder / "field-1-other.journal"
    async with playing(Settings(data=tmp_path), Lasting("field/1-other"), "field/1-other"):
        await trio.sleep(1)
        (of_other,) = set(journals_in(folder)) - {earlier}
        killed = of_other.read_bytes()
    of_other.unlink()
    other.write_bytes(killed)
    fill_disk(monkeypatch, 10)
    async with playing(Settings(data=tmp_path), Lasting("field/1")) as (task, _):
        await trio.sleep(1)
        assert task.tally().journals_stopped == 1
    left = await recover(folder, {"field": Lasting})
    assert [room.label for room in left] == ["field/1-other"]


@pytest.mark.parametrize(("journal", "checks"), [(False, False), (True, True)])
async def test_a_durable_room_is_checked_only_where_it_can_be_verified(
    tmp_path: pathlib.Path, autojump_clock: trio.testing.MockClock, *, journal: bool, checks: bool
) -> None:
    folder = tmp_path / "journals"
    settings = Settings(data=tmp_path, journal=folder if journal else None)
    async with playing(settings, Lasting("field/1")):
        await trio.sleep(12)
    records = records_in(folder)
    assert any(isinstance(record, Check) for record in records) == checks
    assert sum(isinstance(record, KeyFrame) for record in records) == 3


async def test_each_life_of_a_durable_room_has_a_higher_epoch_than_all_before(
    tmp_path: pathlib.Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", iter(range(10**9, 0, -(10**6))).__next__)
    for _ in range(3):
        async with playing(Settings(data=tmp_path), Lasting("field/1")):
            await trio.sleep(1)
        async with playing(Settings(data=tmp_path), Lasting("field/1-other"), "field/1-other"):
            await trio.sleep(1)
    headers = [header for header, _ in headers_in(tmp_path / "journals", "field/1")]
    assert sorted(header.epoch for header in headers) == [1, 2, 3]
    by_epoch = sorted(headers, key=lambda header: header.epoch)
    assert [header.began_s for header in by_epoch] == sorted(
        (header.began_s for header in headers), reverse=True
    )


async def test_a_failed_sync_stops_the_journal_and_not_the_server(
    tmp_path: pathlib.Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    async with playing(Settings(data=tmp_path, sync_s=0), Lasting("field/1")) as (task, _):
        await trio.sleep(2)
        monkeypatch.setattr(os, "fsync", fail)
        await trio.sleep(2)
        assert task.ended is None
        assert task.journal is not None
        assert "Input/output error" in str(task.journal.recorder.stopped)


async def test_a_slow_sync_holds_up_no_write(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trio.to_thread, "run_sync", IN_THREAD)
    syncing, goes_on = threading.Event(), threading.Event()

    def slow(_: int) -> None:
        syncing.set()
        goes_on.wait(PATIENCE_S)

    with trio.fail_after(PATIENCE_S):
        async with playing(Settings(data=tmp_path, sync_s=0), Lasting("field/1")) as (task, _):
            monkeypatch.setattr(os, "fsync", slow)
            try:
                await until(syncing.is_set)
                journal = task.journal
                assert journal is not None
                for _ in range(3):
                    size_bytes = journal.bytes_written
                    await until(lambda: journal.bytes_written > size_bytes)  # noqa: B023
            finally:
                goes_on.set()


async def test_the_end_of_a_durable_room_is_synced(
    tmp_path: pathlib.Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_size))
    async with playing(Settings(data=tmp_path, sync_s=60), Lasting("field/1")):
        await trio.sleep(2)
    (file,) = journals_in(tmp_path / "journals")
    assert synced[-1] == file.stat().st_size


async def test_a_folder_that_is_gone_stops_the_journal(
    tmp_path: pathlib.Path, autojump_clock: trio.testing.MockClock
) -> None:
    (tmp_path / "file").write_text("no folder")
    async with playing(Settings(journal=tmp_path / "file" / "journals")) as (task, _):
        await trio.sleep(3)
        assert task.ended is None
        assert task.tally().journals_stopped == 1


async def test_a_slow_disk_fills_the_queue_and_stops_the_journal(
    tmp_path: pathlib.Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: Any, **__: Any) -> list[Any]:
        await trio.sleep(60)
        return []

    monkeypatch.setattr(journals_module, "MAX_WAITING_BYTES", 3000)
    async with playing(Settings(journal=tmp_path)) as (task, _):
        monkeypatch.setattr(trio.to_thread, "run_sync", never)
        await trio.sleep(30)
        assert task.ended is None
        journal = task.journal
        assert journal is not None
        assert journal.stopped
        assert journal.recorder.stopped == "more than 3000 bytes wait to be written"
        assert journal.recorder._waiting_bytes <= 3000


@pytest.mark.parametrize("kind", ["a file", "below a file"])
def test_a_folder_that_cannot_be_made_is_told_at_the_start(
    tmp_path: pathlib.Path, kind: str
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(JournalFolderError, match=r"^no folder for journals: .*file"):
        make_folder(file if kind == "a file" else file / "below")
    make_folder(tmp_path / "deep" / "er")
    assert (tmp_path / "deep" / "er").is_dir()


async def test_a_room_that_fails_has_its_journal_to_the_end(
    tmp_path: pathlib.Path, autojump_clock: trio.testing.MockClock
) -> None:
    class Failing(Journaled):
        def tick(self) -> None:
            super().tick()
            if self.tick_number == 30:
                raise RuntimeError("a bug of the game")

    async with playing(Settings(journal=tmp_path), Failing()) as (task, _):
        await trio.sleep(5)
        assert task.ended is not None
    *_, ended = records_in(tmp_path)
    assert isinstance(ended, Ended)
    assert "tick" in ended.reason
