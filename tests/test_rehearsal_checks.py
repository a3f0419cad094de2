"""``check_snapshot`` and ``check_determinism``: right rooms pass, and each wrong one is found."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

from gameserver import LocalProtocolError, Room
from gameserver.games.arena.room import Arena
from gameserver.games.capture import Capture
from gameserver.games.chat import Chat
from gameserver.games.echo import Echo
from gameserver.testing import Rehearsal
from tests.support import wrong_rooms
from tests.support.frame_sinks import NoSink
from tests.support.journaled_play import JournaledPlay, journal_of, verdict
from tests.support.kept_game import FoggyZoo, Zoo
from tests.support.paths import ROOT

#: Rooms that must pass.
RIGHT = [Arena, Chat, Echo, Capture, Zoo, wrong_rooms.Right, wrong_rooms.KeepsItems]


@pytest.fixture
def readme_game(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[Room]:
    """The game in README, in a module that a second process finds, too."""
    block = re.search(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)
    assert block is not None
    (tmp_path / "readme_game.py").write_text(block[1])
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "readme_game", raising=False)
    room: type[Room] = importlib.import_module("readme_game").Arena
    return room


@pytest.mark.parametrize("room", RIGHT)
@pytest.mark.parametrize(
    ("ticks", "players", "seed"), [(60, 4, 0), pytest.param(200, 4, 1, marks=pytest.mark.long)]
)
def test_a_right_room_passes(room: type[Room], ticks: int, players: int, seed: int) -> None:
    Rehearsal(room(seed=seed)).check_snapshot(ticks, players=players, seed=seed)
    Rehearsal(room(seed=seed)).check_determinism(ticks, players=players, seed=seed)


class PlayWithClients(JournaledPlay):
    """Replication keeps a set of what each player sees, as on a server and not in a replay."""

    def tick_over(self) -> None:
        play = self.rehearsal
        for number, seated in play._stepper.seated.items():
            seated.seat.sink = NoSink()
            play._watched[number] = seated.seat
            play._publisher.add(seated.seat)
        super().tick_over()


def test_hit_tests_in_a_fog_find_the_same_from_a_snapshot_and_from_a_journal() -> None:
    Rehearsal(FoggyZoo()).check_snapshot(ticks=100)
    play = PlayWithClients(FoggyZoo("room"))
    play.play(200, players=4)
    assert any(player._seat.chosen for player in play.room.players.values())
    assert verdict(FoggyZoo, play.end()) is None


def test_a_journal_of_the_game_in_the_readme_is_played_again_alike(
    readme_game: type[Room],
) -> None:
    assert verdict(readme_game, journal_of(readme_game("room"), 200, players=4)) is None


def test_the_game_in_the_readme_passes(readme_game: type[Room]) -> None:
    Rehearsal(readme_game()).check_snapshot()
    Rehearsal(readme_game()).check_determinism()


@pytest.mark.parametrize(
    ("room", "says"),
    [
        ("ForgetsAnAttribute", r"tick 0: ForgetsAnAttribute.forgotten is not there after loading"),
        ("SavesNothing", r"tick 0: SavesNothing.forgotten is not saved: annotate it"),
        ("ForgetsAValue", r"tick 26, 1 .*: Counter 1.hidden is 26 in the original and 1 in the co"),
        ("DrawsWhileLoading", r"tick 0, directly .*: Counter 1.value is 0 in the original and \d+"),
        ("RaisesInTheCopy", r"tick 1, 1 after the snapshot: the copy raised TypeError: "),
        ("KeepsOutside", r"tick 1, 1 after the snapshot: Counter 1.value is 1 in the original and"),
        ("GlobalRandom", r"tick 1, 1 after the snapshot: Counter 1.value is \d+ in the original"),
        ("ForgetsWithinAnItem", r"tick 1, .*: Chest 1.items\[1\].count is \d+ in the original and"),
        ("ForgetsWithinADict", r"tick 1, .*: Chest 1.prices\['bread'\].count is \d+ in the orig"),
        ("ForgetsAnItem", r"tick 1, .*: Chest 1.items\[1\] is 'the same as Chest 1.items\[0\]' in"),
        ("Unsavable", r"tick 5, .*: Counter.hidden cannot be saved: .* int and holds a object"),
    ],
)
def test_what_a_snapshot_does_not_keep_is_found(room: str, says: str) -> None:
    rehearsal = Rehearsal(getattr(wrong_rooms, room)())
    with pytest.raises(AssertionError, match=f"^{says}"):
        rehearsal.check_snapshot()


@pytest.mark.parametrize(
    ("room", "says"),
    [
        ("GlobalRandom", r"tick 1: Counter 1.value is \d+ in the first process and \d+ in the sec"),
        ("GlobalRandomAtCreation", r"tick 0: Counter 1.value is \d+ in the first process and "),
        ("Clock", r"tick 1: Counter 1.hidden is \d+ in the first process and \d+ in the second"),
        ("SetOfTexts", r"tick 1: Counter 1.value is \d+ in the first process and \d+ in the sec"),
        ("SetOfEntities", r"tick 1: Counter \d+.hidden is \d+ in the first process and \d+ in "),
        ("OrderOfIds", r"tick 1: Counter 1.value is \d+ in the first process and \d+ in the sec"),
        ("RaisesElsewhere", r"tick 0: the second process failed: ZeroDivisionError: not here"),
    ],
)
def test_what_differs_between_processes_is_found(room: str, says: str) -> None:
    rehearsal = Rehearsal(getattr(wrong_rooms, room)())
    with pytest.raises(AssertionError, match=f"^{says}"):
        rehearsal.check_determinism(ticks=20)


def test_a_class_that_the_second_process_cannot_import_is_named() -> None:
    class Local(wrong_rooms.Right):
        pass

    with pytest.raises(LocalProtocolError, match=r"Local is played in a second process, which"):
        Rehearsal(Local()).check_determinism()


def test_a_module_that_the_second_process_cannot_import_is_named(
    readme_game: type[Room], tmp_path: Path
) -> None:
    (tmp_path / "readme_game.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(LocalProtocolError, match=r"readme_game.Arena: ModuleNotFoundError: No "):
        Rehearsal(readme_game()).check_determinism(ticks=1)
