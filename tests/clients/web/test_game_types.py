"""Pages that use the types of a room: right lines are clean, each wrong one is named."""

from __future__ import annotations

import enum
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gameserver import command, elements, entity, number, synced, value
from gameserver.games.arena.model import CLASSES
from gameserver.model.options import named_fields
from gameserver.model.schema import Schema
from gameserver.model.typescript import typescript_of
from tests.support.matched_game import Listing, Options
from tests.support.node_tools import require_node_packages
from tests.support.paths import NODE_TESTS, ROOT

PAGE = Path(__file__).with_name("typed_page.js")
WEB = ROOT / "clients" / "web"


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@command
class Demand:
    """A command with a field that has no default."""

    count: int
    colour: Colour = Colour.RED
    at: int | None = None


@value
class Item:
    kind: Colour
    count: int = number(0, 9)


@entity
class Chest:
    items: list[Item] = synced(factory=list)
    prices: dict[Colour, int] = synced(factory=dict)
    best: Item | None = synced(None, to="owner")


@command
class Pack:
    items: list[Item] = elements(3)


@pytest.mark.long
@pytest.mark.node
def test_each_wrong_line_of_a_page_is_named_and_no_other(tmp_path: Path) -> None:
    schema = Schema.of([*CLASSES, Demand, Chest, Pack])
    page = PAGE.read_text().replace("WEB/", f"{WEB.as_posix()}/")
    (tmp_path / "page.js").write_text(page)
    declarations = typescript_of(
        schema,
        "mygame:Mine",
        named_fields(Options, "options"),
        named_fields(Listing, "listing"),
        ("mode", "level"),
    )
    (tmp_path / "game.d.ts").write_text(declarations)
    options = json.loads((WEB / "tsconfig.json").read_text())["compilerOptions"]
    options |= {"noUnusedLocals": False}
    config = {"compilerOptions": options, "files": ["page.js"]}
    (tmp_path / "tsconfig.json").write_text(json.dumps(config))
    compiler = NODE_TESTS / "node_modules" / "typescript" / "bin" / "tsc"
    done = subprocess.run(
        [*require_node_packages(), str(compiler), "-p", str(tmp_path), "--pretty", "false"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    named = {int(line) for line in re.findall(r"page\.js\((\d+),", done.stdout)}
    wrong = {at for at, line in enumerate(page.splitlines(), 1) if line.endswith("// wrong")}
    assert named == wrong, done.stdout
    errors = [line for line in done.stdout.splitlines() if "error TS" in line]
    assert all("page.js(" in line for line in errors), done.stdout


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gameserver", "types", *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_command_prints_declarations_only(tmp_path: Path) -> None:
    (tmp_path / "mygame.py").write_text(
        "from gameserver import Room, entity, synced\n"
        "@entity\nclass Ball:\n    x: int = synced(0)\n"
        "class Pitch(Room): pass\n"
    )
    done = run("mygame:Pitch", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("/**\n * Made from the room `mygame:Pitch`.")
    assert "export interface Ball {" in done.stdout
    done = run("mygame:Patch", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "gameserver: mygame has no room Patch; it has Pitch\n"
