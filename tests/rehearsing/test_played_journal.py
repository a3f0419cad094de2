"""A journal of a bug is a test in one line."""

from __future__ import annotations

import pathlib

import pytest

from gameserver.errors import JournalError
from gameserver.games.chat import Chat
from gameserver.state.journal.records import Check, Record
from gameserver.testing import replay_journal
from tests.support.journaled_play import JournaledPlay, changed, journal_of


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "bug.journal"
    path.write_bytes(journal_of(Chat("chat/1"), 30))
    return path


def test_a_right_journal_passes_and_gives_its_room(file: pathlib.Path) -> None:
    assert replay_journal(file).tick_number == 30
    assert replay_journal(str(file), Chat, until_tick=12).tick_number == 12


def test_a_difference_fails_with_tick_place_and_both_values(file: pathlib.Path) -> None:
    def forge(records: list[Record]) -> None:
        for number, record in enumerate(records):
            if isinstance(record, Check) and record.tick == 10:
                rows = [("Chat", "mood", 5), *map(tuple, record.changed)]
                records[number] = Check(10, bytes(16), rows, record.gone)

    file.write_bytes(changed(file.read_bytes(), forge))
    says = r"bug\.journal: tick 10 \(equal at 5\): Chat\.mood is 5 in the journal and absent in"
    with pytest.raises(AssertionError, match=says):
        replay_journal(file)
    assert replay_journal(file, verify=False).tick_number == 30


def test_a_hook_that_raised_raises_again(tmp_path: pathlib.Path) -> None:
    class Failing(Chat):
        def on_say(self, player, text):  # type: ignore[no-untyped-def]
            return super().on_say(player, text) if text != "crash" else 1 / 0

    Failing.__name__ = "Chat"
    played = JournaledPlay(Failing("chat/1"))
    stepper = played.rehearsal._stepper
    stepper.hear(played.rehearsal.join("Ada"), "crash")
    stepper.step(1)
    (tmp_path / "crash").write_bytes(played.end())
    with pytest.raises(ZeroDivisionError):
        replay_journal(tmp_path / "crash", Failing)
    assert replay_journal(tmp_path / "crash", Chat, verify=False).tick_number == 1


def test_what_cannot_be_played_is_told_with_the_file(
    file: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "not").write_bytes(b"no journal at all")
    with pytest.raises(JournalError, match=r"not: byte 0: this is no journal of a room"):
        replay_journal(tmp_path / "not")

    def elsewhere(records: list[Record]) -> None:
        records[0] = type(records[0])(**{**_fields(records[0]), "game": "no_such_game:Chat"})

    file.write_bytes(changed(file.read_bytes(), elsewhere))
    with pytest.raises(JournalError, match="its room no_such_game:Chat cannot be imported"):
        replay_journal(file)


def _fields(record: Record) -> dict[str, object]:
    import attrs

    return attrs.asdict(record, recurse=False)
