"""Recovering rooms from journals: cut anywhere, damaged, of another game, or over."""

from __future__ import annotations

import functools
import io
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gameserver import Room
from gameserver.games.arena.room import Arena
from gameserver.runtime.rooms.recovery import Recovered, recover
from gameserver.runtime.rooms.room_journal import SUSPENDED
from gameserver.simulation.stepper import Stepper
from gameserver.state.hash import state_hash
from gameserver.state.journal.reader import JournalReader
from gameserver.state.journal.records import Ended, Header, KeyFrame, Record, Stepped
from gameserver.state.journal.replay import replay
from gameserver.state.snapshot import capture
from tests.support.examples import examples
from tests.support.journaled_play import JournaledPlay, journal_of, journal_with, records_of


class Fort(Arena):
    durable = True


KINDS: dict[str, type[Room]] = {"test": Fort}
TICKS = 90


@functools.cache
def whole() -> bytes:
    """The journal of a process that was killed: without an end."""
    play = JournaledPlay(Fort("test/1"))
    play.play(TICKS)
    return play.parts[0]


def played(data: bytes) -> tuple[int, bytes]:
    """Play the whole records of a journal from its first key frame; return tick and state hash."""
    *_, (playing, _, _) = replay(Fort, JournalReader(io.BytesIO(data), lenient=True))
    return playing.room.tick_number, state_hash(capture(playing.stepper))


def recovered_from(folder: Path, files: Sequence[bytes]) -> list[Recovered]:
    for number, data in enumerate(files):
        (folder / f"test-1-{number}.0001.journal").write_bytes(data)
    return trio.run(recover, folder, KINDS)


@settings(max_examples=examples(30))
@given(st.data())
def test_a_journal_cut_anywhere_is_recovered_to_its_last_whole_tick(data: st.DataObject) -> None:
    journal = whole()
    length = data.draw(st.integers(0, len(journal)))
    with tempfile.TemporaryDirectory() as folder, capture_logs():
        recovered = recovered_from(Path(folder), [journal[:length]])
    if recovered:
        stepper = recovered[0].stepper
        assert (stepper.room.tick_number, state_hash(capture(stepper))) == played(journal[:length])
    else:  # its first key frame is not whole
        assert length < 20_000
    if length == len(journal):
        assert recovered[0].stepper.room.tick_number == TICKS


def test_a_room_goes_on_from_its_newest_key_frame(tmp_path: Path) -> None:
    [room] = recovered_from(tmp_path, [whole()])
    assert (room.label, room.epoch) == ("test/1", 1)
    assert (TICKS, state_hash(capture(room.stepper))) == played(whole())


def test_without_a_whole_key_frame_the_journal_before_is_played(tmp_path: Path) -> None:
    later = epoch(whole(), 2, began_s=5.0)
    [room] = recovered_from(tmp_path, [whole(), later[:300]])
    assert (room.epoch, room.stepper.room.tick_number) == (1, TICKS)
    [room] = recovered_from(tmp_path, [whole(), later])
    assert room.epoch == 2


def test_a_newer_life_counts_although_the_clock_was_set_back(tmp_path: Path) -> None:
    earlier = epoch(whole(), 1, began_s=1_800_000_000.0)
    later = epoch(whole(), 2, began_s=1_700_000_000.0)
    [room] = recovered_from(tmp_path, [later, earlier])
    assert room.epoch == 2


def epoch(data: bytes, number: int, began_s: float) -> bytes:
    header, *records = records_of(data)
    assert isinstance(header, Header)
    values = {name: getattr(header, name) for name in header.__slots__ if name != "__weakref__"}
    return journal_with([Header(**{**values, "epoch": number, "began_s": began_s}), *records])


def test_a_room_that_is_over_stays_over(tmp_path: Path) -> None:
    assert recovered_from(tmp_path, [journal_of(Fort("test/1"))]) == []


def test_a_suspended_room_goes_on(tmp_path: Path) -> None:
    records: list[Record] = [*records_of(whole()), Ended(TICKS, SUSPENDED)]
    [room] = recovered_from(tmp_path, [journal_with(records)])
    assert room.stepper.room.tick_number == TICKS


def test_only_durable_kinds_are_recovered(tmp_path: Path) -> None:
    (tmp_path / "a.0001.journal").write_bytes(whole())
    assert trio.run(recover, tmp_path, {"test": Arena}) == []
    assert trio.run(recover, tmp_path, {"other": Fort}) == []


