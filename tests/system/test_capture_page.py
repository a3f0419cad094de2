"""Capture in Chromium: two pages in a private room, and bots in another one."""

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.support.paths import ROOT
from tests.system.browser_pages import DEADLINE_MS
from tests.system.servers import running_server

PAGE = ROOT / "gameserver" / "games" / "capture" / "page"
#: Run until the own racer is somewhere else, on the screen and at the server.
RUNS = """async ([x, deadlineMs]) => {
    while (play.own === null || play.own.x === x || client.replica.own.x === x) {
        if (performance.now() > deadlineMs) throw new Error("the racer does not run");
        await new Promise(requestAnimationFrame);
    }
}"""


def join(browser: Browser, url: str, name: str, password: str = "") -> Page:
    page = browser.new_page(viewport={"width": 640, "height": 480})
    page.set_default_timeout(DEADLINE_MS)
    page.goto(url)
    page.fill("[name=name]", name)
    page.fill("[name=room]", "friends")
    page.fill("[name=password]", password)
    page.click("form button")
    return page


@pytest.mark.long
@pytest.mark.browser
def test_two_pages_and_bots_play_and_a_stranger_is_refused(browser: Browser) -> None:
    serve = ["serve", "gameserver.games.capture:Capture", "--page", str(PAGE), "--port", "0"]
    with running_server(serve, cwd=ROOT) as server:
        program = [sys.executable, "-m", "gameserver.games.capture.bots", server.ws_url, "2"]
        bots = subprocess.Popen(program, cwd=ROOT, stderr=subprocess.DEVNULL)
        pages = [join(browser, server.url(), name, "swordfish") for name in ("Ada", "Bob")]
        for page, key in zip(pages, ("ArrowRight", "ArrowLeft"), strict=True):
            page.locator("#state", has_text="capture/friends").wait_for()
            page.keyboard.down(key)
            page.evaluate(RUNS, [page.evaluate("client.replica.own?.x ?? 0"), DEADLINE_MS])
        assert [page.evaluate("client.replica.own.team") for page in pages] == ["RED", "BLUE"]
        stranger = join(browser, server.url(), "Eve", "guess")
        stranger.locator("#state", has_text="that is not the password").wait_for()
        bots.kill()
        bots.wait()


def test_the_page_has_the_step_that_the_server_has() -> None:
    command = [sys.executable, "-m", "gameserver", "step", "gameserver.games.capture.movement"]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert made.stdout == Path(PAGE / "movement.js").read_text()
