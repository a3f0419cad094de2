"""The arena's page on a made-up world, as its documentation calls it, without a game server."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser

from tests.support.paths import ROOT
from tests.system.browser_pages import DESKTOP, GamePage

pytestmark = [pytest.mark.long, pytest.mark.browser]


class Files(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing: the page's complaints name each failed request."""


@pytest.fixture
def checkout() -> Iterator[str]:
    """Serve the checkout; the value is its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=ROOT)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_page_plays_a_made_up_world(checkout: str, browser: Browser) -> None:
    page = GamePage(browser.new_page(viewport=DESKTOP))
    page.page.goto(f"{checkout}/tests/clients/web/demo.html?ships=30&crowd=1&autoplay=1")
    page.wait("window.arena?.scene.ownShip")
    page.ask("arena.client.killOwn()")
    page.wait_for_text("#death-by", "Destroyed by")
    page.ask("arena.client.endRound()")
    page.page.locator("#podium").wait_for()
    page.ask("arena.client.lose(4000)")
    page.wait_for_text("#banner", "The connection was lost.")
    assert page.ask("arena.stats.frames > 0 && arena.stats.drawMs > 0")
    assert page.complaints == []
    page.page.context.close()
