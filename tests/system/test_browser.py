"""The page in a real browser: flies, sees others, chats, comes back, and says what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gameserver.config import Settings
from gameserver.runtime.admission.connection_limits import REQUEST_COST
from gameserver.runtime.net.tls import CertificatePaths
from tests.support.paths import SERVED_ROOMS
from tests.system.browser_pages import PHONE, Pages
from tests.system.cut_connection import cuttable
from tests.system.servers import ROOM_FOR_ALL, RunningServer, running_server

pytestmark = pytest.mark.browser

SCHEMES = pytest.mark.parametrize("scheme", ["http", pytest.param("https", marks=pytest.mark.long)])
#: Seat and ship of a page.
WHO = "[window.arena.client.welcome.seat, window.arena.client.replica.ownEntity]"
#: While nobody listens, tries to connect fail.
EXPECTED_OF_A_RESTART = re.compile("net::ERR_CONNECTION_REFUSED")


@pytest.fixture(scope="module")
def quiet(certificate: CertificatePaths) -> Iterator[RunningServer]:
    """A field without rocks and bots, over http and https."""
    tls = ["--certificate", str(certificate.certificate), "--key", str(certificate.key)]
    arguments = ["serve", "quiet:Arena", *ROOM_FOR_ALL, "--port", "0", "--tls-port", "0", *tls]
    with running_server(arguments, cwd=SERVED_ROOMS) as server:
        yield server


@SCHEMES
def test_a_page_joins_and_flies(quiet: RunningServer, pages: Pages, scheme: str) -> None:
    page = pages.open(quiet.url(scheme))
    assert page.ask("location.protocol") == f"{scheme}:"
    page.page.locator("#name").fill("Ada")
    page.page.locator("#play:enabled").click()
    start = page.own_ship()
    page.wait_for_leaders("Ada")
    assert page.page.locator("#start").is_hidden()

    page.wait_for_ticks(10)
    assert page.own_ship() == {**start, "energy": 100}  # nobody flies it yet

    page.page.keyboard.down("KeyD")
    page.wait("eyes.own().heading !== argument", start["heading"])
    assert {**page.own_ship(), "heading": 0} == {**start, "heading": 0}  # it turned on the spot
    page.page.keyboard.up("KeyD")

    before = page.ships()
    page.page.keyboard.down("KeyW")
    assert page.wait_until_moved(before) == ["Ada"]
    page.page.keyboard.up("KeyW")

    page.page.mouse.move(320, 100)
    page.page.mouse.down()
    page.wait("eyes.own().energy < 90")  # it fires
    page.page.mouse.up()
    assert page.complaints == []


@SCHEMES
def test_two_pages_see_each_other_and_talk(quiet: RunningServer, pages: Pages, scheme: str) -> None:
    ada = pages.fly(quiet.url(scheme), "Ada")
    bob = pages.fly(quiet.url(scheme), "Bob")
    for page in (ada, bob):
        page.wait_for_leaders("Ada", "Bob")
        page.wait_for_ships("Ada", "Bob")

    before = bob.ships()
    ada.page.keyboard.down("ArrowUp")
    assert bob.wait_until_moved(before) == ["Ada"]
    ada.page.keyboard.up("ArrowUp")
    assert bob.ships()["Bob"] == before["Bob"]

    bob.say("<b>well</b> flown")
    line = ada.page.locator("#chat-log li", has_text="<b>well</b> flown")
    line.wait_for()
    assert "Bob" in line.inner_text()
    assert ada.complaints + bob.complaints == []


@pytest.mark.long
def test_eight_who_share_an_address_may_load_the_page_at_once(pages: Pages) -> None:
    """Requests are limited by address; this server does not trust its own machine."""
    arguments = ["serve", "quiet:Arena", "--port", "0", "--trusted", ""]
    with running_server(arguments, cwd=SERVED_ROOMS) as server:
        for name in ("Ada", "Bob"):
            page = pages.fly(server.url(), name)
            files = page.ask("performance.getEntriesByType('resource').length") + 1  # the page
            # Browsers open six connections for a page.
            cost = 6 + (files - 6) * REQUEST_COST
            assert 8 * cost <= Settings().max_connections_per_address
            assert page.complaints == []


@pytest.mark.long
def test_one_in_the_stands_sees_the_flier_and_flies_after_it(
    quiet: RunningServer, pages: Pages
) -> None:
    ada = pages.fly(quiet.url(), "Ada")
    bob = pages.open(quiet.url(), name="Bob")
    bob.wait_for_ships("Ada")
    before = bob.ships()
    assert list(before) == ["Ada"]
    ada.page.keyboard.down("KeyW")
    assert bob.wait_until_moved(before) == ["Ada"]
    bob.page.locator("#play:enabled").click()
    ada.wait_for_ships("Ada", "Bob")
    bob.page.locator("#leave").click()
    ada.wait("!('Bob' in eyes.ships())")
    bob.page.locator("#start").wait_for()
    assert ada.complaints + bob.complaints == []


@pytest.mark.long
def test_bots_move_in_the_demo(home: Path, certificate: CertificatePaths, pages: Pages) -> None:
    arguments = ["demo", "--bots", "6", "--no-fill", "--port", "0", "--tls", "--tls-port", "0"]
    with running_server(arguments, environment={"HOME": str(home)}) as server:
        page = pages.open(server.url("https"), room="arena")
        page.wait("eyes.leaders().length >= 6")
        page.wait_for_motion()
        page.page.locator("#play:enabled").click()
        page.own_ship()
        page.wait("document.querySelectorAll('#leaders .own').length === 1")
        page.wait(r"/ping \d+ ms/.test(document.querySelector('#network').innerText)")
        assert page.complaints == []


@pytest.mark.long
def test_a_page_comes_back_when_the_server_does(pages: Pages) -> None:
    arguments = ["serve", "quiet:Arena", "--port"]
    with running_server([*arguments, "0"], cwd=SERVED_ROOMS) as server:
        page = pages.fly(server.url(), "Ada")
        assert page.ask("eyes.banner()") is None
        assert page.complaints == []
        server.stop()
        page.wait_for_banner(r"The server is restarting\..*[Tt]rying again")
        page.wait("window.arena.client.statistics().reconnects >= 2")  # a try has failed
        page.wait_for_banner(r"The server is restarting\..*[Tt]rying again")
    with running_server([*arguments, str(server.port)], cwd=SERVED_ROOMS):
        page.wait("eyes.banner() === null")
        page.own_ship()  # it flies again by itself
        before = page.ships()
        page.page.keyboard.down("KeyW")
        assert page.wait_until_moved(before) == ["Ada"]
        assert [each for each in page.complaints if not EXPECTED_OF_A_RESTART.search(each)] == []


@pytest.mark.long
def test_a_page_whose_connection_is_cut_flies_the_same_ship_on(
    quiet: RunningServer, pages: Pages
) -> None:
    with cuttable(quiet.port) as cut:
        page = pages.fly(f"http://127.0.0.1:{cut.port}", "Ada")
        page.page.keyboard.down("KeyW")
        assert page.wait_until_moved(page.ships()) == ["Ada"]
        page.page.keyboard.up("KeyW")
        before = page.ask(WHO)
        for times in (1, 2):
            assert cut.cut() >= 1
            page.wait_for_banner(r"The connection was lost\..*[Tt]rying again")
            page.wait("window.arena.client.statistics().resumes === argument", times)
            page.wait_for_ticks(10)
            assert page.ask(WHO) == before
        page.wait_for_banner(r"Connected again\.")
        page.wait("eyes.banner() === null")
        heading = page.own_ship()["heading"]
        page.page.keyboard.down("KeyD")
        page.wait("eyes.own().heading !== argument", heading)
        page.page.keyboard.up("KeyD")
        # A check comes every five seconds.
        page.wait("window.arena.client.statistics().checksPassed >= 1")
        assert page.ask("window.arena.client.statistics().checksumFailures") == 0
        assert page.complaints == []


@pytest.mark.long
def test_closing_the_page_frees_the_seat_at_once(quiet: RunningServer, pages: Pages) -> None:
    ada = pages.fly(quiet.url(), "Ada")
    bob = pages.fly(quiet.url(), "Bob")
    ada.wait_for_leaders("Ada", "Bob")
    bob.wait("arena.client.status")  # so that the seat of one who is merely lost would be held
    # Said by hand: a busy Chromium may drop a page's last frame, and its seat is held after all.
    bob.ask("dispatchEvent(new PageTransitionEvent('pagehide'))")
    ada.wait("!eyes.leaders().includes('Bob')")
    assert ada.complaints == []


@pytest.mark.long
def test_a_full_room_is_said_in_words_and_tried_again(pages: Pages) -> None:
    with running_server(["serve", "quiet:Tiny", "--port", "0"], cwd=SERVED_ROOMS) as server:
        first = pages.open(server.url(), room="tiny/one", name="Ada", autoplay=1)
        first.own_ship()
        second = pages.open(server.url(), room="tiny/one", name="Bob", autoplay=1)
        second.wait_for_banner(r"The room is full\..*[Tt]rying again")
        first.ask("arena.client.close()")
        second.own_ship()
        assert second.ask("eyes.banner()") is None
        assert second.complaints == []


@pytest.mark.parametrize("room", ["nowhere", "arena/NO", "arena/🚀"])
def test_a_bad_room_is_said_in_words(quiet: RunningServer, pages: Pages, room: str) -> None:
    page = pages.open(quiet.url(), room=room)
    page.wait_for_banner(r"There is no such room\.")
    assert page.ask("window.arena.client.state") == "closed"  # trying again would be in vain
    assert page.page.locator("#play").is_disabled()
    assert page.complaints == []


@pytest.mark.long
def test_a_phone_is_flown_by_thumbs(quiet: RunningServer, pages: Pages) -> None:
    page = pages.open(quiet.url(), phone=True)
    page.page.locator("#name").fill("Eve")
    page.page.locator("#play:enabled").tap()
    page.own_ship()
    assert page.ask("document.documentElement.scrollWidth") <= PHONE["width"]
    before = page.ships()
    page.touch("touchStart", (90, 600))
    page.touch("touchMove", (90, 540))
    assert page.wait_until_moved(before) == ["Eve"]
    page.wait("Math.abs(eyes.own().heading - 192) <= 6")  # up, where the stick points
    page.touch("touchEnd")
    assert page.complaints == []
