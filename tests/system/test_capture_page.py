"""Capture in Chromium: two pages in a private room, and bots in another one."""

import pytest

from tests.support.paths import ROOT
from tests.system.browser_pages import Pages
from tests.system.servers import running_module, running_server

SERVE = ["serve", "gameserver.games.capture:Capture", "--port", "0"]
BOTS = ("gameserver", "bots", "--bot", "gameserver.games.capture.bots:Runner", "--count", "2")
RUNS = "play.own && play.own.x !== argument && client.replica.own.x !== argument"


@pytest.mark.long
@pytest.mark.browser
def test_two_pages_and_bots_play_and_a_stranger_is_refused(pages: Pages) -> None:
    form = {"room": "friends", "password": "swordfish"}
    with running_server(SERVE, cwd=ROOT) as server, running_module(*BOTS, server.ws_url):
        ada = pages.join(server.url(), name="Ada", **form)
        ada.wait_for_text("#state", "capture/friends")
        bob = pages.join(server.url(), name="Bob", phone=True, **form)
        ada.page.keyboard.down("ArrowRight")
        bob.touch("touchStart", (195, 400))
        bob.touch("touchMove", (120, 400))
        for page, team, home_x in ((ada, "RED", 960), (bob, "BLUE", 16_960)):
            page.wait(RUNS, home_x)
            assert (page.ask("client.replica.own.team"), page.complaints) == (team, [])
        eve = pages.join(server.url(), name="Eve", room="friends", password="guess")
        eve.wait_for_text("#state", "that is not the password")
