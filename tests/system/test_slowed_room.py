"""A room that slows its game down, on the page: said in words, flown without a correction."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.paths import SERVED_ROOMS
from tests.system.browser_pages import GamePage, Pages
from tests.system.servers import running_server

pytestmark = [pytest.mark.browser, pytest.mark.long]

SLOWEST = 0.375
#: On a busy machine a command may be late or a tick dropped, and is mended: then once more.
TRIES = 8


def fly_until_slowest(page: GamePage) -> dict[str, Any]:
    """Fly on while the room gets slower, and a while after; return what the page recorded."""
    page.ask("eyes.startRecord()")
    page.page.keyboard.down("KeyW")
    page.ask("arena.client.say('slower')")
    turning = False
    while page.ask("arena.client.pace") > SLOWEST:
        (page.page.keyboard.up if turning else page.page.keyboard.down)("KeyD")
        turning = not turning
        page.wait_for_ticks(7)
    page.wait_for_ticks(40)  # a status comes every two seconds, with the server's own count
    page.page.keyboard.up("KeyD")
    page.page.keyboard.up("KeyW")
    record: dict[str, Any] = page.ask("eyes.record")
    return record


def test_in_a_room_that_slows_down_the_own_ship_flies_on_without_a_correction(
    pages: Pages,
) -> None:
    for _ in range(TRIES):
        with running_server(["serve", "slowing:Arena", "--port", "0"], cwd=SERVED_ROOMS) as server:
            page = pages.open(server.url(), name="Ada", autoplay=1, network="cable", seed=7)
            page.page.set_viewport_size({"width": 360, "height": 240})
            page.wait("eyes.predicted()")
            page.wait_for_ticks(60)
            assert "busy" not in page.ask("eyes.network()")
            before = page.ships()
            record = fly_until_slowest(page)
            assert page.wait_until_moved(before) == ["Ada"]
            page.wait("eyes.network().includes('time runs at 38 %')")
            page.wait("eyes.playsOn()")
            assert page.complaints == []
            page.ask("arena.client.close()")
        hiccups = record["late"] + record["counted"] + record["dropped"]
        if not hiccups:
            break
    assert hiccups == 0, f"the machine was too busy in each of {TRIES} tries"
    assert record["ticks"] >= 100
    assert (record["corrections"], record["adjustments"]) == (0, 0)
