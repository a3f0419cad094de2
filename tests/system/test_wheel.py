"""The wheel: what is in it, and that the game is played from it, far from the checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.parse
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from gameserver import accelerated
from tests.support.paths import ROOT
from tests.system.servers import RunningServer, running_server

pytestmark = pytest.mark.long

#: Endings of extension modules.
COMPILED_SUFFIXES = (".so", ".pyd")
#: Nothing of these may reach what a user runs.
NOT_INHERITED = ("PYTHONPATH", "GAMESERVER_PURE", "GAMESERVER_REQUIRE_COMPILED")

#: Building and installing ask the package index.
INSTALL_DEADLINE_S = 300
PLAY_DEADLINE_S = 60

#: A Python program that has the installed package alone.
PLAY = """
import sys, trio, gameserver, clients
from pathlib import Path
from clients import open_game

async def main(url):
    async with open_game(url, room="arena", name="Ada") as game:
        with trio.fail_after(60):
            while len(game.replica.of_kind("Pilot")) < 2:
                await game.next_delta()
            # Ticks of the deltas: on a busy machine the replica may be ahead of the first one.
            first = (await game.next_delta()).tick
            for _ in range(10):
                last = (await game.next_delta()).tick
        print(game.room, last - first, len(game.replica.entities) > 2)

for package in (gameserver, clients):
    assert Path(package.__file__).is_relative_to(sys.prefix), package.__file__
trio.run(main, sys.argv[1])
"""

IMPORT = re.compile(r"""^\s*(?:import|export)\b[^"';]*?["'](\.[^"']+)["']""", re.MULTILINE)
LINK = re.compile(r"""<(?:script|link)\b[^>]*?\b(?:src|href)="([^"]+)\"""")
CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def run(
    *command: str | Path,
    cwd: Path,
    deadline_s: float = INSTALL_DEADLINE_S,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Run a program as a user would: nothing in the environment leads to the checkout."""
    inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=deadline_s,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build_wheel(folder: Path, environment: Mapping[str, str] = MappingProxyType({})) -> Path:
    pip = (sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ROOT)
    run(*pip, cwd=folder, environment=environment)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("dist"))


def compiled_in(wheel: Path) -> set[str]:
    """Return the names of the compiled modules in a wheel."""
    names = zipfile.ZipFile(wheel).namelist()
    return {Path(name).name.split(".")[0] for name in names if name.endswith(COMPILED_SUFFIXES)}


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an empty virtual environment in which the wheel is installed."""
    environment = tmp_path_factory.mktemp("user") / "venv"
    venv.create(environment)
    folder = environment / ("Scripts" if sys.platform == "win32" else "bin")
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "python")]
    run(*pip, "install", "-q", wheel, cwd=environment)
    return folder


def test_the_wheel_holds_both_packages_whole_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    packed = {
        name for name in names if ".dist-info/" not in name and not name.endswith(COMPILED_SUFFIXES)
    }
    shipped = {
        file.relative_to(ROOT).as_posix()
        for package in ("gameserver", "clients")
        for file in (ROOT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
        if not file.name.endswith(COMPILED_SUFFIXES)
        if not file.is_relative_to(ROOT / "gameserver" / "docs")
    }
    assert packed == shipped
    assert {"gameserver/py.typed", "clients/py.typed", "clients/web/index.html"} <= packed
    assert "gameserver/protocol/README.md" in packed
    assert any(name.endswith(".dist-info/entry_points.txt") for name in names)


def test_the_wheel_has_the_compiled_twins_where_a_compiler_is(wheel: Path, programs: Path) -> None:
    modules = {*accelerated.MODULES, *accelerated.LINUX_MODULES}
    assert compiled_in(wheel) == (modules if accelerated.COMPILED else set())
    told = run(programs / "gameserver", "--version", cwd=programs)
    assert told.strip().endswith(f", {accelerated.described()}")
    pure = run(
        programs / "gameserver", "--version", cwd=programs, environment={"GAMESERVER_PURE": "1"}
    )
    assert pure.strip().endswith(", pure Python (GAMESERVER_PURE is set)")


def test_without_a_compiler_the_wheel_is_pure(tmp_path: Path) -> None:
    wheel = build_wheel(tmp_path, {"CC": "no-compiler-of-this-name"})
    assert compiled_in(wheel) == set()
    assert wheel.name.endswith("-py3-none-any.whl")


def test_the_game_is_played_from_the_wheel(programs: Path, tmp_path: Path) -> None:
    command = [str(programs / "gameserver")]
    environment = {"PYTHONPATH": ""}
    arguments = ["demo", "--bots", "2", "--port", "0"]
    with running_server(
        arguments, command=command, cwd=tmp_path, environment=environment
    ) as server:
        fetched = fetch_page(server)
        assert {"/arena/main.js", "/net/client.js", "/style.css"} <= fetched
        (tmp_path / "play.py").write_text(PLAY)
        played = run(
            *(programs / "python", "-I", "play.py", server.ws_url),
            cwd=tmp_path,
            deadline_s=PLAY_DEADLINE_S,
        )
    room, ticks, sees_things = played.split()
    assert (room, sees_things) == ("arena/1", "True")
    assert int(ticks) >= 10


def fetch_page(server: RunningServer) -> set[str]:
    """Fetch the page and all that it refers to, as a browser would; return the paths."""
    status, content_type, body = server.get("/")
    assert (status, content_type) == (200, "text/html; charset=utf-8")
    waiting = [urllib.parse.urljoin("/", link) for link in LINK.findall(body)]
    assert len(waiting) >= 3, "a script, a style and an icon"
    fetched: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in fetched:
            continue
        fetched.add(path)
        status, content_type, body = server.get(path)
        assert (status, content_type) == (200, CONTENT_TYPES[Path(path).suffix]), path
        waiting += [urllib.parse.urljoin(path, link) for link in IMPORT.findall(body)]
    return fetched
