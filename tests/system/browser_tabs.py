"""Tabs that hide behind one another, as a person's do, for the tests of sleeping pages.

Owns opening one, hiding, freezing and waking it.  Playwright keeps its own pages awake: it
emulates the focus for each, so that none is ever hidden, whichever is in front.  These tabs are
opened past it, through the browser's debugging session, and spoken to by the DevTools protocol.
"""

from __future__ import annotations

import itertools
import json
import time
from typing import Any, Final

from playwright.sync_api import Browser, CDPSession

from tests.system.browser_pages import DEADLINE_MS, EYES

BLANK: Final = "about:blank"


class Tab:
    """One tab of the browser's window; the one opened last is in front."""

    def __init__(self, browser: Browser, url: str = BLANK) -> None:
        self._browser: CDPSession = browser.new_browser_cdp_session()
        self._browser.on("Target.receivedMessageFromTarget", self._on_message)
        self._numbers = itertools.count(1)
        self._answers: dict[int, dict[str, Any]] = {}
        self._target = self._browser.send("Target.createTarget", {"url": BLANK})["targetId"]
        attached = self._browser.send(
            "Target.attachToTarget", {"targetId": self._target, "flatten": False}
        )
        self._session = attached["sessionId"]
        self.do("Page.enable")
        self.do("Page.addScriptToEvaluateOnNewDocument", source=EYES.read_text())
        self.do("Page.navigate", url=url)

    def _on_message(self, event: dict[str, Any]) -> None:
        message = json.loads(event["message"])
        if event["sessionId"] == self._session and "id" in message:
            self._answers[message["id"]] = message

    def do(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the DevTools protocol; return its result."""
        number = next(self._numbers)
        message = json.dumps({"id": number, "method": method, "params": parameters})
        self._browser.send(
            "Target.sendMessageToTarget", {"sessionId": self._session, "message": message}
        )
        deadline_s = time.monotonic() + DEADLINE_MS / 1000
        while number not in self._answers:
            assert time.monotonic() < deadline_s, f"no answer to {method}"
            self._browser.send("Browser.getVersion")  # Playwright takes in events while it waits
        answer = self._answers.pop(number)
        assert "error" not in answer, f"{method}: {answer['error']}"
        result: dict[str, Any] = answer["result"]
        return result

    def ask(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, or of the promise that it is."""
        told = self.do(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def wait(self, expression: str) -> Any:
        """Wait until a JavaScript expression is true; return its value.  Needs no frames."""
        deadline_s = time.monotonic() + DEADLINE_MS / 1000
        while not (value := self.ask(expression)):
            assert time.monotonic() < deadline_s, f"still not true: {expression}"
        return value

    def press(self, code: str) -> None:
        self.do("Input.dispatchKeyEvent", type="keyDown", code=code, key=code[-1].lower())

    def release(self, code: str) -> None:
        self.do("Input.dispatchKeyEvent", type="keyUp", code=code, key=code[-1].lower())

    def show(self) -> None:
        """Bring it to the front; what was there is hidden."""
        self.do("Page.bringToFront")

    def freeze(self) -> None:
        """Put it to sleep, as browsers do with hidden tabs to save memory: nothing in it runs."""
        self.do("Page.setWebLifecycleState", state="frozen")

    def thaw(self) -> None:
        self.do("Page.setWebLifecycleState", state="active")

    def close(self) -> None:
        """Close it; its page says goodbye first, see ``Pages.close``."""
        self.ask("window.arena?.client.close()")
        self._browser.send("Target.closeTarget", {"targetId": self._target})
        self._browser.detach()
