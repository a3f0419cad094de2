"""The page of the tutorial plays the first game, as printed."""

from __future__ import annotations

import subprocess
import sys
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

#: The page steers, and has steered the tick.
STEERS = """async ([tick, deadlineMs]) => {
    while (!(window.play?.own && play.steering.tick >= tick)) {
        if (performance.now() > deadlineMs) throw new Error("nothing is steered");
        await new Promise(requestAnimationFrame);
    }
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


HOW_TO = PAGES_FOLDER / "how-to"


@pytest.mark.long
def test_the_page_of_the_how_to_predicts(tmp_path: Path, browser: Browser) -> None:
    save_files(HOW_TO / "predict.md", tmp_path)
    [step] = [block.body for block in blocks_of(HOW_TO / "predict.md") if " step " in block.body]
    made = subprocess.run(
        [sys.executable, "-m", "gameserver", "step", "glide"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert step.endswith("> ice/glide.js\n")
    (tmp_path / "ice" / "glide.js").write_text(made.stdout)
    with running_server(
        ["serve", "rink:Rink", "--page", "ice", "--port", "0"], cwd=tmp_path
    ) as server:
        page = browser.new_page()
        page.set_default_timeout(DEADLINE_MS)
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(server.url())
        page.evaluate(STEERS, [0, DEADLINE_MS])
        x = page.evaluate("play.own.x")
        for key in ("ArrowRight", "ArrowDown", "ArrowLeft"):
            page.keyboard.down(key)
            tick = page.evaluate("play.steering.tick")
            page.evaluate(STEERS, [tick + 20, DEADLINE_MS])
            page.keyboard.up(key)
        assert page.evaluate("play.own.x") != x
        assert faults == []
        page.context.close()


@pytest.mark.long
def test_without_a_page_of_its_own_the_playground_plays_it(printed: Path, pages: Pages) -> None:
    with running_server(["serve", "mygame:Arena", "--port", "0"], cwd=printed) as server:
        said = "^rooms: arena; the page is the playground, --page serves your own$"
        server.stdout.wait_for(said, START_DEADLINE_S)
        page = pages.open(server.url(), room="arena", name="Ada", join=1)
        page.wait("window.client?.state === 'playing' && client.replica.own")
        page.wait_for_text("#place", "arena/1")
        assert page.complaints == []
