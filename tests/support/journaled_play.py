"""Random play that is journaled: what the tests of journals and replays begin with."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable

from gameserver.rehearsing.script import Script
from gameserver.room import Room
from gameserver.state.journal.framing import FrameWriter
from gameserver.state.journal.reader import JournalReader
from gameserver.state.journal.recorder import JournalEncoder, JournalRecorder, header_of
from gameserver.state.journal.records import Record, pack_record
from gameserver.state.journal.replay import Mismatch, replay
from gameserver.testing import Rehearsal

ID = b"a journa"


class JournaledPlay:
    """A rehearsal of ``room`` and its journal; ``data`` holds all parts, one after the other."""

    def __init__(
        self,
        room: Room,
        *,
        check_every_ticks: int = 5,
        key_frame_every_ticks: int = 40,
        part_bytes: int = 1 << 40,
        max_waiting_bytes: int = 1 << 26,
    ) -> None:
        self.rehearsal = Rehearsal(room)
        self.room = room
        self.parts: list[bytes] = []
        self.recorder = JournalRecorder(
            self.rehearsal._stepper,
            self.rehearsal._publisher,
            check_every_ticks=check_every_ticks,
            key_frame_every_ticks=key_frame_every_ticks,
            max_waiting_bytes=max_waiting_bytes,
        )
        header = header_of(room, "test/1", epoch=1, began_s=0.0, version="1")
        self.encoder = JournalEncoder(header, ID, part_bytes)

    def play(self, ticks: int, *, players: int = 3, seed: int = 0, write_every: int = 3) -> None:
        script = Script(type(self.room), players, seed)
        for number in range(ticks):
            self.rehearsal._play(script.actions(self.room.players))
            self.tick_over()
            if number % write_every == 0:
                self.write()
        self.write()

    def tick_over(self) -> None:
        self.recorder.after_tick()

    def write(self) -> None:
        batch = self.recorder.take()
        for chunk in self.encoder.encode(batch, 1.0):
            if chunk.begins_part:
                self.parts.append(b"")
            self.parts[-1] += chunk.data
        self.recorder.written(batch)

    def end(self) -> bytes:
        """End the journal and return its first part."""
        self.recorder.end("over")
        self.write()
        return self.parts[0]


def journal_of(room: Room, ticks: int = 60, *, players: int = 3, seed: int = 0) -> bytes:
    play = JournaledPlay(room)
    play.play(ticks, players=players, seed=seed)
    return play.end()


def records_of(data: bytes) -> list[Record]:
    reader = JournalReader(io.BytesIO(data))
    return [reader.header, *reader]


def journal_with(records: Iterable[Record]) -> bytes:
    """Return a journal of these records, framed anew."""
    writer = FrameWriter(ID)
    return writer.head() + b"".join([writer.frame(pack_record(record)) for record in records])


def changed(data: bytes, change: Callable[[list[Record]], None]) -> bytes:
    """Return a journal whose records were changed, and which is whole."""
    records = records_of(data)
    change(records)
    return journal_with(records)


def verdict(room: type[Room], data: bytes) -> Mismatch | None:
    """Play a journal again; return the first difference."""
    for _, _, mismatch in replay(room, JournalReader(io.BytesIO(data))):
        if mismatch is not None:
            return mismatch
    return None
