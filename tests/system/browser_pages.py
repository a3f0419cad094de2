"""Pages of the game in headless Chromium, for the browser tests.

Owns finding Chromium, opening pages, what a page complained of, and the few things that tests ask
of a page or do to it.  Waits only for what a page shows or holds, never for time.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from playwright.sync_api import (
    Browser,
    CDPSession,
    ConsoleMessage,
    Error,
    Page,
    Playwright,
    Request,
    Response,
    ViewportSize,
    sync_playwright,
)

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS: Final = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--mute-audio"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
#: Software rendering on a busy machine is slow; a page that takes longer hangs.
DEADLINE_MS: Final = 60_000
#: Small, as every pixel is drawn by the processor.
DESKTOP: Final[ViewportSize] = {"width": 640, "height": 400}
PHONE: Final = {"width": 390, "height": 844}
EYES: Final = Path(__file__).with_name("eyes.js")
#: A second as the page counts it, in what it draws: longer on a busy machine, as all is there.
FRAMES_OF_A_SECOND: Final = 60
#: A ship that is so far from where it was has moved: three times its own radius, on the wire.
FAR: Final = 50 * 32


def chromium_path(playwright: Playwright) -> str | None:
    """Return the browser to use: ``CHROMIUM``, that of the PATH, or Playwright's own."""
    for found in (os.environ.get("CHROMIUM"), *map(shutil.which, NAMES)):
        if found:
            return found
    own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


@contextlib.contextmanager
def launched(**options: Any) -> Iterator[Browser]:
    """Run Chromium in this block; where there is none the test is skipped."""
    with sync_playwright() as playwright:
        path = chromium_path(playwright)
        if path is None:
            pytest.skip(
                "needs Chromium: on the PATH, or named by the environment variable CHROMIUM"
            )
        arguments = list(ARGUMENTS)
        with playwright.chromium.launch(executable_path=path, args=arguments, **options) as browser:
            yield browser


_numbers = itertools.count(1)


def new_room() -> str:
    """Return the name of an arena in which nobody has been, so that nobody's ship is left there."""
    return f"arena/{next(_numbers)}-of-the-tests"


