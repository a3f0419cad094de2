"""The playground in a browser: a game with every kind of field, joined, played and looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.browser_pages import GamePage, Pages
from tests.system.servers import running_server

pytestmark = [pytest.mark.browser, pytest.mark.long]

GAME = """
import enum
import attrs
from gameserver import *

Stuff = enum.Enum("Stuff", "WOOD STONE")

@value
class Part:
    stuff: Stuff = Stuff.WOOD
    count: int = number(1, 9, default=2)

@attrs.frozen
class Options:
    team: int = number(1, 4, default=3)
    motto: str = text(20, default="")

@entity(at=("x", "y"))
class Pawn:
    x: float = synced(0.0, step=1 / 8)
    y: float = synced(0.0, step=1 / 8)
    name: str = synced("")
    team: int = synced(0)
    secret: int = 42

@command
class Build:
    where: tuple[int, int] = (3, 4)
    height: int = number(-5, 5, default=1)
    stuff: Stuff = Stuff.STONE
    parts: list[Part] = attrs.field(factory=list)
    note: str | None = text(10, default=None)
    now: bool = False

@command
class Break:
    hard: bool  # without a default the trial leaves it out

@event
class Built:
    what: str

class Yard(Room[Pawn]):
    tick_rate, view, options = 20, Exact(100), Options

    def on_create(self) -> None:
        self.spawn(Pawn(5000.0, 5000.0, "Far", 9))

    def on_join(self, player: Player[Pawn]) -> None:
        player.entity = self.spawn(Pawn(10, 20, player.name, player.options.team), owner=player)

    def on_leave(self, player: Player[Pawn], reason: str) -> None:
        self.despawn(player.entity)

    @handles
    def build(self, player: Player[Pawn], command: Build) -> None:
        parts = ",".join(f"{part.count}x{part.stuff.name}" for part in command.parts)
        self.emit(Built(f"{command.where} {command.height} {command.stuff.name} "
                        f"[{parts}] {command.note} {command.now}"))

    @handles
    def break_(self, player: Player[Pawn], command: Break) -> None:
        raise ValueError("broken on purpose")
"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "yard.py").write_text(GAME)
    with running_server(["dev", "yard:Yard", "--port", "0"], cwd=tmp_path) as server:
        yield server.url()
        server.process.terminate()  # its log has the traceback of a hook
        server.process.wait(60)


def joined(pages: Pages, url: str, *, phone: bool = False) -> GamePage:
    page = pages.open(url, room="yard/one", name="Ada", phone=phone)
    if not phone:
        page.page.set_viewport_size({"width": 1280, "height": 800})
    page.wait_for_text("#join-options", "motto")
    page.page.locator("#join-options input[type=number]").fill("2")
    page.page.click("#join-button")
    page.wait("window.client?.state === 'playing' && client.replica.own")
    return page


def test_a_game_is_played_by_its_schema_alone(url: str, pages: Pages) -> None:
    page = joined(pages, url)
    assert page.ask("client.replica.own.team") == 2, "the options of the form have come along"
    page.wait_for_text("#rooms", "yard/one")

    form = page.page.locator("form.command", has_text="Build")
    form.get_by_label("height").fill("-4")
    form.get_by_label("stuff").select_option("WOOD")
    form.get_by_role("button", name="Add").click()
    form.get_by_label("count").fill("7")
    form.get_by_label("now").check()
    form.get_by_role("button", name="Send Build").click()
    page.wait_for_text("#lines", "(3, 4) -4 WOOD [7xWOOD] None True")

    form.locator("fieldset", has_text="where").get_by_label("1").fill("1.5")
    form.evaluate("form => form.noValidate = true")
    form.get_by_role("button", name="Send Build").click()
    page.wait_for_text("form.command .fault", "Build.where: 1.5 is not an integer")

    page.page.fill("#say-text", "good morning")
    page.page.keyboard.press("Enter")
    page.wait_for_text("#lines .chat", "good morning")
    assert page.complaints == []


def test_the_seats_view_beside_the_whole_world(url: str, pages: Pages) -> None:
    page = joined(pages, url)
    page.wait_for_text("#sight", "you see 1 of 2")
    page.wait_for_text("#table tbody tr.unseen", "Far")
    page.page.click("#table tbody tr.own")
    page.wait_for_text("#picked", "secret")
    page.page.keyboard.press("Escape")
    page.page.uncheck("#whole")
    page.wait("document.querySelectorAll('#table tbody tr').length === 1")
    page.wait_for_text("#lines .log", "joined")

    page.page.locator("form.command", has_text="Break").get_by_role("button").click()
    page.wait("document.querySelector('gameserver-dev')")
    page.wait_for_text("#lines .log.error", "hook failed")
    page.wait("client.state === 'playing'")


def test_it_fits_a_phone(url: str, pages: Pages) -> None:
    page = joined(pages, url, phone=True)
    for view in ("join", "map", "commands", "feed", "link"):
        page.page.click(f"#views [data-view={view}]")
        assert page.page.locator(f"#{view}").is_visible()
        width = page.ask("document.documentElement.scrollWidth")
        assert width <= page.ask("innerWidth"), view
    page.page.click("#leave")
    page.wait_for_text("#place", "not in a room")
    assert page.complaints == []


def test_serve_shows_it_without_the_whole_world(tmp_path: Path, pages: Pages) -> None:
    (tmp_path / "yard.py").write_text(GAME)
    with running_server(["serve", "yard:Yard", "--port", "0"], cwd=tmp_path) as server:
        page = joined(pages, server.url())
        page.wait_for_text("#sight", "you see 1")
        assert page.ask("document.querySelector('#sight').textContent") == "you see 1"
        assert not page.page.locator("#whole-label").is_visible()
        assert page.ask("document.querySelectorAll('#table tbody tr').length") == 1
        assert page.complaints == []
