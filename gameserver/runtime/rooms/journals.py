"""The journals of a server's rooms.

Owns the choice of the rooms that are journaled, and of the place: files (``journal_files.py``), or
the storage for a room that was claimed there (``journal_rows.py``).
"""

from __future__ import annotations

import importlib.metadata
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

import trio

from gameserver.config import Settings
from gameserver.replication.publisher import Publisher
from gameserver.runtime.rooms.journal_files import FileWriter, JournalFile, mark_over
from gameserver.runtime.rooms.journal_rows import JournalRows, RowWriter
from gameserver.runtime.rooms.room_journal import RoomJournal
from gameserver.simulation.stepper import Stepper
from gameserver.state.journal.framing import ID_BYTES
from gameserver.state.journal.recorder import JournalEncoder, JournalRecorder, header_of
from gameserver.storage.fences import Fence

#: Bytes of one room that may wait to be written.  Overflow policy ``stop``.
MAX_WAITING_BYTES: Final = 32 << 20
#: How long the end of a room waits for its journal.
FINISH_TIMEOUT_S: Final = 2.0
_MB: Final = 1_000_000


class Journals:
    """The journals of a server; ``run`` writes them."""

    def __init__(self, settings: Settings) -> None:
        self.files: Final = FileWriter(settings)
        #: None where no durable room is kept in the storage.
        self.rows: RowWriter | None = None
        self._settings = settings

    def begin(
        self,
        stepper: Stepper[Any],
        publisher: Publisher,
        label: str,
        *,
        shell: Any = None,
        fence: Fence | None = None,
        fenced_off: Callable[[], None] = lambda: None,
    ) -> RoomJournal | None:
        """Journal a room from now on, between two ticks; None: neither it nor the server asks.

        A durable room is always journaled; with a ``fence``, in the storage.  ``shell`` is kept in
        the key frames.
        """
        room, settings = stepper.room, self._settings
        all_rooms = settings.journal is not None
        for_replay = all_rooms if room.journaled is None else room.journaled
        if not (room.durable or for_replay):
            return None
        if room.durable and self.rows is not None and fence is None:
            return None  # the storage did not answer when it was handed over
        key_frame_s = settings.checkpoint_s if room.durable else settings.journal_key_frame_s
        check_ticks = max(1, round(settings.journal_check_s * room.tick_rate))
        header = header_of(
            room,
            label,
            epoch=1 if fence is None else fence.number,
            began_s=time.time(),
            version=importlib.metadata.version("trio-gameserver"),
        )
        journal_id = secrets.token_bytes(ID_BYTES)
        recorder = JournalRecorder(
            stepper,
            publisher,
            check_every_ticks=check_ticks if for_replay else None,
            key_frame_every_ticks=max(1, round(key_frame_s * room.tick_rate)),
            max_waiting_bytes=MAX_WAITING_BYTES,
            shell=shell,
        )
        if fence is not None and self.rows is not None:
            # Each key frame begins a part: the rows before it are no longer needed.
            encoder = JournalEncoder(header, journal_id, part_bytes=0)
            rows = JournalRows(recorder, encoder, fence, fenced_off)
            self.rows.open.append(rows)
            return rows
        encoder = JournalEncoder(header, journal_id, round(settings.journal_file_mb * _MB))
        file = JournalFile(recorder, encoder, label, journal_id, durable=room.durable)
        self.files.open.append(file)
        return file

    async def finish(self, journal: RoomJournal) -> None:
        """Wait until the last records of an ended room are written, for a limited time."""
        with trio.move_on_after(FINISH_TIMEOUT_S):
            await journal.wait_finished()

    async def note_over(self, journal: RoomJournal) -> None:
        """Keep a room from being recovered that is over, and whose journal had stopped before."""
        with trio.move_on_after(FINISH_TIMEOUT_S):
            if isinstance(journal, JournalRows):
                if self.rows is not None:
                    await self.rows.forget(journal.fence)
                return
            await trio.to_thread.run_sync(
                mark_over, self.files.folder, journal.label, abandon_on_cancel=True
            )

    async def run(self) -> None:
        """Write the records of all rooms, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.files.run)
            if self.rows is not None:
                nursery.start_soon(self.rows.run)
