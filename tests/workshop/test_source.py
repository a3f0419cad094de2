"""The author's modules: which they are, imported anew, and put back; the place of a fault."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gameserver.cli.new import make_game
from gameserver.cli.room_names import load_rooms
from gameserver.workshop.faults import fault_of
from gameserver.workshop.remade_steps import remake
from gameserver.workshop.source import Source

Edit = Callable[[str, str, str], None]


@pytest.fixture
def here(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pathlib.Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", sys.dont_write_bytecode)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("edited", "beside"):
            del sys.modules[name]


@pytest.fixture
def source(here: pathlib.Path) -> Source:
    make_game(here / "edited", "arena")
    (here / "beside.py").write_text("LIMIT = 3\n")
    room = here / "edited" / "room.py"
    room.write_text(f"import beside\n{room.read_text()}")
    return Source(lambda: load_rooms(["edited:Game"]))


@pytest.fixture
def edit(here: pathlib.Path) -> Edit:
    def replace(file: str, old: str, new: str) -> None:
        path = here / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return replace


def test_the_modules_are_the_package_and_what_it_imports_from_here(source: Source) -> None:
    assert set(source.modules()) == {"edited", "edited.room", "edited.movement", "beside"}


def test_code_is_new_in_all_modules(source: Source, edit: Edit) -> None:
    former = source.kinds["game"]
    edit("beside.py", "3", "5")
    edit("edited/movement.py", "PUSH: Final = 14", "PUSH: Final = 99")
    newer: Any = source.load_anew()["game"]
    assert newer is not former
    module = sys.modules[newer.__module__]
    assert vars(module)["beside"].LIMIT == 5
    assert sys.modules["edited.movement"].PUSH == 99  # type: ignore[attr-defined]


def test_after_a_fault_the_former_modules_are_back(source: Source, edit: Edit) -> None:
    former = source.modules()
    edit("edited/room.py", "def on_join(", "def on_join")
    with pytest.raises(Exception, match=r"room\.py") as raised:
        source.load_anew()
    assert source.modules() == former
    assert sys.modules["edited"].room is former["edited.room"]  # type: ignore[attr-defined]
    fault = fault_of(raised.value, "not imported", source.is_own)
    assert (fault.title, pathlib.Path(fault.file).name) == ("SyntaxError", "room.py")
    assert [line for line, _ in fault.to_json()["code"]][3] == fault.line


def test_a_module_that_raises_is_shown_where_it_does(source: Source, edit: Edit) -> None:
    edit("beside.py", "3", "1 / 0")
    with pytest.raises(Exception, match="division") as raised:
        source.load_anew()
    fault = fault_of(raised.value, "not imported", source.is_own)
    assert (pathlib.Path(fault.file).name, fault.line) == ("beside.py", 1)
    assert str(fault).startswith("beside.py:1: not imported: ")


def test_a_fault_in_no_file_of_the_author_has_no_place(source: Source) -> None:
    fault = fault_of(ValueError("none"), "not served", source.is_own)
    assert str(fault) == "not served: none"
    assert fault.to_json()["code"] == []


def test_steps_of_the_page_are_made_anew(source: Source, here: pathlib.Path, edit: Edit) -> None:
    page = here / "edited" / "page"
    assert remake(page, source.modules()) == []
    edit("edited/movement.py", "PUSH: Final = 14", "PUSH: Final = 99")
    source.load_anew()
    assert remake(page, source.modules()) == [page / "movement.js"]
    assert "PUSH = 99" in (page / "movement.js").read_text()
