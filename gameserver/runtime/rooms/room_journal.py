"""The journal of one room, in files or in the storage.

Owns what a journal in files (``journal_files.py``) and one in a storage (``journal_rows.py``) have
in common: the recorder beside the room, the encoder, and how the journal ends.  ``state/journal``
defines the contents.  A tick never waits for a disk or a database: it fills a bounded queue
(overflow policy ``stop``), which a task empties.  If the place is full, slow or gone, the journal
stops and the room plays on.
"""

from __future__ import annotations

from typing import Final

import structlog
import trio

from gameserver.state.journal.framing import Position
from gameserver.state.journal.recorder import Chunk, JournalEncoder, JournalRecorder, RecorderState
from gameserver.state.journal.records import Disagreed

log = structlog.get_logger(__name__)

#: The end of a journal whose server stopped: the room is not over.
SUSPENDED: Final = "suspended"
#: A record is in its place after twice this time at most.
WRITE_EVERY_S: Final = 0.05


class RoomJournal:
    """The journal of one room; ``durable``: the room is recovered from it."""

    def __init__(
        self, recorder: JournalRecorder, encoder: JournalEncoder, label: str, *, durable: bool
    ) -> None:
        self.recorder: Final = recorder
        self.durable: Final = durable
        self.label: Final = label
        #: End and tick of the records that their place has taken.
        self.written = Position(0, 0)
        self.written_tick = 0
        self.bytes_written = 0
        self._encoder: Final = encoder
        self._log = log.bind(room=label)
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
        """Note the report of a client."""
        self.recorder.disagreed(report)

    @property
    def place(self) -> str:
        """The file in which it is written now; empty for a journal in the storage."""
        return ""

    def keep(self, why: str) -> None:
        """Keep what is written now, because of ``why``; a journal in the storage is kept anyway."""

    def end(self, reason: str) -> None:
        """Note that the room has ended, or is suspended."""
        self.recorder.end(reason)

    @property
    def complete(self) -> bool:
        """Whether nothing more will be written."""
        return self.recorder.state is not RecorderState.RECORDING and not self.recorder.waits

    def fail(self, why: str) -> None:
        """Stop because of ``why``; waiting records are lost."""
        self.recorder.stop(why)
        self.recorder.lose_waiting()

    def wrote(self, chunk: Chunk) -> None:
        """Note that a chunk has been written."""
        self.bytes_written += len(chunk.data)
        self.written, self.written_tick = chunk.end, chunk.tick

    def finish(self) -> None:
        """Note that a complete journal is written; say if it ended before its room."""
        if self.stopped:
            self._log.error(
                "the journal stopped", reason=self.recorder.stopped, tick=self.written_tick
            )
        self._finished.set()

    async def wait_finished(self) -> None:
        """Wait until all records have been written, or the journal has stopped."""
        await self._finished.wait()
