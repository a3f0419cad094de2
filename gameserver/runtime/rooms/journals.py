"""Writes the journals of a server's rooms, beside their ticks.

Owns the files: their names, the times of writing, and the removal of old ones.  ``state/journal``
defines their contents.  A tick never waits for a disk: it fills a bounded queue (overflow policy
``stop``), which a task empties in a thread.  If the disk is full, slow or gone, the journal stops
and the room plays on.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import pathlib
import re
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import attrs
import structlog
import trio

from gameserver.config import Settings
from gameserver.errors import GameServerError, LocalProtocolError
from gameserver.replication.publisher import Publisher
from gameserver.simulation.stepper import Stepper
from gameserver.state.journal.framing import ID_BYTES, Position
from gameserver.state.journal.recorder import (
    Batch,
    Chunk,
    JournalEncoder,
    JournalRecorder,
    RecorderState,
    header_of,
)
from gameserver.state.journal.records import Disagreed

log = structlog.get_logger(__name__)

SUFFIX: Final = ".journal"
#: Suffix of a file next to a journal that protects the journal from removal.
KEPT_SUFFIX: Final = ".keep"
#: Suffix of a journal of a room that is over, although the journal has no record of its end.
OVER_SUFFIX: Final = ".over.journal"
#: The folder of a server without the settings ``journal`` and ``data``.
DEFAULT_FOLDER: Final = pathlib.Path("journals")
#: A record is in its file after twice this time at most.
WRITE_EVERY_S: Final = 0.05
#: Bytes of one room that may wait to be written.  Overflow policy ``stop``.
MAX_WAITING_BYTES: Final = 32 << 20
#: How long the end of a room waits for its journal.
FINISH_TIMEOUT_S: Final = 2.0
_MB: Final = 1_000_000
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]+")


class JournalFolderError(GameServerError):
    """The folder for journals cannot be made; the text is one line."""


def journals_folder(settings: Settings) -> pathlib.Path:
    """Return the folder for the journals of a server."""
    if settings.journal is not None:
        return settings.journal
    return DEFAULT_FOLDER if settings.data is None else settings.data / "journals"


class RoomJournal:
    """The journal of one room, and the file that its newest part is in."""

    def __init__(
        self,
        recorder: JournalRecorder,
        encoder: JournalEncoder,
        label: str,
        stem: str,
        *,
        durable: bool,
    ) -> None:
        self.recorder: Final = recorder
        #: Whether the room is durable: the file is synced against power loss.
        self.durable: Final = durable
        #: End and tick of the records that the system has taken.
        self.written = Position(0, 0)
        self.written_tick = 0
        self.bytes_written = 0
        #: The file of the newest part.
        self.path: pathlib.Path | None = None
        self._encoder = encoder
        self._stem = stem
        self._file: Any = None
        #: Whether anything was written since the last ``sync``.
        self._unsynced = False
        self._parts = 0
        self._log = log.bind(room=label)
        #: A client's report, until the file is protected from removal because of it; else None.
        self._kept_for: str | None = None
        #: Set once nothing more will be written.
        self._finished = trio.Event()

    @property
    def stopped(self) -> bool:
        """Whether the journal ended before its room did."""
        return self.recorder.state is RecorderState.STOPPED

    def after_tick(self) -> None:
        """Note that a tick is over; see ``JournalRecorder``."""
        self.recorder.after_tick()

    def disagreed(self, report: Disagreed) -> None:
        """Note the report of a client, and protect the file that gets it from removal."""
        self.recorder.disagreed(report)
        self._kept_for = f"tick {report.tick}: seat {report.seat}, {report.entity}.{report.field}"

    def end(self, reason: str) -> None:
        """Note that the room has ended, or is suspended."""
        self.recorder.end(reason)

    # ------------------------------------------------------------ in the thread

    def write(self, batch: Batch, folder: pathlib.Path, clean: Callable[[], None]) -> str | None:
        """Append a batch; return why that failed, or None."""
        try:
            for chunk in self._encoder.encode(batch, time.time()):
                if chunk.begins_part:
                    self._begin_file(folder)
                    clean()
                self._append(chunk)
            self._keep()
        except OSError as error:
            return f"{error.strerror or error} ({self.path})"
        except LocalProtocolError as error:
            return str(error)
        return None

    def _begin_file(self, folder: pathlib.Path) -> None:
        self.close()
        self._parts += 1
        self.path = folder / f"{self._stem}.{self._parts:04d}{SUFFIX}"
        # Without a buffer, so that the system has the bytes when a write returns.
        self._file = open(self.path, "xb", buffering=0)  # noqa: SIM115 - closed by ``close``

    def _append(self, chunk: Chunk) -> None:
        data = memoryview(chunk.data)
        while data:
            data = data[self._file.write(data) :]
        self._unsynced = True
        self.bytes_written += len(chunk.data)
        self.written, self.written_tick = chunk.end, chunk.tick

    def sync(self) -> str | None:
        """Make the written records safe from a power loss; return why that failed, or None."""
        if self._file is not None and self._unsynced:
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                return f"{error.strerror or error} ({self.path})"
            self._unsynced = False
        return None

    def close(self) -> None:
        """Close the file; harmless if it is closed."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None

    def _keep(self) -> None:
        """Protect the file of the newest part from removal, if there was a report."""
        if self._kept_for is not None and self.path is not None:
            self.path.with_suffix(KEPT_SUFFIX).write_text(f"{self._kept_for}\n")
            self._kept_for = None

    # ------------------------------------------------------------ in the task

    @property
    def complete(self) -> bool:
        """Whether nothing more will be written."""
        return self.recorder.state is not RecorderState.RECORDING and not self.recorder.waits

    def fail(self, why: str) -> None:
        """Stop because of ``why``; waiting records are lost."""
        self.recorder.stop(why)
        self.recorder.lose_waiting()

    def finish(self) -> None:
        """Close the file of a complete journal, and say if it ended before its room."""
        self.close()
        if self.stopped:
            self._log.error(
                "the journal stopped", reason=self.recorder.stopped, tick=self.written_tick
            )
        self._finished.set()

    async def wait_finished(self) -> None:
        """Wait until all records have been written, or the journal has stopped."""
        await self._finished.wait()


