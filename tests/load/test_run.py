"""Whole load tests, with their processes."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import pytest

GAME = """
from gameserver import Player, Room, command, entity, handles, number, synced
from clients.bots import Bot


@entity
class Dot:
    x: int = synced(0)


@command
class Push:
    dx: int = number(-1, 1)


class Line(Room):
    tick_rate, max_players = 20, 8
    classes = (Dot, Push)

    def on_join(self, player: Player) -> None:
        player.entity = self.spawn(Dot(), owner=player)

    @handles
    def push(self, player: Player, command: Push) -> None:
        player.entity.x += command.dx


class Pusher(Bot):
    schema = Line.schema()

    def act(self, view):
        return Push(dx=self.chance.choice((-1, 1)))


class Broken(Bot):
    schema = Line.schema()

    def act(self, view):
        return 1 / 0
"""


def run(here: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (here / "line.py").write_text(GAME)
    return subprocess.run(
        [sys.executable, "-m", "gameserver", "load", *arguments],
        cwd=here,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.long
def test_a_room_that_holds_everything(tmp_path: pathlib.Path) -> None:
    """The objective is such that the most must hold, however slow the machine is."""
    done = run(
        tmp_path,
        *("line:Line", "--bot", "line:Pusher", "--until", "p50<60s,desyncs=0"),
        *("--first", "2", "--most", "4", "--step", "2", "--json", "all.json", "--html", "all.html"),
    )
    assert done.returncode == 0, done.stderr
    assert "4 players hold p50<60s,desyncs=0, and more were not tried" in done.stdout
    told = json.loads((tmp_path / "all.json").read_text())
    assert [step["size"] for step in told["steps"]] == [2, 4]
    assert all(step["figures"]["answers"] > 0 for step in told["steps"])
    assert "<svg" in (tmp_path / "all.html").read_text()


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("line:Line", "--bot", "line:Broken", "--step", "1"), "Broken.act: ZeroDivisionError"),
        (("line:Nothing", "--bot", "line:Pusher"), "the server did not start: "),
    ],
)
def test_what_fails_is_said_in_one_line(
    tmp_path: pathlib.Path, arguments: tuple[str, ...], why: str
) -> None:
    done = run(tmp_path, *arguments)
    assert done.returncode == 1
    assert why in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("line:Line", "--until", "p99<75"), "--until: 'p99<75' needs a unit"),
        (("line:Line", "--bot", "line:Nobody"), "line has no Nobody"),
        (("line:Line", "--first", "0"), "--first must be at least 1"),
        (("line", "--bot", "line:Pusher"), "is neither an address such as"),
    ],
)
def test_wrong_arguments_are_said_in_one_line(
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    why: str,
) -> None:
    from gameserver.cli import main

    (tmp_path / "line.py").write_text(GAME)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "line", raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(SystemExit):
        main(["load", *arguments])
    assert why in capsys.readouterr().err