class GamePage:
    """One page that plays, and what it complained of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._finger: CDPSession | None = None
        self.complaints: list[str] = []
        page.set_default_timeout(DEADLINE_MS)
        page.add_init_script(path=EYES)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        page.on("requestfailed", self._on_failed_request)
        page.on("response", self._on_response)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console: {message.text}")

    def _on_failed_request(self, request: Request) -> None:
        self.complaints.append(f"request failed: {request.url}: {request.failure}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"status {response.status}: {response.url}")

    # ------------------------------------------------------------ asking

    def ask(self, script: str, argument: Any = None) -> Any:
        """Return the value of a JavaScript expression or function."""
        return self.page.evaluate(script, argument)

    def wait(self, expression: str, argument: Any = None) -> Any:
        """Wait until a JavaScript expression of ``argument`` is true; return its value.

        Looked at once a frame.  Playwright's own ``wait_for_function`` evaluates text in the page,
        which the page's content security policy forbids.
        """
        return self.page.evaluate(
            f"""async ([argument, deadlineMs]) => {{
                const start = performance.now();
                for (;;) {{
                    const value = ({expression});
                    if (value) return value;
                    if (performance.now() - start > deadlineMs) throw new Error("still not true");
                    await new Promise(requestAnimationFrame);
                }}
            }}""",
            [argument, DEADLINE_MS],
        )

    def wait_for_text(self, selector: str, text: str) -> None:
        """Wait until an element holds this text."""
        self.page.locator(selector, has_text=text).wait_for()

    def own_ship(self) -> dict[str, int]:
        """Wait for the own ship; return x, y, heading and energy in the units of the wire."""
        ship: dict[str, int] = self.wait("eyes.own()")
        return ship

    def wait_for_ticks(self, count: int) -> None:
        """Wait until the server has played so many ticks more."""
        self.wait("eyes.tick() >= argument", self.ask("eyes.tick()") + count)

    def ships(self) -> dict[str, dict[str, int]]:
        """Return where each ship in view is, by the name of its pilot."""
        ships: dict[str, dict[str, int]] = self.ask("eyes.ships()")
        return ships

    def wait_for_ships(self, *names: str) -> None:
        """Wait until the ships of all these pilots are in view."""
        self.wait("argument.every((name) => eyes.ships()[name])", list(names))

    def wait_until_moved(self, before: dict[str, dict[str, int]]) -> list[str]:
        """Wait until a ship has moved since ``before``; return the names of all that have."""
        names: list[str] = self.wait("eyes.moved(...argument)", [before, FAR])
        return names

    def wait_for_motion(self) -> None:
        """Wait until any ship is far from where it was first seen."""
        self.wait("eyes.strayed(argument)", FAR)

    def wait_for_leaders(self, *names: str) -> None:
        """Wait until the leaderboard shows all these names."""
        self.wait("argument.every((name) => eyes.leaders().includes(name))", list(names))

    def wait_for_banner(self, pattern: str) -> None:
        """Wait until the banner has said something like that."""
        self.wait("eyes.said.some((text) => new RegExp(argument).test(text))", pattern)

    # ------------------------------------------------------------ doing

    def say(self, text: str) -> None:
        """Say something, as one who flies does: Enter, type, Enter."""
        self.page.keyboard.press("Enter")
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")

    def touch(self, kind: str, *points: tuple[int, int]) -> None:
        """Let a finger do something: touchStart, touchMove, touchEnd; Playwright can only tap."""
        if self._finger is None:
            self._finger = self.page.context.new_cdp_session(self.page)
        where = [{"x": x, "y": y} for x, y in points]
        self._finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": where})

    def picture(self, path: Path) -> str:
        """Save what the page shows; return where, or why that cannot be."""
        try:
            self.page.screenshot(path=path)
        except Error as error:  # it is closed, or crashed: the test has failed already
            return str(error)
        return str(path)


class Pages:
    """The pages of one test, which meet in a room of its own."""

    def __init__(self, browser: Browser) -> None:
        self.room = new_room()
        self._browser = browser
        self._opened: list[GamePage] = []

    def open(
        self,
        url: str,
        *,
        room: str | None = None,
        phone: bool = False,
        token: str | None = None,
        **asked: Any,
    ) -> GamePage:
        """Open the game in a context of its own, as if on a machine of its own.

        ``asked`` is what else the address says (``name=``, ``autoplay=1`` …).
        """
        page = self._page(phone=phone)
        fragment = "" if token is None else f"#token={token}"
        page.page.goto(f"{url}/?{urlencode({'room': room or self.room, **asked})}{fragment}")
        return page

    def _page(self, *, phone: bool) -> GamePage:
        more: dict[str, Any] = {"viewport": DESKTOP}
        if phone:
            more = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
        # A development certificate is signed by nobody whom the browser knows.
        context = self._browser.new_context(ignore_https_errors=True, **more)
        page = GamePage(context.new_page())
        self._opened.append(page)
        return page

    def join(self, url: str, *, phone: bool = False, **fields: str) -> GamePage:
        """Open the page of any game in a context of its own, fill its form in, and send it."""
        page = self._page(phone=phone)
        page.page.goto(url)
        for name, content in fields.items():
            page.page.fill(f"[name={name}]", content)
        page.page.click("form button")
        return page

    def fly(self, url: str, name: str) -> GamePage:
        """Open the game as ``name`` and take off at once."""
        page = self.open(url, name=name, autoplay=1)
        page.own_ship()
        return page

    def picture(self, folder: Path, name: str) -> str:
        """Save what every page shows; return where, and what the pages complained of."""
        told = []
        for number, opened in enumerate(self._opened, 1):
            path = folder / f"{re.sub(r'[^A-Za-z0-9]+', '-', name)}-{number}.png"
            told += [f"page {number}: {opened.picture(path)}", *opened.complaints]
        return "\n".join(told)

    def close(self) -> None:
        """Close them all, as players do who leave.

        Each says goodbye first: closed with its context, a page may be gone before it could, and
        its seat would be held for it.
        """
        for opened in self._opened:
            if not opened.page.is_closed():
                opened.ask("(window.arena?.client ?? window.client)?.close()")
            opened.page.context.close()