class Journals:
    """The journals of a server; ``run`` writes them."""

    def __init__(self, settings: Settings) -> None:
        self._all_rooms = settings.journal is not None
        #: The folder of all files.
        self.folder: Final = journals_folder(settings)
        self._settings = settings
        self._open: list[RoomJournal] = []
        self._synced_s = 0.0

    def begin(
        self,
        stepper: Stepper[Any],
        publisher: Publisher,
        label: str,
        *,
        epoch: int = 1,
        shell: Any = None,
    ) -> RoomJournal | None:
        """Journal a room from now on, between two ticks; None: neither it nor the server asks.

        A durable room is always journaled.  ``shell`` is kept in the key frames.
        """
        room, settings = stepper.room, self._settings
        wanted = self._all_rooms if room.journaled is None else room.journaled
        if not (wanted or room.durable):
            return None
        key_frame_s = settings.checkpoint_s if room.durable else settings.journal_key_frame_s
        began_s = time.time()
        header = header_of(
            room,
            label,
            epoch=epoch,
            began_s=began_s,
            version=importlib.metadata.version("trio-gameserver"),
        )
        journal_id = secrets.token_bytes(ID_BYTES)
        recorder = JournalRecorder(
            stepper,
            publisher,
            check_every_ticks=max(1, round(settings.journal_check_s * room.tick_rate)),
            key_frame_every_ticks=max(1, round(key_frame_s * room.tick_rate)),
            max_waiting_bytes=MAX_WAITING_BYTES,
            shell=shell,
        )
        began = datetime.fromtimestamp(began_s, UTC).strftime("%Y%m%dT%H%M%SZ")
        stem = f"{_UNSAFE.sub('-', label)}-{began}-{journal_id.hex()[:8]}"
        encoder = JournalEncoder(header, journal_id, round(settings.journal_file_mb * _MB))
        journal = RoomJournal(recorder, encoder, label, stem, durable=room.durable)
        self._open.append(journal)
        return journal

    async def finish(self, journal: RoomJournal) -> None:
        """Wait until the last records of an ended room are written, for a limited time."""
        with trio.move_on_after(FINISH_TIMEOUT_S):
            await journal.wait_finished()

    async def run(self) -> None:
        """Write the records of all rooms, until cancelled."""
        try:
            while True:
                await trio.sleep(WRITE_EVERY_S)
                if self._open:
                    await self._write_all()
        finally:
            for journal in self._open:
                journal.close()

    async def _write_all(self) -> None:
        batches = [
            (journal, batch) for journal in self._open if (batch := journal.recorder.take()).waiting
        ]
        if batches:
            failures = await trio.to_thread.run_sync(self._write, batches)
            for journal, batch in batches:
                journal.recorder.written(batch)
            for journal, why in failures:
                journal.fail(why)
        for journal in list(self._open):
            if journal.complete:
                self._open.remove(journal)
                journal.finish()

    def _write(self, batches: list[tuple[RoomJournal, Batch]]) -> list[tuple[RoomJournal, str]]:
        """Write batches, in a thread; return the journals that failed, and why."""
        folder = self.folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return [(journal, f"{error.strerror} ({folder})") for journal, _ in batches]
        failures = []
        for journal, batch in batches:
            if (why := journal.write(batch, folder, self._clean)) is not None:
                failures.append((journal, why))
        now_s = time.monotonic()
        due = now_s - self._synced_s >= self._settings.sync_s
        if due:
            self._synced_s = now_s
        for journal in self._open:
            # A journal that no longer records gets no later sync.
            ends = journal.recorder.state is not RecorderState.RECORDING
            to_sync = journal.durable and (due or ends)
            if to_sync and (why := journal.sync()) is not None:
                failures.append((journal, why))
        return failures

    def _clean(self) -> None:
        """Remove the oldest files beyond ``journal_keep_mb``, in the thread."""
        folder = self.folder
        in_use = {journal.path for journal in self._open}
        left = round(self._settings.journal_keep_mb * _MB)
        for path, size_bytes in _newest_first(folder):
            left -= size_bytes
            kept = path in in_use or path.with_suffix(KEPT_SUFFIX).exists()
            if left < 0 and not kept:
                with contextlib.suppress(OSError):
                    path.unlink()


def make_folder(folder: pathlib.Path) -> None:
    """Make the folder for journals, at the start; ``JournalFolderError`` if it is not usable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JournalFolderError(f"no folder for journals: {folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise JournalFolderError(f"no folder for journals: {folder} is not writable")


@attrs.frozen(order=True)
class _File:
    changed_s: float
    path: pathlib.Path = attrs.field(order=False)
    size_bytes: int = attrs.field(order=False)


def _newest_first(folder: pathlib.Path) -> Iterator[tuple[pathlib.Path, int]]:
    files = []
    for path in folder.glob(f"*{SUFFIX}"):
        with contextlib.suppress(OSError):
            found = path.stat()
            files.append(_File(found.st_mtime, path, found.st_size))
    for file in sorted(files, reverse=True):
        yield file.path, file.size_bytes
