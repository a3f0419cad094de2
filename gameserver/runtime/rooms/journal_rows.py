"""Journals of durable rooms in the storage, written beside the ticks.

Owns the batches: every 50 ms what all rooms have recorded goes into one transaction, each room's
share under its fence.  The submissions of a tick are in the same transaction as that tick, so a
crash undoes both or neither: no submission of a kept tick is lost, and none of an undone tick is
written.

While the database does not answer, records and submissions wait.  Overflow policies: the records of
a room beyond ``MAX_WAITING_BYTES`` stop its journal; submissions beyond ``MAX_WAITING`` are
refused, the newest first.  ``storage/checkpoints.py`` has the tables.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Final

import attrs
import structlog
import trio

from gameserver.errors import LocalProtocolError
from gameserver.runtime.rooms.room_journal import SUSPENDED, WRITE_EVERY_S, RoomJournal
from gameserver.state.journal.recorder import Batch, Chunk, JournalEncoder, JournalRecorder
from gameserver.storage.checkpoints import AppendJournal, ForgetRoom, WriteCheckpoint
from gameserver.storage.errors import FencedOff, StorageError, StorageUnavailable
from gameserver.storage.fences import Fence
from gameserver.storage.receipts import Receipt, ReceiptState
from gameserver.storage.store import Operation, Storage
from gameserver.storage.write_behind import FIRST_PAUSE_S, LAST_PAUSE_S, MAX_WAITING

log = structlog.get_logger(__name__)


@attrs.frozen
class _Submission:
    operations: Sequence[Operation]
    receipt: Receipt


class JournalRows(RoomJournal):
    """The journal of one room in the storage, and the room's submissions until they are written.

    ``fenced_off`` is called once another server has the room.
    """

    def __init__(
        self,
        recorder: JournalRecorder,
        encoder: JournalEncoder,
        fence: Fence,
        fenced_off: Callable[[], None],
    ) -> None:
        super().__init__(recorder, encoder, fence.room, durable=True)
        self.fence: Final = fence
        self.fenced_off: Final = fenced_off
        self._row = 0
        self._submissions: list[_Submission] = []
        #: Called when no more submissions are taken.
        self.on_finished: Callable[[], None] = lambda: None
        #: Whether the room goes on, perhaps in another process already.
        self.suspended = False
        #: Whether the room is over, so that nothing is kept of it after its last records.
        self._over = False
        self._abandoned = False

    def submit(self, *operations: Operation, fence: Fence | None = None) -> Receipt:  # noqa: ARG002
        """Have ``operations`` written together with this tick (``room_storage.Queue``)."""
        if len(self._submissions) >= MAX_WAITING:
            return Receipt(ReceiptState.REFUSED)
        receipt = Receipt()
        self._submissions.append(_Submission(operations, receipt))
        return receipt

    def end(self, reason: str) -> None:
        """Note that the room has ended, or is suspended."""
        super().end(reason)
        self.suspended = reason == SUSPENDED
        self._over = not self.suspended

    def abandon(self) -> None:
        """Write nothing more: another process goes on with all that is written, by this fence."""
        self._abandoned = True

    def finish(self) -> None:
        """Take no more submissions; say if the journal ended before its room."""
        self.on_finished()
        super().finish()

    @property
    def complete(self) -> bool:
        """Whether nothing more will be written."""
        return self._abandoned or (super().complete and not self._submissions)

    @property
    def waits(self) -> bool:
        """Whether anything waits for the next ``take``."""
        return bool(self._submissions) or self.recorder.waits

    def take(self) -> _Share | None:
        """Return what waits, for one transaction; None if nothing does."""
        if self._abandoned:
            return None
        batch = self.recorder.take()
        submissions, self._submissions = self._submissions, []
        if not (batch.waiting or submissions):
            return None
        return _Share(self, self.fence, batch, submissions, ends=self._over and self.complete)

    def chunks(self, batch: Batch) -> list[Chunk]:
        """Return a batch as bytes; for the thread.  ``LocalProtocolError`` as the encoder says."""
        return list(self._encoder.encode(batch, time.time()))

    def operation(self, chunk: Chunk) -> Operation:
        """Return the write of a chunk."""
        self._row += 1
        if chunk.begins_part:
            return WriteCheckpoint(self.fence, chunk.tick, chunk.data)
        return AppendJournal(self.fence, self._row, chunk.data)


@attrs.define(eq=False)
class _Share:
    """The part of one room in a transaction.  ``ends``: it is the room's last part."""

    journal: JournalRows
    fence: Fence | None
    batch: Batch
    submissions: Sequence[_Submission]
    ends: bool
    chunks: Sequence[Chunk] = ()
    rows: Sequence[Operation] = ()
    #: Why the batch cannot be encoded.
    wrong: str | None = None

    def encode(self) -> None:
        """Make the rows, in the thread."""
        try:
            self.chunks = self.journal.chunks(self.batch)
        except LocalProtocolError as error:
            self.wrong = str(error)
        self.rows = [self.journal.operation(chunk) for chunk in self.chunks]
        if self.ends:
            self.rows = [*self.rows, ForgetRoom(self.journal.fence)]

    @property
    def operations(self) -> list[Operation]:
        """All that is written together."""
        submitted = [one for submission in self.submissions for one in submission.operations]
        return [*self.rows, *submitted]


