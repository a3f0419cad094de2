"""The page's netcode in a real browser: over its own network lab, its panel, after a pause."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.support.paths import SERVED_ROOMS
from tests.system.browser_pages import FRAMES_OF_A_SECOND, PHONE, GamePage, Pages
from tests.system.flights import assert_flies_without_corrections
from tests.system.servers import ROOM_FOR_ALL, RunningServer, running_server

pytestmark = [pytest.mark.browser, pytest.mark.long]

#: The link's own delay there and back, without jitter and frames.
OTHER_CONTINENT_RTT_MS = 220


@pytest.fixture(scope="module")
def quiet() -> Iterator[RunningServer]:
    """A field without rocks and bots."""
    with running_server(
        ["serve", "quiet:Arena", *ROOM_FOR_ALL, "--port", "0"], cwd=SERVED_ROOMS
    ) as server:
        yield server


def fly(pages: Pages, server: RunningServer, name: str, *, over: str = "") -> GamePage:
    """Fly over a link of the page's lab, until the own ship is predicted."""
    page = pages.open(server.url(), name=name, autoplay=1, network=over, seed=7)
    page.wait("eyes.predicted()")
    return page


def answer(page: GamePage, key: str) -> dict[str, float]:
    """Press a key; return after how many frames, and ms, the own ship moved on the screen."""
    page.ask("eyes.listenForAnswer()")
    page.page.keyboard.down(key)
    measured: dict[str, float] = page.ask("eyes.answer")
    page.page.keyboard.up(key)
    return measured


@pytest.mark.parametrize("key", ["KeyD", "KeyW"])
def test_at_the_other_end_of_the_world_a_key_shows_within_two_frames(
    quiet: RunningServer, pages: Pages, key: str
) -> None:
    page = fly(pages, quiet, "Ada", over="other-continent")
    page.wait_for_ticks(30)
    assert page.ask("arena.client.statistics().appMinRttMs") >= OTHER_CONTINENT_RTT_MS
    assert answer(page, key)["frames"] <= 2
    assert page.complaints == []


def test_without_prediction_it_shows_after_a_round_trip(quiet: RunningServer, pages: Pages) -> None:
    page = fly(pages, quiet, "Ada", over="other-continent")
    page.page.locator("#panel-open").click()
    page.page.locator("#switch-prediction").click()
    page.wait("!eyes.predicted()")
    assert answer(page, "KeyD")["ms"] >= OTHER_CONTINENT_RTT_MS
    page.page.locator("#switch-prediction").click()
    page.wait("eyes.predicted()")
    assert page.complaints == []


def press_all_keys(page: GamePage) -> None:
    """Press, and then release, each key that steers."""
    for pressed in (page.page.keyboard.down, page.page.keyboard.up):
        for key in ("KeyW", "KeyD", "KeyA", "Space", "ShiftLeft"):
            pressed(key)
            page.wait_for_ticks(6)


def test_on_a_clean_link_nothing_is_corrected(quiet: RunningServer, pages: Pages) -> None:
    page = fly(pages, quiet, "Ada", over="other-continent")
    # Drawn in software here: a small page leaves the processor to what is tested.
    page.page.set_viewport_size({"width": 360, "height": 240})
    page.wait_for_ticks(75)
    assert_flies_without_corrections(page, partial(press_all_keys, page), enough_ticks=300)
    assert page.complaints == []


def test_the_own_shot_is_foreseen_and_confirmed(quiet: RunningServer, pages: Pages) -> None:
    page = fly(pages, quiet, "Ada", over="mobile")
    page.wait_for_ticks(30)
    page.page.keyboard.down("Space")
    page.wait("arena.scene.foresight.counts.confirmed >= 5")
    page.page.keyboard.up("Space")
    assert page.complaints == []


def test_the_panel_is_used_by_the_keyboard_while_flying(quiet: RunningServer, pages: Pages) -> None:
    page = fly(pages, quiet, "Ada")
    keyboard = page.page.keyboard
    panel = page.page.locator("#panel")
    assert panel.is_hidden()
    keyboard.press("KeyN")
    assert panel.is_visible()
    assert page.ask("document.activeElement.value") == "as it is"
    for _ in range(3):
        keyboard.press("ArrowRight")
    assert page.ask("document.activeElement.value") == "mobile"
    page.wait("arena.client.statistics().appRttMs >= 50")

    before = page.own_ship()
    keyboard.down("KeyW")  # letters still fly …
    page.wait_until_moved({"Ada": before})
    keyboard.up("KeyW")
    for _ in range(2):
        keyboard.press("Tab")
    assert page.ask("document.activeElement.type") == "range"
    keyboard.press("ArrowRight")  # … arrows do not
    assert page.page.locator(".chip input[value=custom]").is_checked()

    keyboard.press("Escape")
    assert page.ask("document.activeElement === document.body")
    heading = page.own_ship()["heading"]
    keyboard.down("ArrowRight")
    page.wait("eyes.own().heading !== argument", heading)
    keyboard.up("ArrowRight")
    keyboard.press("KeyN")
    assert panel.is_hidden()
    assert page.complaints == []


