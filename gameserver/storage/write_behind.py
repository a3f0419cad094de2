"""Writes from a tick, written behind it.

Owns the queue between rooms and the database.  A tick never waits: ``submit`` puts operations into
the queue and returns a receipt; a task writes them in batches, tries again while the database does
not answer, and never writes a batch twice.

Overflow policy ``refuse newest``: while the queue is full, a submission is refused and counted.
"""

from __future__ import annotations

import contextlib
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import attrs
import trio

from gameserver.storage.errors import StorageError, StorageUnavailable
from gameserver.storage.fences import Fence
from gameserver.storage.receipts import Receipt, ReceiptState
from gameserver.storage.store import Operation, Storage

#: Submissions that may wait.
MAX_WAITING: Final = 10_000
#: Submissions in one transaction.
MAX_BATCH: Final = 256
#: Pauses between tries while the database does not answer: doubled from the first to the last.
FIRST_PAUSE_S: Final = 0.1
LAST_PAUSE_S: Final = 5.0


@attrs.frozen
class _Submission:
    operations: Sequence[Operation]
    fence: Fence | None
    receipt: Receipt


@attrs.define
class Counts:
    """Counters of submissions, and of tries that found no database."""

    submitted: int = 0
    written: int = 0
    failed: int = 0
    refused: int = 0
    retries: int = 0


class WriteBehind:
    """The queue in front of one storage.  ``report`` gets each submission that FAILED, once."""

    def __init__(
        self, storage: Storage, report: Callable[[StorageError], None] = lambda _error: None
    ) -> None:
        self._storage: Final = storage
        self._report: Final = report
        self._waiting: Final[deque[_Submission]] = deque()
        self._arrived = trio.Event()
        self._emptied = trio.Event()
        self._emptied.set()
        # A name that no other process has; batches are numbered per writer.
        self._writer: Final = secrets.token_hex(16)
        self._batch = 0
        self.counts: Final = Counts()

    @property
    def waiting(self) -> int:
        """How many submissions are not yet written."""
        return len(self._waiting)

    def submit(self, *operations: Operation, fence: Fence | None = None) -> Receipt:
        """Have ``operations`` written together, soon.  Never waits and never raises."""
        self.counts.submitted += 1
        if len(self._waiting) >= MAX_WAITING:
            self.counts.refused += 1
            return Receipt(ReceiptState.REFUSED)
        receipt = Receipt()
        self._waiting.append(_Submission(operations, fence, receipt))
        self._emptied = self._emptied if not self._emptied.is_set() else trio.Event()
        self._arrived.set()
        return receipt

    async def run(self) -> None:
        """Write submissions, until cancelled."""
        try:
            while True:
                await self._arrived.wait()
                self._arrived = trio.Event()
                while self._waiting:
                    await self._write_batch()
                self._emptied.set()
        finally:
            if self._batch and not self._waiting:
                with trio.move_on_after(1, shield=True):
                    await self._forget_writer()

    async def flush(self) -> None:
        """Wait until everything that was submitted is written or has failed."""
        await self._emptied.wait()

    async def _forget_writer(self) -> None:
        with contextlib.suppress(StorageUnavailable):  # one row stays; nothing reads it
            await self._storage.forget_writer(self._writer)

    async def _write_batch(self) -> None:
        """Write the oldest submissions.  They stay in the queue until they are written."""
        batch = [self._waiting[at] for at in range(min(len(self._waiting), MAX_BATCH))]
        try:
            await self._persist(batch)
        except Exception:  # noqa: BLE001 - also the game's, of an operation
            # One of them cannot be written.  Writing each alone shows which one.
            for submission in batch:
                await self._write_alone(submission)
            return
        for submission in batch:
            self._settle(submission, None)

    async def _write_alone(self, submission: _Submission) -> None:
        try:
            await self._persist([submission])
        except StorageError as error:
            self._settle(submission, error)
        except Exception as error:  # noqa: BLE001 - the game's; the server must not end by it
            self._settle(submission, StorageError(f"{type(error).__name__}: {error}"))
        else:
            self._settle(submission, None)

    def _settle(self, submission: _Submission, error: StorageError | None) -> None:
        assert self._waiting[0] is submission
        self._waiting.popleft()
        receipt = submission.receipt
        if error is None:
            self.counts.written += 1
            receipt.state = ReceiptState.WRITTEN
        else:
            self.counts.failed += 1
            receipt.state, receipt.error = ReceiptState.FAILED, error
            self._report(error)

    async def _persist(self, batch: Sequence[_Submission]) -> None:
        """Write a batch once, trying until the database answers."""
        self._batch += 1
        groups = [(submission.operations, submission.fence) for submission in batch]
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await self._storage.write_once(self._writer, self._batch, groups)
            except StorageUnavailable:
                self.counts.retries += 1
            else:
                return
            await trio.sleep(pause_s)
            pause_s = min(2 * pause_s, LAST_PAUSE_S)
