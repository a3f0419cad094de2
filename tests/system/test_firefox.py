"""The arena's page in Firefox: the start card, the keyboard, and no complaint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import SERVED_ROOMS
from tests.system.firefox import NUMPAD_ENTER, firefox_page
from tests.system.servers import ROOM_FOR_ALL, RunningServer, running_server

pytestmark = [pytest.mark.browser, pytest.mark.long]

OWN = "(({x, y, heading}) => ({x, y, heading}))(arena.client.replica.own)"


@pytest.fixture(scope="module")
def field() -> Iterator[RunningServer]:
    arguments = ["serve", "gameserver.games.arena.room:Arena", *ROOM_FOR_ALL, "--port", "0"]
    with running_server(arguments, cwd=SERVED_ROOMS) as server:
        yield server


async def test_enter_plays_and_keys_fly(field: RunningServer, tmp_path: Path) -> None:
    async with firefox_page(field.url(), tmp_path) as page:
        await page.wait("!document.getElementById('play').disabled")
        # A desktop is told about keys, not about thumbs.
        shown = "e => getComputedStyle(document.querySelector(e)).display !== 'none'"
        assert await page.ask(f"['.keys', '.touch-hint'].map({shown})") == [True, False]
        assert await page.wait("arena.scene.rocks.size"), "something is behind the card"
        await page.press(NUMPAD_ENTER)
        await page.release(NUMPAD_ENTER)
        await page.wait("document.getElementById('start').hidden")
        await page.wait("arena.client.replica.own?.vx !== undefined")
        before = await page.ask(OWN)
        await page.press("d")
        await page.wait(f"{OWN}.heading !== {before['heading']}")
        await page.release("d")
        await page.press("w")
        await page.wait(f"Math.hypot({OWN}.x - {before['x']}, {OWN}.y - {before['y']}) > 500")
        await page.release("w")
        assert page.complaints == []
