"""The page of the tutorial plays the first game, as printed."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.code_blocks import PAGES_FOLDER, blocks_of, save_files
from tests.system.browser_pages import DEADLINE_MS, Pages
from tests.system.servers import START_DEADLINE_S, running_server

pytestmark = pytest.mark.browser

TUTORIAL = PAGES_FOLDER / "tutorial"
#: The pixel in the middle of the canvas, once something is drawn there.
OWN_SHIP = """async (deadlineMs) => {
    const pen = document.querySelector("#view").getContext("2d");
    const look = () => [...pen.getImageData(300, 300, 1, 1).data].join();
    while (look() === "0,0,0,0") {
        if (performance.now() > deadlineMs) throw new Error("nothing was drawn");
        await new Promise(requestAnimationFrame);
    }
    return look();
}"""


@pytest.fixture
def printed(tmp_path: Path) -> Path:
    save_files(TUTORIAL / "page.md", tmp_path)
    return tmp_path


def test_the_page_plays_the_first_game(printed: Path, browser: Browser) -> None:
    [serve] = [block.body for block in blocks_of(TUTORIAL / "page.md") if "--page" in block.body]
    with running_server([*serve.split()[1:], "--port", "0"], cwd=printed) as server:
        page = browser.new_page(viewport={"width": 620, "height": 620})
        page.set_default_timeout(DEADLINE_MS)
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(server.url())
        own_ship = page.evaluate(OWN_SHIP, DEADLINE_MS)
        assert own_ship == "0,0,0,255"
        assert page.title().startswith("playing")
        assert faults == []
        page.context.close()


def test_without_it_the_arenas_page_says_that_this_is_another_game(
    printed: Path, pages: Pages
) -> None:
    with running_server(["serve", "mygame:Arena", "--port", "0"], cwd=printed) as server:
        said = "^rooms: arena; the page is the arena's, --page serves your own$"
        server.stdout.wait_for(said, START_DEADLINE_S)
        page = pages.open(server.url(), name="Ada", autoplay=1)
        page.wait_for_banner(r"the room plays another game\.")
        assert page.ask("window.arena.client.state") == "closed"
        assert page.complaints == []
