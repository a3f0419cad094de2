"""A room that slows its game down, on the page: said in words, flown without a correction."""

from __future__ import annotations

from functools import partial

import pytest

from tests.support.paths import SERVED_ROOMS
from tests.system.browser_pages import GamePage, Pages
from tests.system.flights import assert_flies_without_corrections
from tests.system.servers import running_server

pytestmark = [pytest.mark.browser, pytest.mark.long]

SLOWEST = 0.375
#: The room is at its slowest pace after less than so many ticks.
SLOWED_TICKS = 400
TURN_TICKS = 7


def turn_by_turn(page: GamePage) -> None:
    """Fly on, and press or release a key every few ticks, until the room is at its slowest."""
    for _ in range(SLOWED_TICKS // TURN_TICKS // 4):
        for number in range(4):
            (page.page.keyboard.up if number % 2 else page.page.keyboard.down)("KeyD")
            page.wait_for_ticks(TURN_TICKS)
        if page.ask("arena.client.pace") <= SLOWEST:
            return
    raise AssertionError("the page was told of no slower pace")


def test_in_a_room_that_slows_down_the_own_ship_flies_on_without_a_correction(
    pages: Pages,
) -> None:
    with running_server(["serve", "slowing:Arena", "--port", "0"], cwd=SERVED_ROOMS) as server:
        page = pages.open(server.url(), name="Ada", autoplay=1, network="cable", seed=7)
        page.page.set_viewport_size({"width": 360, "height": 240})
        page.wait("eyes.predicted()")
        page.wait_for_ticks(60)
        assert "busy" not in page.ask("eyes.network()")
        before = page.ships()
        page.page.keyboard.down("KeyW")
        page.ask("arena.client.say('slower')")
        assert_flies_without_corrections(page, partial(turn_by_turn, page), enough_ticks=100)
        page.page.keyboard.up("KeyW")
        assert page.wait_until_moved(before) == ["Ada"]
        page.wait("eyes.network().includes('time runs at 38 %')")
        page.wait("eyes.playsOn()")
        assert page.complaints == []
        page.ask("arena.client.close()")
