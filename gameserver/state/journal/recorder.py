"""Records one room: the entries of its stepper, key frames, and checks of its state.

Owns the queue between the tick and the writer (``encode``, which may run in another thread), and
decides when a key frame or a check is due.  Within the tick it only copies.

The queue is bounded.  Overflow policy ``stop``: a journal with a gap could not be played, so it
ends there; later entries are counted in ``lost``.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

import attrs

from gameserver.errors import LocalProtocolError
from gameserver.replication.publisher import Publisher
from gameserver.room import Room
from gameserver.simulation.recording import Entry, Finished
from gameserver.simulation.stepper import Stepper
from gameserver.state.difference import Facts, describe
from gameserver.state.hash import state_hash
from gameserver.state.journal.framing import ID_BYTES, FrameWriter, Position
from gameserver.state.journal.records import (
    Check,
    Disagreed,
    Ended,
    Header,
    KeyFrame,
    changes_between,
    pack_record,
    record_row,
)
from gameserver.state.parcel import pack_value
from gameserver.state.snapshot import Captured, capture
from gameserver.state.values import packer

#: About how much memory an entity takes in a captured room, for the bound of the queue.
ENTITY_BYTES: Final = 512


@attrs.frozen
class Due:
    """A captured room, to be written as a check, a key frame (``whole``), or both."""

    captured: Captured
    whole: bool
    checked: bool


#: An element of the queue: a payload, or a captured room that is encoded when it is written.
Waiting: TypeAlias = bytes | Due


@attrs.frozen
class Batch:
    """The elements of the queue since the batch before, about ``size_bytes`` of them."""

    waiting: Sequence[Waiting]
    size_bytes: int


def header_of(room: Room, label: str, *, epoch: int, began_s: float, version: str) -> Header:
    """Return the header of the first part of a journal of ``room``."""
    cls, schema = type(room), room.world.schema
    return Header(
        game=f"{cls.__module__}:{cls.__qualname__}",
        kind=cls.__name__,
        label=label,
        tick_rate=room.tick_rate,
        schema_hash=schema.hash,
        schema=schema.describe(),
        epoch=epoch,
        part=1,
        began_s=began_s,
        version=version,
    )


class RecorderState(enum.Enum):
    """States of a recorder: RECORDING → ENDED with its room, or → STOPPED before.

    An ENDED one becomes STOPPED if its last records cannot be written.
    """

    RECORDING = "recording"
    ENDED = "ended"
    STOPPED = "stopped"


class JournalRecorder:
    """The recorder of the room that ``stepper`` steps and ``publisher`` publishes.

    Begins at once, with a key frame; so the room must be between two ticks.  ``shell`` is kept in
    key frames for the caller (``capture``).  ``check_every_ticks`` None: there are no checks, which
    take most of the time of a journal; a room is recovered without them.
    """

    def __init__(
        self,
        stepper: Stepper[Any],
        publisher: Publisher,
        *,
        check_every_ticks: int | None,
        key_frame_every_ticks: int,
        max_waiting_bytes: int,
        shell: Any = None,
    ) -> None:
        self.state = RecorderState.RECORDING
        #: Why it STOPPED; None in the other states.
        self.stopped: str | None = None
        #: Entries and key frames since then, which are lost.
        self.lost = 0
        self._stepper = stepper
        self._publisher = publisher
        self._checks = check_every_ticks is not None
        self._capture_every_ticks = check_every_ticks or key_frame_every_ticks
        self._key_frame_every_ticks = key_frame_every_ticks
        self._max_waiting_bytes = max_waiting_bytes
        self._shell = shell
        self._checked_tick = self._key_frame_tick = stepper.room.tick_number
        #: Used only in the thread of the ticks.
        self._pack = packer()
        self._waiting: list[Waiting] = []
        self._waiting_bytes = 0
        self._capture(whole=True)
        stepper.record_to(self)

    # ------------------------------------------------------------ within the tick

    def record(self, entry: Entry) -> None:
        """Take an entry: ``Stepper`` calls this just before it is applied."""
        if self.state is not RecorderState.RECORDING:
            self.lost += 1
            return
        try:
            if isinstance(entry, Finished):
                result = pack_value(self._stepper.room, "the result of background()", entry.result)
                entry = Finished(entry.number, result)
            self._add(self._pack(record_row(entry)))
        except Exception as error:  # noqa: BLE001 - no error here may end the room
            self.stop(f"{type(entry).__name__} cannot be written: {error}")

    def after_tick(self) -> None:
        """Copy the room if a check or a key frame is due; call it after each tick's publish."""
        tick = self._stepper.room.tick_number
        if tick - self._checked_tick < self._capture_every_ticks:
            return
        self._capture(whole=tick - self._key_frame_tick >= self._key_frame_every_ticks)

    def disagreed(self, report: Disagreed) -> None:
        """Take the report of a client whose values differ."""
        self._add(pack_record(report))

    def end(self, reason: str) -> None:
        """Record the end of the room: its last state, and why it ended."""
        if self.state is RecorderState.RECORDING:
            if self._checks:
                self._capture(whole=False)
            self._add(pack_record(Ended(self._stepper.room.tick_number, reason)))
        if self.state is RecorderState.RECORDING:
            self.state = RecorderState.ENDED

    def stop(self, why: str) -> None:
        """Stop recording; only count lost entries.  ``why`` is for the log."""
        if self.state is not RecorderState.STOPPED:
            self.state, self.stopped = RecorderState.STOPPED, why

    def _capture(self, *, whole: bool) -> None:
        room = self._stepper.room
        self._checked_tick = room.tick_number
        if whole:
            self._key_frame_tick = room.tick_number
        if self.state is RecorderState.RECORDING:
            try:
                captured = capture(self._stepper, self._publisher, self._shell)
            except LocalProtocolError as error:
                self.stop(str(error))
                return
            self._add(Due(captured, whole, self._checks), ENTITY_BYTES * (1 + len(room.world)))

    def _add(self, waiting: Waiting, size_bytes: int = 0) -> None:
        if self.state is not RecorderState.RECORDING:
            self.lost += 1
            return
        if isinstance(waiting, bytes):
            size_bytes = len(waiting)
        if self._waiting_bytes + size_bytes > self._max_waiting_bytes:
            self.stop(f"more than {self._max_waiting_bytes} bytes wait to be written")
            self.lost += 1
            return
        self._waiting.append(waiting)
        self._waiting_bytes += size_bytes

    # ------------------------------------------------------------ for the writer

    def take(self) -> Batch:
        """Return the waiting elements; they count as waiting until ``written``."""
        batch = Batch(self._waiting, sum(map(_size_bytes, self._waiting)))
        self._waiting = []
        return batch

    @property
    def waits(self) -> bool:
        """Whether anything waits for the next ``take``."""
        return bool(self._waiting)

    def lose_waiting(self) -> None:
        """Count the waiting elements as lost: they cannot be written."""
        self.written(batch := self.take())
        self.lost += len(batch.waiting)

    def written(self, batch: Batch) -> None:
        """Note that a batch has been written, or never will be."""
        self._waiting_bytes -= batch.size_bytes


