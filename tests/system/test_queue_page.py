"""Matchmaking in Chromium: pages wait in the queue, and follow to the duel that it finds."""

from __future__ import annotations

import pytest

from tests.support.paths import ROOT
from tests.system.browser_pages import GamePage, Pages
from tests.system.servers import running_server

pytestmark = [pytest.mark.browser, pytest.mark.long]

GAME = "gameserver.games.duel"
SERVE = ["serve", f"{GAME}:Ranked", f"{GAME}:Duel", "--port", "0"]


def choose(page: GamePage, hand: str) -> None:
    page.page.click(f"button[data-hand={hand}]:enabled")


def test_two_pages_wait_cancel_meet_and_go_back(pages: Pages) -> None:
    with running_server(SERVE, cwd=ROOT) as server:
        ada = pages.join(server.url(), name="Ada", rank="1000")
        ada.wait_for_text("#wait", "Place 1 of 1")
        ada.page.click("#cancel")
        ada.wait_for_text("#wait", "You are not waiting.")
        bob = pages.join(server.url(), name="Bob", rank="1020")
        bob.wait_for_text("#wait", "Place 1 of 1")
        ada.page.click("#enter")
        for page in (ada, bob):
            page.wait_for_text("#state", "choose")
        for rounds in range(1, 4):
            choose(ada, "ROCK")
            choose(bob, "SCISSORS")
            for page in (ada, bob):  # a hand that is chosen before would belong to this round
                page.wait(f"document.querySelectorAll('#news li').length === {rounds}")
        ada.wait_for_text("#state", "You have won.")
        bob.wait_for_text("#state", "You have lost.")
        bob.page.click("#again")
        bob.wait_for_text("#wait", "Place 1 of 1")
        assert ada.complaints == bob.complaints == []
