"""``gameserver replay`` on journals of random play."""

from __future__ import annotations

import pathlib

import pytest

from gameserver import cli
from gameserver.games.arena.room import Arena
from gameserver.simulation.recording import Stepped
from gameserver.state.journal.records import Check, Record
from tests.support.journaled_play import changed, journal_of, journal_with, records_of


@pytest.fixture(scope="module")
def data() -> bytes:
    return journal_of(Arena("arena/1"), 90, players=3)


@pytest.fixture
def file(tmp_path: pathlib.Path, data: bytes) -> pathlib.Path:
    path = tmp_path / "arena.journal"
    path.write_bytes(data)
    return path


def run(*arguments: object) -> int:
    """Run the command; return its exit code."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["replay", *map(str, arguments)])
    return int(ended.value.code or 0)


def test_a_summary_tells_players_length_and_events(
    file: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(file) == 0
    said = capsys.readouterr().out
    assert "test/1 (gameserver.games.arena.room:Arena), part 1" in said
    assert "3.0 s: ticks 0 to 90 at 30 Hz, 0 dropped; 19 checks, 3 key frames" in said
    assert "events: " in said
    assert "it ends with the room: over" in said


def test_verifying_compares_every_state(
    file: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(file, "--verify") == 0
    assert "ticks 0 to 90: all 19 states are equal (3.0 s of play" in capsys.readouterr().out


def test_verifying_tells_the_first_difference_with_exit_code_1(
    file: pathlib.Path, data: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    def forge(records: list[Record]) -> None:
        for number, record in enumerate(records):
            if isinstance(record, Check) and record.tick == 30:
                rows = [("Border 1", "size", 17), *map(tuple, record.changed)]
                records[number] = Check(record.tick, bytes(16), rows, record.gone)

    file.write_bytes(changed(data, forge))
    assert run(file, "--verify") == 1
    said = capsys.readouterr().out
    assert "tick 30 (equal at 25): Border 1.size is 17 in the journal and absent in the" in said


def test_fields_are_printed_over_time(
    file: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(file, "--print", "Pilot.score", "--print", "Arena.tick_number", "--every", 30) == 0
    said = capsys.readouterr().out
    assert "Arena.tick_number" in said
    assert "90" in said.split("Arena.tick_number")[1]
    assert run(file, "--print", "Arena.tick_number", "--plot", "--to-tick", 60) == 0
    said = capsys.readouterr().out
    assert "▁▅█ 0 to 60" in said or "▁█ 30 to 60" in said
    assert "ticks 0 to 60" in said


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--print", "Ship"], "'Ship' is no Class.field, Class:id.field or Room.field"),
        (["--print", "Boat.x"], "there is no Boat; there are "),
        (["--print", "Arena.nothing"], "Arena has no nothing"),
        (["--plot"], "--plot needs --print"),
        (["--every", "0", "--print", "Ship.x"], "--every: at least 1"),
        (["--verify", "--room", "gameserver.games.chat:Chat"], "of a room Arena, not of Chat"),
        (["--verify", "--room", "no_such_module:Arena"], "the room of this journal: "),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    file: pathlib.Path, capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    assert run(file, *arguments) == 1
    said = capsys.readouterr().err
    assert why in said
    assert said.count("\n") == 1


def test_a_damaged_foreign_or_missing_journal_is_told_with_file_and_offset(
    tmp_path: pathlib.Path, data: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = bytearray(data)
    damaged[-300] ^= 1
    cases = {
        "damaged": (bytes(damaged), "damaged: byte "),
        "foreign": (b"\x7fELF" * 20, "foreign: byte 0: this is no journal of a room"),
        "newer": (data[:8] + b"\x00\x02" + data[10:], "newer: byte 8: the format has version 2"),
        "empty": (b"", "empty: byte 0: the head ends here"),
        "headless": (journal_with([Stepped(1)]), "headless: byte 22: the first record is no"),
    }
    for name, (content, why) in cases.items():
        (tmp_path / name).write_bytes(content)
        for flags in ([], ["--verify"]):
            assert run(tmp_path / name, *flags) == 1
            said = capsys.readouterr().err
            assert why in said
            assert said.count("\n") == 1
    assert run(tmp_path / "missing") == 1
    assert "cannot read " in capsys.readouterr().err


def test_a_torn_journal_is_played_and_its_end_is_told(
    file: pathlib.Path, data: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_bytes(data[:-7])
    assert run(file, "--verify") == 0
    assert "the journal ends there: byte " in capsys.readouterr().out
    assert run(file) == 0
    assert "it ends in an interrupted write: byte " in capsys.readouterr().out


def test_an_interrupt_leaves_everything_as_it_was(
    file: pathlib.Path,
    data: bytes,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gameserver.cli.replay.play", interrupted)
    assert run(file, "--verify") == 130
    assert "interrupted" in capsys.readouterr().err
    assert file.read_bytes() == data


def test_the_records_of_a_journal_are_as_many_as_were_written(data: bytes) -> None:
    assert sum(isinstance(record, Stepped) for record in records_of(data)) == 90
