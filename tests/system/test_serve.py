"""``gameserver serve``: an author's own room, from a file in the working directory."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Any

import pytest
import trio

from clients import GameClient, Refused, open_game
from gameserver import command, number
from gameserver.runtime.net.tls import CertificatePaths
from tests.system.servers import run_to_its_end, running_server

GAME = '''
"""A counter that all players turn up and down."""

from gameserver import Player, Room, command, entity, number, synced


@entity
class Dial:
    value: int = synced(0)


@command
class Turn:
    by: int = number(-10, 10)


class MyRoom(Room):
    tick_rate = 60

    def on_create(self) -> None:
        self.dial = self.spawn(Dial())

    def on_command(self, player: Player, command: Turn) -> None:
        self.dial.value += command.by


class Quiet(Room):
    """Nothing happens here."""

NOT_A_ROOM = 7
'''
DEADLINE_S = 60


@command
class Turn:
    by: int = number(-10, 10)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mygame.py").write_text(GAME)
    (tmp_path / "broken.py").write_text("import a_package_that_is_not\n")
    return tmp_path


async def wait_for_dial(game: GameClient, value: int) -> None:
    """Wait until the client sees the dial there."""
    with trio.fail_after(DEADLINE_S):
        while [dial.value for dial in game.replica.of_kind("Dial")] != [value]:
            await game.next_delta()


@pytest.mark.parametrize("scheme", ["ws", pytest.param("wss", marks=pytest.mark.long)])
async def test_an_authors_room_is_played(
    folder: Path, scheme: str, certificate: CertificatePaths, trusting: ssl.SSLContext
) -> None:
    ports = ["--port", "0", "--tls-port", "0"]
    tls = ["--certificate", str(certificate.certificate), "--key", str(certificate.key)]
    arguments = [
        "serve",
        "mygame:MyRoom",
        "mygame:Quiet",
        *ports,
        *(tls if scheme == "wss" else []),
    ]
    context = trusting if scheme == "wss" else None
    with running_server(arguments, cwd=folder) as server:
        url = server.url(scheme)
        async with (
            open_game(url, name="Ada", ssl_context=context) as ada,
            open_game(url, name="Bob", room="myroom", ssl_context=context) as bob,
        ):
            assert (ada.room, bob.room) == ("myroom/1", "myroom/1")
            assert (ada.tick_rate, ada.seat, bob.seat) == (60, 1, 2)
            await ada.send(Turn(by=7))
            await wait_for_dial(bob, 7)
            await bob.send(Turn(by=-9))
            await wait_for_dial(ada, -2)
        async with open_game(url, name="Eve", room="quiet", ssl_context=context) as eve:
            assert eve.room == "quiet/1"
        with pytest.raises(Refused) as refusal:
            async with open_game(url, name="Eve", room="arena", ssl_context=context):
                pass
        assert refusal.value.code == 4004


def _long(*values: object) -> Any:
    return pytest.param(*values, marks=pytest.mark.long)


@pytest.mark.parametrize(
    ("rooms", "said"),
    [
        # `tests/cli/test_commands.py` has the same mistakes without a process.
        _long(["nogame:MyRoom"], r"no module nogame in .*"),
        (["mygame:NoRoom"], r"mygame has no room NoRoom; it has MyRoom, Quiet"),
        _long(["broken:MyRoom"], r"broken imports a_package_that_is_not, .* \(broken\.py:1\)"),
        _long(["mygame:NOT_A_ROOM"], r"mygame:NOT_A_ROOM is not a subclass of gameserver\.Room"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(
    folder: Path, rooms: list[str], said: str
) -> None:
    done = run_to_its_end(["serve", *rooms, "--port", "0"], cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(f"gameserver: .*{said}\n", done.stderr), done.stderr


def test_an_authors_page_is_served_with_the_browser_client_below_it(folder: Path) -> None:
    page = folder / "web"
    page.mkdir()
    arguments = ["serve", "mygame:MyRoom", "--port", "0", "--page", "web"]
    done = run_to_its_end(arguments, cwd=folder)
    assert (done.returncode, done.stderr) == (1, "gameserver: page: there is no web/index.html\n")
    (page / "index.html").write_text("<p>mine")
    with running_server(arguments, cwd=folder) as server:
        assert server.get("/") == (200, "text/html; charset=utf-8", "<p>mine")
        assert "class GameClient" in server.get("/net/client.js")[2]
