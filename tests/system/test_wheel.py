"""The wheel: what is in it, and that the game is played from it, far from the checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.parse
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.system.servers import RunningServer, running_server

pytestmark = pytest.mark.long

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


def run(*command: str | Path, cwd: Path, deadline_s: float = INSTALL_DEADLINE_S) -> str:
    """Run a program as a user would: nothing in the environment leads to the checkout."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        timeout=deadline_s,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ROOT, cwd=folder)
    (built,) = folder.iterdir()
    return built


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
    packed = {name for name in names if ".dist-info/" not in name}
    shipped = {
        file.relative_to(ROOT).as_posix()
        for package in ("gameserver", "clients")
        for file in (ROOT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
        if not file.is_relative_to(ROOT / "gameserver" / "docs")
    }
    assert packed == shipped
    assert {"gameserver/py.typed", "clients/py.typed", "clients/web/index.html"} <= packed
    assert "gameserver/protocol/README.md" in packed
    assert any(name.endswith(".dist-info/entry_points.txt") for name in names)


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
