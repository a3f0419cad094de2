"""Mistakes that authors make: each ends ``gameserver serve`` in one line that says what to write.

Each mistake is a small change of one right game.  The command line runs in this process; a few of
them run in a process of their own in ``tests/system/test_serve.py``.
"""

from __future__ import annotations

import pathlib
import sys
import tomllib

import pytest

from gameserver import cli
from gameserver.cli.room_names import load_rooms
from gameserver.trial import try_room
from tests.support.paths import ROOT

SUPPORT = ROOT / "tests" / "support"

RIGHT = '''"""A right game."""

import random
import time

from gameserver import Near, Player, Room, command, entity, event, handles, number, synced


@entity(at=("x", "y"))
class Ship:
    x: float = synced(0.0, step=1 / 8)
    y: float = synced(0.0, step=1 / 8)
    hp: int = synced(100)


@entity
class Score:
    red: int = synced(0)


@command
class Steer:
    turn: int = number(-1, 1)


@command
class Fire:
    power: int = number(0, 9)


@event
class Bang:
    power: int


class Game(Room):
    tick_rate = 20
    max_players = 8
    view = Near(400)
    input = Steer
    rewinds = (Ship,)

    score: Score

    def on_create(self) -> None:
        self.score = self.spawn(Score())

    def on_join(self, player: Player) -> None:
        player.entity = self.spawn(Ship(), owner=player)
        self.after(0.1, self.welcome, player)

    def on_leave(self, player: Player, reason: str) -> None:
        self.despawn(player.entity)

    def on_say(self, player: Player, text: str) -> str | None:
        return text

    @handles
    def steer(self, player: Player, command: Steer) -> None:
        player.entity.x += command.turn * self.dt

    @handles
    def fire(self, player: Player, command: Fire) -> None:
        self.emit(Bang(command.power), at=(player.entity.x, player.entity.y))

    def welcome(self, player: Player) -> None:
        self.say("welcome", to=player)

    def tick(self) -> None:
        self.score.red += 1
'''

#: The author's mistake, the right code that it replaces, and the line that serving ends in.
MISTAKES = [
    (mistake["right"], mistake["wrong"], mistake["line"])
    for mistake in tomllib.loads((SUPPORT / "author_mistakes.toml").read_text())["mistake"]
]


@pytest.fixture
def here(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """An empty working directory; modules imported from it are removed afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "mygame", raising=False)
    yield tmp_path  # type: ignore[misc]
    sys.modules.pop("mygame", None)


def test_the_right_game_is_right(here: pathlib.Path) -> None:
    (here / "mygame.py").write_text(RIGHT)
    try_room(load_rooms(["mygame:Game"])["game"])


@pytest.mark.parametrize(("right", "wrong", "line"), MISTAKES)
def test_a_mistake_ends_in_one_line(
    here: pathlib.Path, capsys: pytest.CaptureFixture[str], right: str, wrong: str, line: str
) -> None:
    assert RIGHT.count(right) >= 1
    (here / "mygame.py").write_text(RIGHT.replace(right, wrong, 1))
    with pytest.raises(SystemExit) as ended:
        cli.main(["serve", "mygame:Game", "--port", "0"])
    said = capsys.readouterr()
    assert said.err == f"gameserver: {line}\n"
    assert (ended.value.code, said.out) == (1, "")


def test_there_are_at_least_thirty_three() -> None:
    assert len({wrong for _, wrong, _ in MISTAKES}) >= 33
