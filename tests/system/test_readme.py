"""The game in README is a whole file, short enough, typed, and plays as printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gameserver import Room
from gameserver.testing import Rehearsal
from tests.support.paths import ROOT
from tests.system.servers import running_server

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def printed(tmp_path: Path) -> Path:
    """A folder with the three files of README, as a reader would save them."""
    game, player, test = BLOCKS
    assert game.startswith('"""mygame.py')
    (tmp_path / "mygame.py").write_text(game)
    (tmp_path / "fly.py").write_text(player)
    (tmp_path / "test_mygame.py").write_text(test)
    return tmp_path


def test_the_first_game_is_short() -> None:
    assert len(BLOCKS[0].splitlines()) <= 60


def test_the_first_game_is_typed(printed: Path) -> None:
    command = [sys.executable, "-m", "mypy", "--strict", "mygame.py", "fly.py", "test_mygame.py"]
    run = subprocess.run(command, cwd=printed, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_the_first_game_is_played_as_printed(printed: Path) -> None:
    serve = next(line for line in README.splitlines() if line.endswith("serve mygame:Arena"))
    arguments = serve.split()[1:]
    with running_server([*arguments, "--port", "0"], cwd=printed) as server:
        script = (printed / "fly.py").read_text()
        assert "ws://127.0.0.1:8000" in script
        (printed / "fly.py").write_text(script.replace("ws://127.0.0.1:8000", server.ws_url))
        run = subprocess.run(
            [sys.executable, "fly.py"], cwd=printed, capture_output=True, text=True, check=False
        )
    assert run.returncode == 0, run.stderr
    assert re.match(
        r"I am at \d+\.\d+ \d+\.\d+ with ammo 10\nI see 1 ships; round trip ", run.stdout
    )


def test_the_first_game_is_tested_as_printed(printed: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "test_mygame.py"]
    assert " ".join(command[1:3] + command[4:]) in README
    run = subprocess.run(command, cwd=printed, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    assert "1 passed" in run.stdout


def test_the_two_commands_are_one_line_each() -> None:
    commands = [line for line in README.splitlines() if line.startswith("python3 -m venv")]
    ends = [command.rpartition(" && ")[2] for command in commands]
    assert ends == [".venv/bin/gameserver demo", ".venv/bin/pytest -n auto"]


def test_what_the_table_names_is_there() -> None:
    table = README.partition("### Where to find what")[2].partition("\n## ")[0]
    player = Rehearsal(Room()).join("Ada")
    assert all(hasattr(player, name) for name in re.findall(r"`player\.(\w+)", table))
    assert all(hasattr(Room, name) for name in re.findall(r"`self\.(\w+)", table))
    play = re.search(r"`gameserver.testing.Rehearsal.*", table)
    assert play is not None
    methods = re.findall(r"`([a-z]+)`", play[0])
    assert len(methods) == 8
    assert all(hasattr(Rehearsal, name) for name in methods)
    set_or_overridden = re.findall(r"`(on_\w+|hold_s|(?:classes|input|rewinds)(?= = ))", table)
    assert len(set_or_overridden) >= 10
    assert all(hasattr(Room, name) for name in set_or_overridden)