@pytest.mark.parametrize(
    ("damaged", "reason"),
    [
        (b"This is no journal.", "this is no journal of a room"),
        (b"", "the head ends here"),
        (whole()[:40], "it has no header"),
    ],
)
def test_a_file_that_is_none_of_ours_is_told_and_left(
    tmp_path: Path, damaged: bytes, reason: str
) -> None:
    with capture_logs() as logs:
        [room] = recovered_from(tmp_path, [whole(), damaged])
    assert room.stepper.room.tick_number == TICKS
    [line] = [line for line in logs if line["log_level"] == "warning"]
    assert reason in line["reason"]
    assert (tmp_path / "test-1-1.0001.journal").read_bytes() == damaged


@pytest.mark.parametrize(("at", "tick"), [(-700, None), (2000, 0)])
def test_a_journal_that_is_damaged_within_is_told_and_protected(
    tmp_path: Path, at: int, tick: int | None
) -> None:
    damaged = bytearray(whole())
    damaged[at] ^= 0xFF
    file = tmp_path / "test-1-0.0001.journal"
    with capture_logs() as logs:
        recovered = recovered_from(tmp_path, [bytes(damaged)])
    if tick is None:
        assert 0 < recovered[0].stepper.room.tick_number < TICKS
    else:
        assert recovered == [], "its only key frame is damaged"
    [line] = [line for line in logs if line["log_level"] in ("warning", "error")]
    assert line["file"] == str(file)
    assert re.match(r"byte \d+: the checksum of record \d+ is wrong", line["reason"])
    assert file.with_suffix(".keep").read_text() == f"{line['reason']}\n"
    assert file.read_bytes() == damaged


def test_a_key_frame_of_another_game_is_set_aside(tmp_path: Path) -> None:
    records = records_of(whole())
    at = next(at for at, record in enumerate(records) if isinstance(record, KeyFrame))
    records[at:] = [KeyFrame(0, b"no snapshot")]
    with capture_logs() as logs:
        assert recovered_from(tmp_path, [journal_with(records)]) == []
    [line] = [line for line in logs if line["log_level"] == "error"]
    assert "key frame of tick 0" in line["reason"]
    assert (tmp_path / "test-1-0.0001.keep").read_text() == line["reason"] + "\n"


def test_a_record_that_does_not_fit_ends_the_recovery_there(tmp_path: Path) -> None:
    records = records_of(whole())
    at = max(at for at, record in enumerate(records) if isinstance(record, Stepped))
    records.insert(at, Stepped("no tick"))  # type: ignore[arg-type]
    with capture_logs() as logs:
        [room] = recovered_from(tmp_path, [journal_with(records)])
    assert room.stepper.room.tick_number == TICKS - 1
    assert any(line["event"] == "a room is recovered up to here" for line in logs)


class Unfit(Exception):
    """An error that no part of the engine knows."""


def _no_metal() -> int:
    raise Unfit("there is no metal")


@attrs.define
class Key:
    teeth: int = 3


@attrs.define
class NewerKey:
    teeth: int = 3
    metal: int = attrs.field(factory=_no_metal)


NewerKey.__name__ = NewerKey.__qualname__ = "Key"


class Vault(Room):
    durable = True
    key: Key

    def on_create(self) -> None:
        self.key = Key()


class NewerVault(Room):
    durable = True
    key: NewerKey


NewerVault.__name__ = "Vault"


def test_a_game_that_raises_anything_while_it_is_loaded_loses_its_own_room_only(
    tmp_path: Path,
) -> None:
    play = JournaledPlay(Vault("test/1"))
    play.play(20)
    assert play.recorder.stopped is None
    with capture_logs() as logs:
        (tmp_path / "test-1-1.0001.journal").write_bytes(play.parts[0])
        assert trio.run(recover, tmp_path, {"test": NewerVault}) == []
    [line] = [line for line in logs if line["log_level"] == "error"]
    assert "there is no metal" in line["reason"]
    assert (tmp_path / "test-1-1.0001.keep").exists()


def test_a_record_at_which_anything_is_raised_ends_the_recovery_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, step = whole(), Stepper.step

    def raising(stepper: Stepper[Room], tick: int) -> None:
        if tick == TICKS:
            raise Unfit
        step(stepper, tick)

    monkeypatch.setattr(Stepper, "step", raising)
    with capture_logs() as logs:
        [room] = recovered_from(tmp_path, [journal])
    assert room.stepper.room.tick_number == TICKS - 1
    [line] = [line for line in logs if line["event"] == "a room is recovered up to here"]
    assert line["reason"] == "Unfit"
