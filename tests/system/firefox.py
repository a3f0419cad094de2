"""A page in headless Firefox, over WebDriver BiDi (https://w3c.github.io/webdriver-bidi/).

Owns the browser's process and the few commands that the tests need.  Playwright drives only a
Firefox of its own; this is the one that people have.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any, Final

import pytest
import trio
from trio_websocket import WebSocketConnection, open_websocket_url

from tests.support.sockets import PATIENCE_S

NAMES: Final = ("firefox-esr", "firefox")
#: The standard's code for the key beside the digits; a page may listen to the main one only.
NUMPAD_ENTER: Final = "\ue007"
_LISTENING: Final = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")


class FirefoxPage:
    """One page, and what it complained of."""

    def __init__(self, connection: WebSocketConnection) -> None:
        self._connection = connection
        self._number = 0
        self._context = ""
        self.complaints: list[str] = []

    async def open(self, url: str) -> None:
        """Open ``url`` and wait until it is loaded."""
        await self._do("session.new", capabilities={})
        await self._do("session.subscribe", events=["log.entryAdded"])
        self._context = (await self._do("browsingContext.getTree"))["contexts"][0]["context"]
        await self._do("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def ask(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        answer = await self._do(
            "script.evaluate",
            expression=f"(async () => JSON.stringify({expression}))()",
            target={"context": self._context},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer
        return json.loads(answer["result"].get("value", "null"))

    async def wait(self, expression: str) -> Any:
        """Wait until a JavaScript expression is true in a frame of the page; return its value."""
        look = f"look = () => {{ const value = {expression}; value ? done(value) : again(); }}"
        again = "again = () => requestAnimationFrame(look)"
        return await self.ask(f"await new Promise((done) => {{ const {again}, {look}; look(); }})")

    async def press(self, key: str) -> None:
        """Press a key and hold it."""
        await self._key("keyDown", key)

    async def release(self, key: str) -> None:
        """Release a key."""
        await self._key("keyUp", key)

    async def _key(self, action: str, key: str) -> None:
        keyboard = {"type": "key", "id": "keys", "actions": [{"type": action, "value": key}]}
        await self._do("input.performActions", context=self._context, actions=[keyboard])

    async def _do(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        request = {"id": self._number, "method": method, "params": params}
        await self._connection.send_message(json.dumps(request))
        with trio.fail_after(PATIENCE_S):
            while True:
                message = json.loads(await self._connection.get_message())
                if message.get("method") == "log.entryAdded":
                    self._note(message["params"])
                if message.get("id") == self._number:
                    assert message["type"] == "success", message
                    result: dict[str, Any] = message["result"]
                    return result

    def _note(self, entry: dict[str, Any]) -> None:
        if entry["level"] == "error":
            self.complaints.append(str(entry["text"]))


@contextlib.asynccontextmanager
async def firefox_page(url: str, profile: Path) -> AsyncIterator[FirefoxPage]:
    """Open ``url`` in a Firefox of its own; without one the test is skipped."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("needs Firefox on the PATH")
    command = [program, "--headless", "--no-remote", "--profile", str(profile)]
    command += ["--remote-debugging-port", "0", "about:blank"]
    async with trio.open_nursery() as nursery:
        process: trio.Process = await nursery.start(
            partial(trio.run_process, command, stderr=PIPE, stdout=DEVNULL, check=False)
        )
        address = await _address(process)
        nursery.start_soon(_drain, process)
        async with open_websocket_url(f"{address}/session", max_message_size=1 << 24) as connection:
            page = FirefoxPage(connection)
            await page.open(url)
            yield page
        nursery.cancel_scope.cancel()


async def _address(process: trio.Process) -> str:
    assert process.stderr is not None
    said = b""
    with trio.fail_after(PATIENCE_S):
        async for chunk in process.stderr:
            said += chunk
            if (found := _LISTENING.search(said)) is not None:
                return found[1].decode()
    raise AssertionError(f"Firefox ended: {said.decode(errors='replace')}")


async def _drain(process: trio.Process) -> None:
    """Keep Firefox from waiting for a reader of what it says."""
    assert process.stderr is not None
    async for _ in process.stderr:
        pass