class RowWriter:
    """Writes all journals of a server that are in its storage.

    ``report`` gets each submission that FAILED.
    """

    def __init__(self, storage: Storage, report: Callable[[StorageError], None]) -> None:
        self.open: Final[list[JournalRows]] = []
        self._storage: Final = storage
        self._report: Final = report
        # A name that no other process has; batches are numbered per writer.
        self._writer: Final = secrets.token_hex(16)
        self._batch = 0
        #: Set when somebody waits in ``wait_written``, and when a transaction is over.
        self._hurry = trio.Event()
        self._written = trio.Event()
        self._writing = False

    async def run(self) -> None:
        """Write the records of all rooms, until cancelled."""
        try:
            while True:
                with trio.move_on_after(WRITE_EVERY_S):
                    await self._hurry.wait()
                self._hurry, self._writing = trio.Event(), True
                await self._write_all()
                self._writing = False
                self._written.set()
                self._written = trio.Event()
        finally:
            if self._batch:
                with trio.move_on_after(1, shield=True), contextlib.suppress(StorageUnavailable):
                    await self._storage.forget_writer(self._writer)

    async def wait_written(self) -> None:
        """Wait until all that is recorded is written, without the pause between transactions."""
        while self._writing or any(journal.waits for journal in self.open):
            self._hurry.set()
            await self._written.wait()

    async def forget(self, fence: Fence) -> None:
        """Keep a room from being recovered that is over, and whose journal had stopped."""
        try:
            await self._storage.write(ForgetRoom(fence), fence=fence)
        except FencedOff:
            pass  # it goes on elsewhere
        except StorageError:
            log.exception("a room that is over may be recovered", room=fence.room)

    async def _write_all(self) -> None:
        shares = [share for journal in self.open if (share := journal.take()) is not None]
        if shares:
            await trio.to_thread.run_sync(_encode_all, shares)
            try:
                await self._persist(shares)
            except Exception:  # noqa: BLE001 - of one share; each alone shows which one
                for share in shares:
                    await self._write_alone(share)
            else:
                for share in shares:
                    _settle(share)
            for share in shares:
                share.journal.recorder.written(share.batch)
                if share.wrong is not None:
                    share.journal.fail(share.wrong)
        for journal in list(self.open):
            if journal.complete:
                self.open.remove(journal)
                journal.finish()

    async def _write_alone(self, share: _Share) -> None:
        try:
            await self._persist([share])
        except FencedOff as error:
            await self._fence_off(share, error)
        except Exception:  # noqa: BLE001 - a submission's; the journal goes on without it
            await self._write_apart(share)
        else:
            _settle(share)

    async def _write_apart(self, share: _Share) -> None:
        """Write the rows, and then each submission by itself: one of them cannot be written."""
        whole = share.submissions
        share.submissions = ()
        try:
            await self._persist([share])
            _settle(share)
            for submission in whole:
                await self._write_submission(share.journal, submission, share.fence)
        except FencedOff as error:
            share.submissions = [one for one in whole if one.receipt.state is ReceiptState.WAITING]
            await self._fence_off(share, error)

    async def _write_submission(
        self, journal: JournalRows, submission: _Submission, fence: Fence | None
    ) -> None:
        alone = _Share(journal, fence, Batch((), 0), [submission], ends=False)
        try:
            await self._persist([alone])
        except FencedOff:
            raise
        except StorageError as error:
            self._fail(submission, error)
        except Exception as error:  # noqa: BLE001 - the game's; the server must not end by it
            self._fail(submission, StorageError(f"{type(error).__name__}: {error}"))
        else:
            _settle(alone)

    async def _fence_off(self, share: _Share, error: FencedOff) -> None:
        journal = share.journal
        if journal.suspended:
            # It was handed over with these ticks, so its submissions count.
            for submission in share.submissions:
                await self._write_submission(journal, submission, None)
            return
        for submission in share.submissions:
            self._fail(submission, error)
        journal.fail(str(error))
        journal.fenced_off()

    def _fail(self, submission: _Submission, error: StorageError) -> None:
        submission.receipt.state, submission.receipt.error = ReceiptState.FAILED, error
        self._report(error)

    async def _persist(self, shares: Sequence[_Share]) -> None:
        """Write shares once, trying until the database answers."""
        self._batch += 1
        groups = [(share.operations, share.fence) for share in shares]
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await self._storage.write_once(self._writer, self._batch, groups)
            except StorageUnavailable as error:
                if pause_s == FIRST_PAUSE_S:
                    log.warning("journals wait for the storage", reason=str(error))
            else:
                return
            await trio.sleep(pause_s)
            pause_s = min(2 * pause_s, LAST_PAUSE_S)


def _encode_all(shares: Sequence[_Share]) -> None:
    for share in shares:
        share.encode()


def _settle(share: _Share) -> None:
    for chunk in share.chunks:
        share.journal.wrote(chunk)
    for submission in share.submissions:
        submission.receipt.state = ReceiptState.WRITTEN