def test_every_switch_and_slider_can_be_moved(quiet: RunningServer, pages: Pages) -> None:
    page = fly(pages, quiet, "Ada")
    page.page.locator("#panel-open").click()
    for name in ("prediction", "interpolation", "compensation", "ghost"):
        switch = page.page.locator(f"#switch-{name}")
        was_on = switch.is_checked()
        note = page.page.locator(f"#switch-{name}-note").inner_text()
        switch.click()
        assert switch.is_checked() is not was_on
        assert page.page.locator(f"#switch-{name}-note").inner_text() != note
        page.wait_for_ticks(10)
    assert page.ask("document.activeElement === document.body")  # the mouse leaves it to the game
    for slider in page.page.locator("#panel input[type=range]").all():
        slider.focus()
        page.page.keyboard.press("PageUp")
    page.wait("document.querySelector('#panel-total').innerText.endsWith(' ms')")
    page.page.locator("#panel-close").click()
    page.wait_for_ticks(30)
    assert page.ask("window.arena.client.state") == "playing"
    assert page.complaints == []


def test_on_a_phone_the_panel_leaves_room_to_fly(quiet: RunningServer, pages: Pages) -> None:
    page = pages.open(quiet.url(), name="Eve", autoplay=1, phone=True)
    page.wait("eyes.predicted()")
    page.page.locator("#panel-open").tap()
    box = page.page.locator("#panel").bounding_box()
    assert box is not None
    assert box["width"] == PHONE["width"]
    assert box["y"] + box["height"] < PHONE["height"] / 2
    assert page.ask("document.documentElement.scrollWidth") <= PHONE["width"]
    page.page.locator("#switch-ghost").scroll_into_view_if_needed()
    page.page.locator("#switch-ghost").tap()
    assert page.complaints == []


def assert_plays_on_within_a_second(page: GamePage) -> None:
    assert page.ask("eyes.framesUntilPlaysOn()") < FRAMES_OF_A_SECOND
    assert answer(page, "KeyD")["frames"] <= 2


def test_a_page_that_stood_still_plays_on_within_a_second(
    quiet: RunningServer, pages: Pages
) -> None:
    """As when the machine was suspended: no timer, no frame and no message for four seconds."""
    page = fly(pages, quiet, "Ada", over="cable")
    page.wait_for_ticks(30)
    before = page.ask("eyes.tick()")
    page.ask("(() => { const now = performance.now(); while (performance.now() < now + 4000); })()")
    assert_plays_on_within_a_second(page)
    assert page.ask("eyes.tick()") >= before + 90
    assert page.complaints == []


def test_a_full_state_interrupts_nothing(quiet: RunningServer, pages: Pages) -> None:
    page = fly(pages, quiet, "Ada", over="cable")
    page.wait_for_ticks(30)
    # As if the page had got something wrong: the next check makes it ask for everything.
    page.ask("(() => { arena.client.replica.own.values[4] += 1; })()")
    page.wait("arena.client.statistics().resyncs === 1")
    passed = page.ask("arena.client.statistics().checksPassed")
    page.wait("arena.client.statistics().checksPassed > argument", passed)
    assert_plays_on_within_a_second(page)
    assert page.ask("eyes.own()") is not None
    assert page.complaints == []


def test_on_a_phone_the_start_card_makes_way_for_the_panel(
    quiet: RunningServer, pages: Pages
) -> None:
    page = pages.open(quiet.url(), phone=True)
    start = page.page.locator("#start")
    start.wait_for(state="visible")
    page.page.locator("#panel-open").tap()
    start.wait_for(state="hidden")
    page.page.locator("#panel-switches").tap()  # nothing lies upon it
    page.page.locator("#panel-close").tap()
    page.page.locator("#play:enabled").tap()
    page.own_ship()
    assert page.complaints == []
