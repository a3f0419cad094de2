"""The server of ``dev``: its page is never old, its channel exists in no other server."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from typing import Any

import pytest
import trio
import trio_websocket

from gameserver import Settings
from gameserver.runtime.server import Server, StartError
from gameserver.runtime.serving import open_server
from gameserver.templates.blank.room import Game
from gameserver.workshop.dev_server import PATH, DevServer
from gameserver.workshop.live_page import SCRIPT
from tests.support.small_game import join
from tests.support.sockets import PATIENCE_S

KINDS = {"game": Game}


def settings(**given: Any) -> Settings:
    return Settings(port=0, **given)


async def message_of(ws: trio_websocket.WebSocketConnection, kind: str) -> dict[str, Any]:
    """Read until there is a message of this type."""
    with trio.fail_after(PATIENCE_S):
        while (message := json.loads(await ws.get_message()))["type"] != kind:
            pass
    found: dict[str, Any] = message
    return found


async def test_the_channel_shows_the_whole_world() -> None:
    async with open_server(KINDS, settings(), server_class=DevServer) as server:
        async with join(server) as ada:
            welcome = await ada.joined("Ada")
            url = f"ws://127.0.0.1:{server.port}{PATH}"
            async with trio_websocket.open_websocket_url(url) as page:
                assert await message_of(page, "faults") == {"type": "faults", "faults": []}
                await page.send_message("nonsense")
                await page.send_message(json.dumps({"watch": welcome.room}))
                world = await message_of(page, "world")
        assert world["room"] == welcome.room
        [dot] = world["entities"]
        assert (dot["kind"], dot["seat"], dot["fields"]["name"]) == ("Dot", 1, "Ada")
        assert dot["fields"]["dx"] == 0  # which is not synced


async def test_serve_has_no_such_endpoint() -> None:
    # The path is as good as any other: it leads to the game, which wants its subprotocol.
    assert await answer_to_upgrade(Server) == b"HTTP/1.1 400"
    assert await answer_to_upgrade(DevServer) == b"HTTP/1.1 101"


async def answer_to_upgrade(server_class: type[Server]) -> bytes:
    """Return the beginning of the answer to a WebSocket's request for the channel."""
    request = (
        f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    async with (
        open_server(KINDS, settings(), server_class=server_class) as server,
        await trio.open_tcp_stream("127.0.0.1", server.port) as stream,
    ):
        await stream.send_all(request.encode())
        with trio.fail_after(PATIENCE_S):
            return bytes(await stream.receive_some(12))


def test_serving_imports_nothing_of_the_workshop() -> None:
    code = (
        "import sys, gameserver.cli.serve, gameserver.cli.demo, gameserver.runtime.server\n"
        "print([name for name in sys.modules if 'workshop' in name])"
    )
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org"])
def test_dev_serves_this_machine_only(host: str) -> None:
    with pytest.raises(StartError, match="this machine only"):
        DevServer(KINDS, settings(host=host))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
async def test_loopback_is_this_machine(host: str) -> None:
    assert DevServer(KINDS, settings(host=host)).settings.host == host


async def test_the_page_is_never_old(tmp_path: pathlib.Path) -> None:
    index = tmp_path / "index.html"
    index.write_text("<head></head>one")
    server = DevServer(KINDS, settings(page=tmp_path))
    assets = server._assets()

    def body(path: str) -> bytes | None:
        found = assets.find(path)
        return None if found is None else found.body

    assert body("/") == b"<head>" + SCRIPT + b"</head>one"
    index.write_text("two")
    assert body("/") == SCRIPT + b"two"
    (tmp_path / "new.js").write_text("new")
    assert body("/new.js") is None
    server.page_changed()
    assert body("/new.js") == b"new"
    (tmp_path / "new.js").unlink()
    assert body("/new.js") is None
    index.unlink()
    server.page_changed()
    assert body("/net/client.js") is not None  # the server's own files stay
