from __future__ import annotations

import io

import attrs
import pytest

from gameserver import Room
from gameserver.errors import JournalError
from gameserver.games.chat import Chat
from gameserver.games.echo import Echo
from gameserver.protocol.latency import Latency
from gameserver.simulation.recording import Joined, Left, Measured, Published, Stepped
from gameserver.state.journal.framing import FrameWriter
from gameserver.state.journal.reader import JournalReader
from gameserver.state.journal.records import (
    KINDS,
    Check,
    Disagreed,
    Ended,
    Header,
    KeyFrame,
    pack_record,
    unpack_record,
)
from gameserver.state.journal.summary import summarise
from tests.support.journaled_play import ID, JournaledPlay, journal_of, records_of, verdict


def test_records_come_in_the_order_of_being_applied() -> None:
    played = JournaledPlay(Chat("room"), check_every_ticks=2)
    ada = played.rehearsal.join("Ada", "id-a")
    played.rehearsal._stepper.measured(ada, Latency(0.1, count=1))
    played.rehearsal.step()
    played.tick_over()
    played.rehearsal.leave(ada, "gone")
    header, *records = records_of(played.end())
    assert isinstance(header, Header)
    assert header.game == "gameserver.games.chat:Chat"
    kinds = [type(record) for record in records]
    assert kinds == [KeyFrame, Joined, Measured, Stepped, Published, Left, Check, Ended]
    assert records[1:3] == [Joined(1, "Ada", "id-a"), Measured(1, [0.1, None, None, None, None, 1])]
    assert records[5] == Left(1, "gone")


@pytest.mark.parametrize("record", records_of(journal_of(Chat("room"), 12)))
def test_a_record_is_read_as_it_was_written(record: object) -> None:
    assert pack_record(unpack_record(pack_record(record))) == pack_record(record)  # type: ignore[arg-type]


def test_kinds_have_a_class_of_their_own() -> None:
    assert len(set(KINDS.values())) == len(KINDS)


@pytest.mark.parametrize(
    "payload",
    [b"\xc1", b"\x90", b"\x91\x63", b"\x91\x10", b"\x93\x01\x00\xc4\x01x", b"\x81\x00\x00"],
)
def test_a_payload_that_is_no_record_is_refused(payload: bytes) -> None:
    with pytest.raises(JournalError, match="no record of this version: "):
        unpack_record(payload)


def test_a_record_that_cannot_be_read_is_told_with_its_offset() -> None:
    header, *_ = records_of(journal_of(Echo("room"), 3))
    writer = FrameWriter(ID)
    data = writer.head() + writer.frame(pack_record(header)) + writer.frame(b"\xc1")
    reader = JournalReader(io.BytesIO(data))
    with pytest.raises(JournalError, match=rf"byte {len(data) - 9}: no record"):
        list(reader)


@pytest.mark.parametrize("empty", [True, False])
def test_a_journal_without_a_header_is_refused(empty: bool) -> None:
    writer = FrameWriter(ID)
    data = writer.head() + (b"" if empty else writer.frame(pack_record(Stepped(1))))
    with pytest.raises(JournalError, match=r"byte 22: (it ends here; it has no header|the first)"):
        JournalReader(io.BytesIO(data))


def test_a_damaged_journal_is_refused_unless_the_reader_is_lenient() -> None:
    data = bytearray(journal_of(Chat("room"), 30))
    data[-150] ^= 1
    with pytest.raises(JournalError, match=r"byte \d+: .*, and others follow"):
        list(JournalReader(io.BytesIO(data)))
    reader = JournalReader(io.BytesIO(data), lenient=True)
    assert len(list(reader)) > 10
    assert reader.tail is not None
    assert reader.tail.damaged


def test_a_torn_journal_is_played_up_to_its_last_whole_record() -> None:
    data = journal_of(Chat("room"), 30)
    for cut in range(len(data) - 200, len(data)):
        assert verdict(Chat, data[:cut]) is None


# ---------------------------------------------------------------- the bound of the queue


def test_a_queue_that_is_full_stops_the_journal_and_counts_what_is_lost() -> None:
    played = JournaledPlay(Chat("room"), max_waiting_bytes=2000)
    rehearsal, recorder = played.rehearsal, played.recorder
    played.write()
    assert recorder.stopped is None
    for _ in range(400):
        rehearsal.step()
        played.tick_over()
    assert recorder.stopped == "more than 2000 bytes wait to be written"
    lost = recorder.lost
    assert lost > 0
    rehearsal.step()
    assert recorder.lost == lost + 2
    played.write()
    assert verdict(Chat, played.parts[0]) is None


def test_a_queue_that_is_written_in_time_does_not_fill() -> None:
    played = JournaledPlay(Chat("room"), max_waiting_bytes=4000)
    played.write()
    played.play(200, players=1)
    assert played.recorder.stopped is None


def test_what_cannot_be_saved_stops_the_journal() -> None:
    class Odd(Room):
        classes = ()
        kept: object

        def on_create(self) -> None:
            self.kept = 1

        def tick(self) -> None:
            if self.tick_number == 7:
                self.kept = open

    played = JournaledPlay(Odd("room"))
    played.rehearsal.step(4)
    for _ in range(10):
        played.rehearsal.step()
        played.tick_over()
    assert played.recorder.stopped is not None
    assert "Odd.kept cannot be saved" in played.recorder.stopped


# ---------------------------------------------------------------- summary


def test_a_summary_counts_players_ticks_and_events() -> None:
    played = JournaledPlay(Chat("room"))
    rehearsal = played.rehearsal
    ada, ben = rehearsal.join("Ada"), rehearsal.join("Ben")
    for _ in range(20):
        rehearsal.step()
        played.tick_over()
    rehearsal.drop(ben)
    rehearsal._stepper.step(25)
    rehearsal.settle()
    rehearsal.say(ada, "hi")
    rehearsal.leave(ben, "lost")
    played.recorder.disagreed(Disagreed(25, 1, "Ship 3", "x", "1", "2"))
    header, *records = records_of(played.end())
    assert isinstance(header, Header)
    summary = summarise(header, records)
    assert (summary.first_tick, summary.last_tick, summary.ticks_dropped) == (0, 25, 4)
    assert summary.length_s == pytest.approx(25 / Chat.tick_rate)
    assert [attrs.astuple(stay) for stay in summary.stays] == [
        (1, "Ada", 0, None, "", 0, 0),
        (2, "Ben", 0, 25, "lost", 0, 1),
    ]
    assert summary.texts == 1
    assert summary.ended == "over"
    assert [report.field for report in summary.disagreements] == ["x"]
