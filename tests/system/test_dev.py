"""``gameserver dev`` in a browser: changed code, changed pages, faults and their end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gameserver.cli.new import make_game
from tests.system.browser_pages import GamePage, Pages
from tests.system.servers import STOP_DEADLINE_S, running_server

pytestmark = [pytest.mark.browser, pytest.mark.long]

OVERLAY = "document.querySelector('gameserver-dev')"
ARTICLE = f"{OVERLAY}?.shadowRoot.querySelector('article').textContent"

Edit = Callable[[str, str, str], None]


@pytest.fixture
def page(tmp_path: Path, pages: Pages) -> Iterator[GamePage]:
    make_game(tmp_path / "mygame", "blank")
    with running_server(["dev", "mygame:Game", "--port", "0"], cwd=tmp_path) as server:
        server.stdout.wait_for("^watching for changes", 60)
        page = pages.open(server.url(), name="Ada")
        # Once a ping was answered, the server would hold the seat.
        page.wait("client.state === 'playing' && client.replica.own && client.status")
        yield page
        server.process.terminate()  # its log may have the traceback of a hook
        server.process.wait(STOP_DEADLINE_S)


@pytest.fixture
def edit(tmp_path: Path) -> Edit:
    def replace(file: str, old: str, new: str) -> None:
        path = tmp_path / "mygame" / file
        text = path.read_text()
        assert old in text
        whole = tmp_path / "whole"
        whole.write_text(text.replace(old, new))
        whole.replace(path)  # at once: nobody sees half a file

    return replace


def test_a_changed_rule_is_in_the_running_game(page: GamePage, edit: Edit) -> None:
    page.ask("window.before = client.replica.own")
    edit("room.py", "dot.x + dot.dx", "dot.x + 5 + dot.dx")
    page.wait("client.replica.own.x === 600")
    assert page.ask("client.replica.own === window.before"), "not even the entity is another"
    assert page.ask("client.statistics().reconnects") == 0
    assert page.complaints == []


def test_a_new_field_reaches_the_player_in_its_seat(page: GamePage, edit: Edit) -> None:
    edit("room.py", "name: str = synced", "hue: int = synced(7)\n    name: str = synced")
    page.wait("client.replica.own?.hue === 7")
    assert page.ask("[client.welcome.seat, client.welcome.resumed]") == [1, True]
    assert page.ask("client.replica.entities.size") == 1
    assert page.complaints == []


def test_faults_show_with_their_place_until_they_are_mended(page: GamePage, edit: Edit) -> None:
    edit("room.py", "def tick(self) -> None:", "def tick(self) -> None")
    assert "SyntaxError" in page.wait(ARTICLE)
    assert "room.py:37" in page.ask(ARTICLE)
    assert page.ask("client.state") == "playing", "the code before it plays on"
    edit("room.py", "def tick(self) -> None", "def tick(self) -> None:")
    page.wait(f"!{OVERLAY}")

    edit("room.py", "dot.x + dot.dx", "dot.z + dot.dx")  # the trial finds it
    assert "has no attribute 'z'" in page.wait(ARTICLE)
    edit("room.py", "dot.z + dot.dx", "dot.x + dot.dx")
    page.wait(f"!{OVERLAY}")

    edit(
        "room.py",
        "        player.entity.dx,",
        "        1 // (1 - held.dy)\n        player.entity.dx,",
    )
    edit("room.py", "dot.x + dot.dx", "dot.x + 5 + dot.dx")
    page.wait("client.replica.own.x === 600")  # both are in the room; only a player finds the first
    page.page.keyboard.press("ArrowDown")
    assert "ZeroDivisionError in move" in page.wait(ARTICLE)
    assert "1 // (1 - held.dy)" in page.ask(ARTICLE)
    edit("room.py", "        1 // (1 - held.dy)\n", "")
    page.wait(f"!{OVERLAY} && client.state === 'playing'")


def test_a_page_is_loaded_anew_and_a_style_without_that(page: GamePage, edit: Edit) -> None:
    page.ask("window.mark = 1")
    edit("page/style.css", "border-radius: 12px", "border-radius: 77px")
    page.wait("getComputedStyle(document.querySelector('#view')).borderTopLeftRadius === '77px'")
    assert page.ask("window.mark") == 1
    with page.page.expect_navigation():
        edit("page/page.js", "so does a finger.", "or a finger.")
    page.wait_for_text("#state", "or a finger.")
    assert page.complaints == []
