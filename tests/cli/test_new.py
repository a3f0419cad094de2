"""``gameserver new``: names that are refused, the files that it writes, what it prints."""

from __future__ import annotations

import pathlib
import re
import typing

import pytest

from gameserver import cli
from gameserver.cli.errors import UsageError
from gameserver.cli.new import Template, make_game, new
from gameserver.cli.pages import own_page
from gameserver.cli.room_names import load_room
from gameserver.trial import try_room

NAMES: tuple[Template, ...] = typing.get_args(Template)


@pytest.fixture
def here(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["new", *arguments])
    assert exit_.value.code == 1
    [line] = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("My-Game", "'My-Game' cannot be a package: 1 to 40 of a-z 0-9 _"),
        ("../mygame", "'../mygame' cannot be a package"),
        ("", "'' cannot be a package"),
        ("lambda", "'lambda' is a word of Python"),
        ("match", "'match' is a word of Python"),
        ("json", "'json' is the name of another module"),
        ("gameserver", "'gameserver' is the name of another module"),
        ("tests", "'tests' is the name of another module"),
    ],
)
def test_a_wrong_name_is_refused_in_one_line(
    here: pathlib.Path, name: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert why in refused(capsys, name)
    assert list(here.iterdir()) == []


def test_what_is_there_already_stays(
    here: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "mine").mkdir()
    (here / "mine" / "room.py").write_text("mine")
    assert "mine is there already" in refused(capsys, "mine")
    assert (here / "mine" / "room.py").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_refused(
    here: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot write .*: Not a directory"):
        make_game(here / "file" / "mygame", "blank")


@pytest.mark.parametrize("template", NAMES)
def test_a_new_game_has_room_page_bots_and_tests(here: pathlib.Path, template: Template) -> None:
    name = f"new_{template}"
    new(name, template=template)
    folder = here / name
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files >= {"__init__.py", "room.py", "bots.py", "test_room.py", "README.md"}
    assert files >= {"page/index.html", "page/page.js", "page/style.css"}
    assert not any("__pycache__" in file for file in files)
    for file in files:
        assert "gameserver.templates" not in (folder / file).read_text(), file
    game = load_room(f"{name}:Game")
    assert own_page([game]) == folder / "page"
    try_room(game)


def test_the_next_steps_name_the_game(
    here: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new("first")
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [re.split(r"  +", line)[2] for line in lines] == [
        "gameserver dev first:Game",
        "gameserver bots ws://127.0.0.1:8000/ --bot first.bots:Wanderer --count 3",
        "python -m pytest first",
        "gameserver serve first:Game",
    ]


def test_a_module_in_no_package_has_no_page(here: pathlib.Path) -> None:
    (here / "page").mkdir()
    (here / "page" / "index.html").write_text("")
    (here / "alone.py").write_text("from gameserver import Room\nclass Game(Room): pass\n")
    assert own_page([load_room("alone:Game")]) is None
