"""A tab that is truly hidden, or asleep: it keeps its seat, and plays on within a second."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.paths import SERVED_ROOMS
from tests.system.browser_pages import FRAMES_OF_A_SECOND, Pages, launched
from tests.system.browser_tabs import Tab
from tests.system.servers import ROOM_FOR_ALL, RunningServer, running_server

pytestmark = [pytest.mark.browser, pytest.mark.long]

#: Playwright keeps hidden tabs at full speed unless told otherwise.
KEPT_AWAKE = [
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
]
#: Seat and ship of a page.
WHO = "[arena.client.welcome.seat, arena.client.replica.ownEntity]"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched(ignore_default_args=KEPT_AWAKE) as browser:
        yield browser


@pytest.fixture(scope="module")
def quiet() -> Iterator[RunningServer]:
    """A field without rocks and bots."""
    with running_server(
        ["serve", "quiet:Arena", *ROOM_FOR_ALL, "--port", "0"], cwd=SERVED_ROOMS
    ) as server:
        yield server


@pytest.fixture
def tab(browser: Browser, pages: Pages, quiet: RunningServer) -> Iterator[Tab]:
    """A tab in front, whose player flies as Ada."""
    tab = Tab(browser, f"{quiet.url()}/?room={pages.room}&name=Ada&autoplay=1")
    tab.wait("window.arena !== undefined && eyes.predicted()")
    tab.ask("eyes.ticks(30)")
    yield tab
    tab.close()


@pytest.fixture
def other(browser: Browser, tab: Tab) -> Iterator[Tab]:
    """Another tab of the same window, opened after the first and so in front of it."""
    other = Tab(browser)
    other.show()
    tab.wait("document.hidden")
    yield other
    other.close()


def assert_plays_on(tab: Tab) -> None:
    """It has been awake since ``eyes.startWaking``: all fitted together again within a second."""
    assert tab.ask("eyes.woken") < FRAMES_OF_A_SECOND
    heading = tab.ask("eyes.own().heading")
    tab.press("KeyD")
    tab.wait(f"eyes.own().heading !== {heading}")
    tab.release("KeyD")


def test_a_hidden_tab_keeps_its_seat_and_plays_on(tab: Tab, other: Tab) -> None:
    who, frames, tick = tab.ask(f"[{WHO}, arena.stats.frames, eyes.tick()]")
    tab.ask("eyes.ticks(150)")
    assert tab.ask("[arena.stats.frames, document.hidden]") == [frames, True]
    assert tab.ask("eyes.tick()") >= tick + 150
    tab.ask("eyes.startWaking()")
    tab.show()
    assert_plays_on(tab)
    assert tab.ask(WHO) == who
    assert tab.ask("arena.client.statistics().reconnects") == 0


def test_a_key_held_while_the_tab_is_hidden_is_let_go(tab: Tab, browser: Browser) -> None:
    tab.press("KeyD")
    heading = tab.ask("eyes.own().heading")
    tab.wait(f"eyes.own().heading !== {heading}")
    other = Tab(browser)
    other.show()
    tab.wait("document.hidden")
    tab.ask("eyes.ticks(30)")  # what the server repeats of a player who is silent has run out
    heading = tab.ask("eyes.own().heading")
    tab.ask("eyes.ticks(30)")
    assert tab.ask("eyes.own().heading") == heading
    other.close()


def test_a_tab_that_was_put_to_sleep_is_back_in_its_seat_within_a_second(
    tab: Tab, other: Tab, quiet: RunningServer, pages: Pages
) -> None:
    """The browser cuts the connection of a frozen tab; it comes back when it wakes, each time."""
    who = tab.ask(WHO)
    witness = pages.open(quiet.url(), name="Bob")
    witness.wait_for_ships("Ada")
    for times in (1, 2, 3):  # pauses between tries would grow
        tab.ask("eyes.startWaking()")
        tab.freeze()
        witness.wait_for_ticks(60)
        assert "Ada" in witness.ships()  # her seat is held
        tab.thaw()
        tab.show()
        assert_plays_on(tab)
        assert tab.ask(WHO) == who
        assert tab.ask("arena.client.statistics().resumes") == times
        other.show()
        tab.wait("document.hidden")
    assert witness.complaints == []