def _size_bytes(waiting: Waiting) -> int:
    if isinstance(waiting, bytes):
        return len(waiting)
    return ENTITY_BYTES * (1 + len(waiting.captured._live))


def _part_id(journal_id: bytes, part: int) -> bytes:
    """Return the id of a part, so that no record of one part is valid in another."""
    seed = journal_id + part.to_bytes(8, "big")
    return hashlib.blake2b(seed, digest_size=ID_BYTES).digest()


@attrs.frozen
class Chunk:
    """Bytes to append, and where they end.

    ``begins_part``: these are the first bytes of a part, which belong into a new file.
    """

    data: bytes
    end: Position
    tick: int
    begins_part: bool


class JournalEncoder:
    """Turns the batches of one recorder into bytes; for one thread at a time.

    A part that has become longer than ``part_bytes`` ends at the next key frame, where another
    one begins.
    """

    def __init__(self, header: Header, journal_id: bytes, part_bytes: int) -> None:
        #: The header of the newest part.
        self.header = header
        self._id = journal_id
        self._part_bytes = part_bytes
        self._writer: FrameWriter | None = None
        #: The facts at the last check or key frame; the next check has the changes since then.
        self._facts: Facts = {}
        self._tick = 0

    def begin_epoch(self, epoch: int) -> None:
        """Give the journal an epoch; call it before the first batch."""
        assert self._writer is None, "the header is written"
        self.header = attrs.evolve(self.header, epoch=epoch)

    def encode(self, batch: Batch, now_s: float) -> Iterator[Chunk]:
        """Yield the bytes of a batch; ``now_s`` is when a part begins, if one does.

        ``LocalProtocolError`` if the game holds what cannot be saved.
        """
        framed: list[bytes] = []
        for waiting in batch.waiting:
            if isinstance(waiting, bytes):
                framed.append(self._frame(waiting))
                continue
            captured = waiting.captured
            self._tick = captured.tick
            if waiting.checked:
                check = self._check(captured)
                if self._writer is not None:
                    framed.append(self._frame(pack_record(check)))
            if waiting.whole:
                if self._writer is None or self._writer.position.offset > self._part_bytes:
                    if framed:
                        yield self._chunk(framed, begins_part=False)
                    framed = [self._begin_part(now_s)]
                    key_frame = KeyFrame(captured.tick, captured.encode())
                    framed.append(self._frame(pack_record(key_frame)))
                    yield self._chunk(framed, begins_part=True)
                    framed = []
                else:
                    key_frame = KeyFrame(captured.tick, captured.encode())
                    framed.append(self._frame(pack_record(key_frame)))
        if framed:
            yield self._chunk(framed, begins_part=False)

    def _check(self, captured: Captured) -> Check:
        facts = describe(captured)
        changed, gone = changes_between(self._facts, facts)
        self._facts = facts
        return Check(captured.tick, state_hash(captured), changed, gone)

    def _begin_part(self, now_s: float) -> bytes:
        if self._writer is not None:
            header = self.header
            self.header = attrs.evolve(header, part=header.part + 1, began_s=now_s)
        self._writer = FrameWriter(_part_id(self._id, self.header.part))
        return self._writer.head() + self._frame(pack_record(self.header))

    def _frame(self, payload: bytes) -> bytes:
        assert self._writer is not None, "a journal begins with a key frame"
        return self._writer.frame(payload)

    def _chunk(self, framed: list[bytes], *, begins_part: bool) -> Chunk:
        assert self._writer is not None
        return Chunk(b"".join(framed), self._writer.position, self._tick, begins_part)
