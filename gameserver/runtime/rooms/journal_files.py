"""Journals in files, written in a thread beside the ticks.

Owns the files: their names and epochs, the times of writing and syncing, and the removal of old
ones.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import attrs
import structlog
import trio

from gameserver.config import Settings
from gameserver.errors import GameServerError, LocalProtocolError
from gameserver.runtime.folder_sync import sync_folder
from gameserver.runtime.rooms.room_journal import WRITE_EVERY_S, RoomJournal
from gameserver.state.journal.reader import JournalReader
from gameserver.state.journal.recorder import (
    Batch,
    Chunk,
    JournalEncoder,
    JournalRecorder,
    RecorderState,
)
from gameserver.state.journal.records import Disagreed, Header

log = structlog.get_logger(__name__)

SUFFIX: Final = ".journal"
#: Suffix of a file next to a journal that protects the journal from removal.
KEPT_SUFFIX: Final = ".keep"
#: Suffix of a journal of a room that is over, although the journal has no record of its end.
OVER_SUFFIX: Final = ".over.journal"
#: The folder of a server without the settings ``journal`` and ``data``.
DEFAULT_FOLDER: Final = pathlib.Path("journals")
_MB: Final = 1_000_000
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]+")


class JournalFolderError(GameServerError):
    """The folder for journals cannot be made; the text is one line."""


def journals_folder(settings: Settings) -> pathlib.Path:
    """Return the folder for the journals of a server."""
    if settings.journal is not None:
        return settings.journal
    return DEFAULT_FOLDER if settings.data is None else settings.data / "journals"


def make_folder(folder: pathlib.Path) -> None:
    """Make the folder for journals, at the start; ``JournalFolderError`` if it is not usable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sync_folder(folder.parent)
    except OSError as error:
        raise JournalFolderError(f"no folder for journals: {folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise JournalFolderError(f"no folder for journals: {folder} is not writable")


def headers_in(
    folder: pathlib.Path, label: str | None = None
) -> Iterator[tuple[Header, pathlib.Path]]:
    """Yield header and path of each journal of ``label``, or of all rooms.

    Unreadable ones are logged, and protected from removal.
    """
    pattern = f"*{SUFFIX}" if label is None else f"{_safe(label)}-*{SUFFIX}"
    for path in sorted(folder.glob(pattern)):
        if path.name.endswith(OVER_SUFFIX):
            continue
        try:
            with path.open("rb") as file:
                header = JournalReader(file).header
        except (OSError, GameServerError) as error:
            log.warning("a journal cannot be read", file=str(path), reason=str(error))
            protect(path, str(error))
            continue
        if label in (None, header.label):
            yield header, path


def protect(path: pathlib.Path, why: str) -> None:
    """Protect a journal from removal, if the disk allows that."""
    with contextlib.suppress(OSError):
        path.with_suffix(KEPT_SUFFIX).write_text(f"{why}\n")


def _safe(label: str) -> str:
    return _UNSAFE.sub("-", label)


class JournalFile(RoomJournal):
    """The journal of one room, and the file that its newest part is in."""

    def __init__(
        self,
        recorder: JournalRecorder,
        encoder: JournalEncoder,
        label: str,
        journal_id: bytes,
        *,
        durable: bool,
    ) -> None:
        super().__init__(recorder, encoder, label, durable=durable)
        #: The file of the newest part.
        self.path: pathlib.Path | None = None
        began = datetime.fromtimestamp(encoder.header.began_s, UTC).strftime("%Y%m%dT%H%M%SZ")
        self._stem = f"{_safe(label)}-{began}-{journal_id.hex()[:8]}"
        self._file: Any = None
        #: Whether anything was written, and whether a file was begun, since the last ``sync``.
        self._unsynced = self._unnamed = False
        #: Held while the file is synced, so that it is not closed meanwhile.
        self._syncing: Final = threading.Lock()
        self._parts = 0
        #: A client's report, until the file is protected from removal because of it; else None.
        self._kept_for: str | None = None

    def disagreed(self, report: Disagreed) -> None:
        """Note the report of a client, and protect the file that gets it from removal."""
        super().disagreed(report)
        self._kept_for = f"tick {report.tick}: seat {report.seat}, {report.entity}.{report.field}"

    @property
    def place(self) -> str:
        """The file in which it is written now."""
        return "" if self.path is None else str(self.path)

    def keep(self, why: str) -> None:
        """Protect the file that is written now from removal, because of ``why``."""
        self._kept_for = why

    def finish(self) -> None:
        """Close the file of a complete journal, and say if it ended before its room."""
        self.close()
        super().finish()

    # ------------------------------------------------------------ in threads

    def write(self, batch: Batch, folder: pathlib.Path, clean: Callable[[], None]) -> str | None:
        """Append a batch; return why that failed, or None."""
        try:
            if self.durable and self._parts == 0:
                self._begin_epoch(folder)
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

    def _begin_epoch(self, folder: pathlib.Path) -> None:
        """Be newer than all journals of the room; clocks do not tell, for they are set back."""
        newest = max((header.epoch for header, _ in headers_in(folder, self.label)), default=0)
        self._encoder.begin_epoch(newest + 1)

    def _begin_file(self, folder: pathlib.Path) -> None:
        self.close()
        self._parts += 1
        self.path = folder / f"{self._stem}.{self._parts:04d}{SUFFIX}"
        # Without a buffer, so that the system has the bytes when a write returns.
        self._file = open(self.path, "xb", buffering=0)  # noqa: SIM115 - closed by ``close``
        self._unnamed = True

    def _append(self, chunk: Chunk) -> None:
        data = memoryview(chunk.data)
        while data:
            data = data[self._file.write(data) :]
        self._unsynced = True
        self.wrote(chunk)

    def sync(self) -> str | None:
        """Make the written records safe from a power loss; return why that failed, or None.

        Records may be written meanwhile; those are for the next call.
        """
        with self._syncing:
            if self._file is None or not self._unsynced:
                return None
            unnamed, self._unsynced, self._unnamed = self._unnamed, False, False
            try:
                if unnamed and self.path is not None:
                    sync_folder(self.path.parent)
                os.fsync(self._file.fileno())
            except OSError as error:
                return f"{error.strerror or error} ({self.path})"
            return None

    def close(self) -> None:
        """Close the file; harmless if it is closed."""
        with self._syncing:
            if self._file is not None:
                with contextlib.suppress(OSError):
                    self._file.close()
                self._file = None

    def _keep(self) -> None:
        """Protect the file of the newest part from removal, if there was a report."""
        if self._kept_for is not None and self.path is not None:
            self.path.with_suffix(KEPT_SUFFIX).write_text(f"{self._kept_for}\n")
            self._kept_for = None


class FileWriter:
    """Writes all journals of a server that are in files, and syncs those of durable rooms.

    A sync may take as long as many ticks.  It runs beside the writes: what a killed process loses
    is only what it has not written.
    """

    def __init__(self, settings: Settings) -> None:
        #: The folder of all files.
        self.folder: Final = journals_folder(settings)
        self.open: Final[list[JournalFile]] = []
        self._settings = settings

    async def run(self) -> None:
        """Write the records of all rooms, until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._keep_syncing)
                while True:
                    await trio.sleep(WRITE_EVERY_S)
                    if self.open:
                        await self._write_all()
        finally:
            for journal in self.open:
                journal.close()

    async def _keep_syncing(self) -> None:
        while True:
            await trio.sleep(max(WRITE_EVERY_S, self._settings.sync_s))
            if journals := [journal for journal in self.open if journal.durable]:
                for journal, why in await trio.to_thread.run_sync(_sync, journals):
                    journal.fail(why)

    async def _write_all(self) -> None:
        batches = [
            (journal, batch) for journal in self.open if (batch := journal.recorder.take()).waiting
        ]
        if batches:
            failures = await trio.to_thread.run_sync(self._write, batches)
            for journal, batch in batches:
                journal.recorder.written(batch)
            for journal, why in failures:
                journal.fail(why)
        for journal in list(self.open):
            if journal.complete:
                self.open.remove(journal)
                journal.finish()

    def _write(self, batches: list[tuple[JournalFile, Batch]]) -> list[tuple[JournalFile, str]]:
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
        # A journal that no longer records gets no later sync.
        ended = [
            journal
            for journal in self.open
            if journal.durable and journal.recorder.state is not RecorderState.RECORDING
        ]
        return failures + _sync(ended)

    def _clean(self) -> None:
        """Remove the oldest files beyond ``journal_keep_mb``, in the thread."""
        in_use = {journal.path for journal in self.open}
        left = round(self._settings.journal_keep_mb * _MB)
        for path, size_bytes in _newest_first(self.folder):
            left -= size_bytes
            kept = path in in_use or path.with_suffix(KEPT_SUFFIX).exists()
            if left < 0 and not kept:
                with contextlib.suppress(OSError):
                    path.unlink()


def _sync(journals: Iterable[JournalFile]) -> list[tuple[JournalFile, str]]:
    """Sync journals, in a thread; return those that failed, and why."""
    return [(journal, why) for journal in journals if (why := journal.sync()) is not None]


def mark_over(folder: pathlib.Path, label: str) -> None:
    """Keep a room from being recovered that is over, and whose journal could not say so.

    Renames all its files: a full disk allows that, and the newest file may not be readable.
    """
    for _, path in headers_in(folder, label):
        over = path.with_suffix(OVER_SUFFIX)
        try:
            path.rename(over)
            if (kept := path.with_suffix(KEPT_SUFFIX)).exists():
                kept.rename(over.with_suffix(KEPT_SUFFIX))
        except OSError:
            log.exception("a room that is over may be recovered", room=label, file=str(path))


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
