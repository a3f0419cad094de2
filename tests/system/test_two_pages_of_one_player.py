"""One player, signed in on two pages: the newer plays on, the older says so and stays away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from tests.support.paths import SERVED_ROOMS
from tests.system.browser_pages import Pages
from tests.system.servers import RunningServer, run_to_its_end, running_server

pytestmark = [pytest.mark.browser, pytest.mark.long]

SECRET: Final = {"GAMESERVER_SECRET": "a-secret-that-only-these-tests-share"}
#: Seat and ship of a page.
WHO: Final = "[window.arena.client.welcome.seat, window.arena.client.replica.ownEntity]"
STATE: Final = "window.arena.client.state"
#: Two seconds: four times the first pause of a client that means to come back.
LONG_ENOUGH_TICKS: Final = 60


@pytest.fixture(scope="module")
def members() -> Iterator[RunningServer]:
    arguments = ["serve", "members:Arena", "--port", "0"]
    with running_server(arguments, cwd=SERVED_ROOMS, environment=SECRET) as server:
        yield server


def token_for(identity: str) -> str:
    """Have the command line issue a token, as a developer does."""
    done = run_to_its_end(["token", identity], environment=SECRET)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_newer_page_takes_the_seat_and_the_older_one_stays_away(
    members: RunningServer, pages: Pages
) -> None:
    older = pages.open(members.url(), name="Ada", autoplay=1, token=token_for("account-17"))
    older.own_ship()
    who = older.ask(WHO)
    assert older.ask("location.hash") == ""

    newer = pages.open(members.url(), name="Ada", autoplay=1, token=token_for("account-17"))
    newer.own_ship()
    assert newer.ask(WHO) == who
    older.wait_for_banner(r"You are playing from another place now\.")
    assert older.ask(STATE) == "closed"

    older.ask("window.arena.client.wake()")  # as when its tab comes to the front again
    before = newer.ships()
    newer.page.keyboard.down("KeyW")
    assert newer.wait_until_moved(before) == ["Ada"]
    newer.page.keyboard.up("KeyW")
    newer.wait_for_ticks(LONG_ENOUGH_TICKS)
    assert older.ask(STATE) == "closed"
    assert older.ask("window.arena.client.statistics().reconnects") == 0
    assert older.ask("eyes.banner()").startswith("You are playing from another place now.")
    assert (newer.ask(STATE), newer.ask(WHO), newer.ask("eyes.banner()")) == ("playing", who, None)
    assert older.complaints + newer.complaints == []


def test_another_player_gets_another_seat(members: RunningServer, pages: Pages) -> None:
    ada = pages.open(members.url(), name="Ada", autoplay=1, token=token_for("account-17"))
    ada.own_ship()
    bob = pages.open(members.url(), name="Bob", autoplay=1, token=token_for("account-18"))
    bob.own_ship()
    assert ada.ask(WHO) != bob.ask(WHO)
    ada.wait_for_leaders("Ada", "Bob")
    assert ada.complaints + bob.complaints == []


def test_without_a_token_or_with_a_used_one_a_page_says_that_it_was_refused(
    members: RunningServer, pages: Pages
) -> None:
    token = token_for("account-17")
    pages.open(members.url(), name="Ada", autoplay=1, token=token).own_ship()
    for refused in (None, token):
        page = pages.open(members.url(), name="Eve", autoplay=1, token=refused)
        page.wait_for_banner(r"The server refused to let you in\. \(.*token.*\)")
        assert page.ask(STATE) == "closed"
        assert page.complaints == []
