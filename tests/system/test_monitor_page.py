"""The monitor in a browser: nothing without the token; kick, ban, lock and drain, each audited."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import trio
from playwright.sync_api import ViewportSize

from tests.support.admin_client import TOKEN, ask_admin
from tests.system.browser_pages import GamePage, Pages
from tests.system.servers import RunningServer, running_server

pytestmark = [pytest.mark.browser, pytest.mark.long]

WIDE: Final[ViewportSize] = {"width": 1280, "height": 800}

GAME = """
from gameserver import *

@entity(at=("x", "y"))
class Pawn:
    x: float = synced(0.0, step=1 / 8)
    y: float = synced(0.0, step=1 / 8)
    name: str = synced("")

class Yard(Room[Pawn]):
    tick_rate = 20

    def on_join(self, player: Player[Pawn]) -> None:
        player.entity = self.spawn(Pawn(10 * player.seat, 20, player.name), owner=player)

    def on_leave(self, player: Player[Pawn], reason: str) -> None:
        self.despawn(player.entity)

    def on_say(self, player, text):
        return text

    def tick(self):
        for player in self.players.values():
            player.entity.x += 1 / 8
"""


class Watched:
    """A server with an admin port, and the pages of its players and operators."""

    def __init__(self, server: RunningServer, pages: Pages) -> None:
        self.server = server
        self.pages = pages
        told = server.stderr.wait_for(r'"port": (\d+), .*"event": "admin port"', 60)
        self.admin_port = int(told[1])
        self.admin_url = f"http://127.0.0.1:{self.admin_port}"

    def player(self, name: str, room: str = "yard/one") -> GamePage:
        page = self.pages.open(self.server.url(), room=room, name=name, join=1)
        page.page.set_viewport_size(WIDE)
        page.wait("window.client?.state === 'playing'")
        return page

    def operator(self, *, phone: bool = False) -> GamePage:
        page = self.pages.open(self.admin_url, phone=phone)
        if not phone:
            page.page.set_viewport_size(WIDE)
        page.page.fill("#token", TOKEN)
        page.page.keyboard.press("Enter")
        page.wait("document.body.dataset.state === 'in'")
        return page

    def audit(self) -> list[tuple[str, str, str]]:
        """Return who did what with which result, the newest first."""
        status, told = trio.run(ask_admin, self.admin_port, "audit")
        assert status == 200
        return [(one["operator"], one["action"], one["result"]) for one in told["result"]]


@pytest.fixture
def watched(tmp_path: Path, pages: Pages) -> Iterator[Watched]:
    (tmp_path / "yard.py").write_text(GAME)
    command = ["serve", "yard:Yard", "--port", "0", "--admin-port", "0", "--data", "data"]
    secret = {"GAMESERVER_ADMIN_TOKEN": f"ann:{TOKEN}"}
    with running_server(command, cwd=tmp_path, environment=secret) as server:
        yield Watched(server, pages)


def row_button(page: GamePage, name: str, action: str) -> None:
    page.page.get_by_role("button", name=f"{action} {name}", exact=True).click()


def confirm(page: GamePage, **fields: str) -> None:
    for name, content in fields.items():
        page.page.fill(f"#dialog [name={name}]", content)
    page.page.click("#dialog-go")


def test_nothing_is_shown_without_the_token(watched: Watched) -> None:
    page = watched.pages.open(watched.admin_url)
    page.page.fill("#token", "a-wrong-token-that-is-long-enough-for-one")
    page.page.keyboard.press("Enter")
    page.wait_for_text("#sign-in-fault", "the admin token is wrong")
    assert page.ask("document.body.dataset.state") == "out"
    assert not page.page.locator("#rooms").is_visible()
    assert watched.audit() == []


def test_kick_ban_lock_and_drain(watched: Watched) -> None:
    ada, bob = watched.player("Ada"), watched.player("Bob")
    page = watched.operator()
    page.wait_for_text("#room-title", "yard/one")
    page.wait_for_text("#part", "Bob")
    page.wait_for_text("#legend", "Pawn")
    page.page.click("#parts [data-part=bytes]")
    page.wait_for_text("#part", "Pawn.x")
    page.page.click("#parts [data-part=entities]")
    page.wait_for_text("#part", "Pawn 1")
    page.page.click("#parts [data-part=players]")

    row_button(page, "Ada", "Kick")
    confirm(page, reason="rude")
    page.wait_for_text("#toasts", "Ada (seat 1) is out of yard/one")
    ada.wait("window.client === null || window.client.state === 'closed'")
    ada.wait_for_text("#lines", "rude")

    page.page.click("#announce")
    confirm(page, text="good night")
    bob.wait_for_text("#lines", "good night")

    page.page.click("#lock")
    page.wait_for_text("#toasts", "yard/one is locked")
    ada.page.fill("#join-room", "one")
    ada.page.click("#join-button")
    ada.wait_for_text("#lines", "yard/one is locked")
    page.wait_for_text("#lock", "Unlock")
    page.page.click("#lock")
    page.wait_for_text("#toasts", "yard/one is open")

    row_button(page, "Bob", "Ban")
    confirm(page, reason="cheating", duration="12h")
    bob.wait_for_text("#lines", "UTC: cheating")
    page.page.click("#views [data-view=penalties]")
    page.wait_for_text("#penalties-table", "127.0.0.1/32")
    page.page.get_by_role("button", name="End 127.0.0.1/32").click()
    page.wait_for_text("#toasts", "the ban of 127.0.0.1/32 is over")

    page.page.click("#views [data-view=server]")
    page.page.get_by_role("button", name="Drain this server").click()
    confirm(page)
    page.wait_for_text("#nodes", "draining")

    page.page.click("#views [data-view=audit]")
    page.wait_for_text("#audit-table", "drain")
    actions = ["drain", "unban", "ban", "unlock", "lock", "announce", "kick"]
    assert [(who, what) for who, what, _ in watched.audit()] == [("ann", what) for what in actions]
    assert page.complaints == []


def test_it_fits_a_phone(watched: Watched) -> None:
    watched.player("Ada")
    page = watched.operator(phone=True)
    page.wait_for_text("#rooms-table", "yard/one")
    page.page.click("#rooms-table tbody tr")
    page.wait_for_text("#part", "Ada")
    for view in ("rooms", "room", "server", "penalties", "reports", "audit"):
        page.page.click(f"#views [data-view={view}]")
        assert page.page.locator(f"#{view}").is_visible()
        width = page.ask("document.documentElement.scrollWidth")
        assert width <= page.ask("innerWidth"), view
    assert page.complaints == []
