"""Promises of the documentation: a short README, names that exist, a whole reference."""

from __future__ import annotations

import re
from types import ModuleType

import pytest

import clients
import gameserver
from gameserver import Room
from gameserver.testing import Rehearsal
from tests.support.code_blocks import PAGES_FOLDER, README, blocks_of

TEXT = README.read_text()
FIRST_GAME = PAGES_FOLDER / "tutorial" / "first-game.md"
#: Names that documents give to objects of the API, and where their attributes are.
OBJECTS = {"player": Rehearsal(Room()).join("Ada"), "self": Room(), "play": Rehearsal(Room())}


def test_readme_is_short() -> None:
    assert len(TEXT.splitlines()) <= 180


def test_the_first_game_is_short() -> None:
    [game] = [block for block in blocks_of(README) if block.file == "mygame.py"]
    assert len(game.body.splitlines()) <= 60


def test_the_game_is_that_of_the_tutorial() -> None:
    programs = {block.file: block.body for block in blocks_of(README) if block.file}
    in_tutorial = {block.file: block.body for block in blocks_of(FIRST_GAME)}
    assert programs.keys() == {"mygame.py", "fly.py"}
    assert all(in_tutorial[file] == body for file, body in programs.items())


def test_the_two_commands_are_one_line_each() -> None:
    commands = [line for line in TEXT.splitlines() if line.startswith("python3 -m venv")]
    ends = [command.rpartition(" && ")[2] for command in commands]
    assert ends == [".venv/bin/gameserver demo", ".venv/bin/pytest -n auto"]


@pytest.mark.parametrize("page", ["tutorial/first-game.md", "how-to/test-a-room.md"])
def test_what_a_table_names_is_there(page: str) -> None:
    rows = [row for row in (PAGES_FOLDER / page).read_text().splitlines() if row.startswith("|")]
    for name, attribute in re.findall(r"`(player|self|play)\.(\w+)", "\n".join(rows)):
        assert hasattr(OBJECTS[name], attribute), f"{name}.{attribute}"
    for hook in re.findall(r"`(on_\w+|hold_s|(?:classes|input|rewinds)(?= = ))", "\n".join(rows)):
        assert hasattr(Room, hook), hook


@pytest.mark.parametrize(("page", "package"), [("api", gameserver), ("client-api", clients)])
def test_the_reference_has_every_public_name(page: str, package: ModuleType) -> None:
    text = (PAGES_FOLDER / "reference" / f"{page}.md").read_text()
    listed = {name.rpartition(".")[2] for name in re.findall(r"^::: (\S+)$", text, re.MULTILINE)}
    assert set(package.__all__) - listed == set()
