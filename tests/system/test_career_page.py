"""The start card shows the career of a player who has signed in, and this week's best."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import trio

from gameserver.games.arena.careers import Career, Kills
from gameserver.storage import SubmitScore, WriteObject, open_storage
from gameserver.tokens import Tokens
from tests.support.paths import SERVED_ROOMS
from tests.system.browser_pages import Pages
from tests.system.servers import RunningServer, running_server

pytestmark = [pytest.mark.browser, pytest.mark.long]

SECRET: Final = "a-secret-that-only-these-tests-share"
#: The longest name, of the widest letters: it may not widen the card.
WIDE: Final = "W" * 24


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    storage: Path = tmp_path_factory.mktemp("careers") / "kept.db"
    trio.run(fill, f"sqlite:{storage}")
    arguments = ["serve", "members:Arena", "--port", "0", "--storage", f"sqlite:{storage}"]
    secret = {"GAMESERVER_SECRET": SECRET}
    with running_server(arguments, cwd=SERVED_ROOMS, environment=secret) as server:
        yield server


async def fill(url: str) -> None:
    storage = await open_storage(url)
    await storage.write(
        WriteObject(Career(kills=1, deaths=3, best_streak=1, rounds_won=2), owner="acc-1"),
        SubmitScore(Kills, "acc-1", 20, "Ada"),
        *[SubmitScore(Kills, f"other-{at}", 40 - at, WIDE) for at in range(6)],
        SubmitScore(Kills, "acc-3", 99, "<b>Bob</b>"),
        SubmitScore(Kills, "acc-1", 60, "Ada"),
    )
    await storage.aclose()


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_the_card_shows_the_career_and_the_best(
    members: RunningServer, pages: Pages, *, phone: bool
) -> None:
    token = Tokens([SECRET]).issue("acc-1")
    page = pages.open(members.url(), phone=phone, token=token)
    page.page.locator("#career-top li").nth(4).wait_for()
    text = page.page.locator("#career-own").inner_text()
    assert text == "1 kill · best streak 1 · 2 rounds won"
    rows = page.page.locator("#career-top li").all_inner_texts()
    assert [row.split("\n") for row in rows[:3]] == [
        ["1", "<b>Bob</b>", "99"],
        ["2", "Ada", "80"],
        ["3", WIDE, "40"],
    ]
    assert page.page.locator("#career-top .own .pilot").inner_text() == "Ada"
    assert page.ask("document.querySelector('#start').scrollWidth <= innerWidth")


def test_a_player_without_a_career_sees_the_best_only(members: RunningServer, pages: Pages) -> None:
    page = pages.open(members.url(), token=Tokens([SECRET]).issue("acc-9"))
    page.page.locator("#career-top li").nth(4).wait_for()
    assert page.page.locator("#career-own").inner_text() == ""
    assert page.page.locator("#career-top .own").count() == 0
