"""Every way for a client's characters into the log, at a real server."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
import trio

from gameserver import Joining, JoinRefused, Player, Settings, open_server
from gameserver.ops.logging import MAX_LOGGED_CHARACTERS, configure_logging
from gameserver.protocol.messages import Ping, Pong, Say, Welcome
from gameserver.runtime.server import Server
from tests.support.small_game import Field, RawClient, join

#: A letter that stands in no word of ours, and sequences that would do something to a terminal.
MARK = "Ѫ"
HOSTILE = "\x1b[2J\x1b]0;owned\x07\r\n{'level': 'forged'}\x00\x9b31m\u202e\u2028"
LONG = HOSTILE + MARK * 400


class Careless(Field):
    """A game whose errors quote whatever a client said."""

    max_players = 50

    async def on_auth(self, joining: Joining) -> str | None:
        token = joining.token
        if token == "refuse" + LONG:
            raise JoinRefused(4007, f"I do not know {token}")
        if token is not None:
            raise ValueError(f"no such token: {token}") from KeyError(token)
        return None

    def on_say(self, player: Player, text: str) -> str | None:
        raise ValueError(f"{player.name} said {text}") from ExceptionGroup(
            text[:200], [KeyError(text)]
        )

    def on_leave(self, player: Player, reason: str) -> None:
        super().on_leave(player, reason)
        raise ValueError(f"left: {reason}")


@pytest.fixture
def structlog_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def head(target: str, *headers: str, host: str = "localhost") -> bytes:
    lines = [f"GET {target} HTTP/1.1", f"Host: {host}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace")


UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
LATIN = "".join(chr(code) for code in range(0x80, 0x100)) + "\x1b[2J" + "\xd1\xaa" * 300

REQUESTS = [
    head("/crash?" + "%1b%5b2J%0d%0a" + "q" * 400),
    head("/crash?" + "q" * 7000, "Referer: " + LATIN),
    head("/" + "q" * 400, "User-Agent: " + LATIN),
    head("/", *UPGRADE, "Origin: http://" + LATIN),
    head("/", *UPGRADE, host=LATIN),
    head("/", "X-Forwarded-For: " + LATIN),
    head("/metrics", "X-Forwarded-For: 1.2.3.4, " + LATIN, "Authorization: Bearer " + LATIN),
    b"\x1b[2J\r\n" * 100 + MARK.encode() * 100 + b"\r\n\r\n",
    bytes(range(256)) * 30,
]


async def hostile_requests(server: Server) -> None:
    for request in REQUESTS:
        stream = await trio.open_tcp_stream("127.0.0.1", server.port)
        await stream.send_all(request)
        await stream.send_eof()
        try:
            while await stream.receive_some():
                pass
        except trio.BrokenResourceError:
            pass
        await stream.aclose()


async def hostile_hellos(server: Server) -> None:
    for hello in (
        {"name": LONG[:24]},
        {"name": MARK * 24, "token": LONG},
        {"name": "ann", "token": "refuse" + LONG},
        {"room": LONG},
        {"room": "careless/" + LONG},
        {"schema_hash": LONG},
        {"resume": LONG},
    ):
        async with join(server) as client:
            await client.hello(**hello)
            if "resume" not in hello:
                await client.closed()


async def hostile_players(server: Server) -> None:
    async def close(client: RawClient) -> None:
        await client.ws.aclose(4999, HOSTILE[:40] + MARK * 30)

    async def say(client: RawClient) -> None:
        await client.send(Say(LONG[:256]))
        await client.closed()

    async def nonsense(client: RawClient) -> None:
        await client.ws.send_message(LONG.encode())
        await client.closed()

    async def text(client: RawClient) -> None:
        await client.ws.send_message(LONG)
        await client.closed()

    for deed in (close, say, nonsense, text):
        async with join(server) as client:
            await client.hello(MARK * 24)
            await client.next_of(Welcome)
            await deed(client)


def broken_page(_query: str) -> Any:
    raise ZeroDivisionError("a bug of the page")


@pytest.mark.parametrize("log_format", ["text", "json"])
async def test_no_line_holds_control_characters_or_much_of_a_client(
    log_format: Any, structlog_as_before: None
) -> None:
    out = io.StringIO()
    configure_logging("debug", log_format, out)
    settings = Settings(port=0)
    async with open_server({"careless": Careless}, settings) as server, join(server) as honest:
        server._site.routes["/crash"] = broken_page  # type: ignore[index]
        await honest.hello("honest")
        await honest.next_of(Welcome)
        await hostile_requests(server)
        await hostile_hellos(server)
        await hostile_players(server)
        await honest.send(Ping(1, 0.0))
        await honest.next_of(Pong)
    lines = out.getvalue().split("\n")
    assert sum("route crashed" in line for line in lines) == 2
    assert sum("hook failed" in line for line in lines) >= 2
    assert sum("on_auth failed" in line for line in lines) >= 1
    assert any(MARK in line or "\\u046a" in line for line in lines)
    for line in lines:
        assert line.isprintable(), line
        if log_format == "json" and line:
            entry = json.loads(line)
            parts = [part for value in entry.values() for part in str(value).split("\n")]
            assert all(part.isprintable() for part in parts), entry
        else:
            parts = [line]
        for part in parts:
            assert part.count(MARK) <= MAX_LOGGED_CHARACTERS, part
            assert part.count("q") <= MAX_LOGGED_CHARACTERS + 10, part
