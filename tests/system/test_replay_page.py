"""A replay in the page, in a real browser: play, pause, speed, seek, follow, free camera."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gameserver.games.arena.room import Arena
from tests.support.journaled_play import journal_of
from tests.system.browser_pages import Pages
from tests.system.servers import RunningServer, running_server

pytestmark = [pytest.mark.browser, pytest.mark.long]


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that shows a journal of twenty seconds."""
    file = tmp_path_factory.mktemp("journals") / "arena.journal"
    file.write_bytes(journal_of(Arena("arena/1", seed=5), 600, players=6, seed=5))
    with running_server(["replay", str(file), "--serve", "--port", "0"]) as server:
        yield server


def test_a_replay_is_watched_in_the_page(replayed: RunningServer, pages: Pages) -> None:
    page = pages.open(replayed.url("http"), room="test")
    shown = page.page
    entities = "[...(arena.client.replica?.entities.values() ?? [])]"
    clock = f"{entities}.find((e) => e.kind === 'ReplayClock')"
    page.wait(f"{clock}?.tick > 10")
    assert shown.locator("#start").is_hidden()
    assert page.wait("arena.scene.ships.size") > 0

    shown.locator(".replay-play").click()
    page.wait(f"{clock}.state === 'paused'")
    shown.locator(".replay-slider").fill("300")
    page.wait(f"{clock}.tick === 300")
    shown.locator(".replay-slider").fill("60")
    page.wait(f"{clock}.tick === 60")
    assert shown.locator(".replay-time").inner_text() == "0:02 / 0:20"

    marks = page.ask("document.querySelectorAll('.replay-mark').length")
    assert marks > 0
    shown.locator(".replay-speed").select_option("4")
    page.wait(f"{clock}.speed === 4")
    shown.locator(".replay-play").click()
    page.wait(f"{clock}.tick > 100")

    shown.locator(".replay-follow").select_option(index=1)
    name = shown.locator(".replay-follow option:checked").inner_text()
    assert name != "free camera"
    shown.mouse.move(400, 300)
    shown.mouse.down()
    shown.mouse.move(300, 250, steps=4)
    shown.mouse.up()
    assert shown.locator(".replay-follow option:checked").inner_text() == "free camera"
    assert page.complaints == []
