"""One line in the log for each origin that was refused, now and then."""

from __future__ import annotations

import h11
import structlog
from connections import open_door

from gameserver.ops.logging import MAX_SHOWN_CHARACTERS
from gameserver.runtime.foreign_pages import MAX_TOLD, QUIET_S, ForeignPages

TOLD = "a page was refused, for its origin is not in origins"


def request(*origins: str) -> h11.Request:
    headers = [("Origin", origin.encode("latin-1")) for origin in origins]
    return h11.Request(method="GET", target="/", headers=[("Host", "game.example"), *headers])


def told(pages: ForeignPages, origin: str, now_s: float) -> list[str]:
    """Let a page be refused; return the origins in the log lines of it."""
    with structlog.testing.capture_logs() as logged:
        pages.refused(request(origin), now_s)
    return [line["origin"] for line in logged]


def test_the_line_names_origin_and_host() -> None:
    with structlog.testing.capture_logs() as logged:
        ForeignPages().refused(request("http://localhost:5173"), 0.0)
    assert logged == [
        {
            "event": TOLD,
            "log_level": "warning",
            "origin": "http://localhost:5173",
            "host": "game.example",
        }
    ]


def test_what_came_is_cut_and_escaped() -> None:
    pages = ForeignPages()
    assert told(pages, "http://\x9b2J\xe9", 0.0) == ["http://\\x9b2Jé"]
    assert told(pages, "x" * 5000, 0.0) == ["x" * MAX_SHOWN_CHARACTERS + "…"]
    with structlog.testing.capture_logs() as logged:
        pages.refused(request("http://a", "http://b"), 0.0)
    assert [line["origin"] for line in logged] == ["http://a, http://b"]


def test_one_origin_is_told_of_once_a_minute() -> None:
    pages = ForeignPages()
    assert told(pages, "http://a", 5.0) == ["http://a"]
    assert told(pages, "http://b", 30.0) == ["http://b"]
    assert told(pages, "http://a", 4.9 + QUIET_S) == []
    assert told(pages, "http://a", 5.0 + QUIET_S) == ["http://a"]
    assert told(pages, "http://b", 6.0 + QUIET_S) == []


def test_many_origins_are_neither_kept_nor_told() -> None:
    pages = ForeignPages()
    lines = [line for n in range(1000) for line in told(pages, f"http://{n}", n * 0.01)]
    assert lines == [f"http://{n}" for n in range(MAX_TOLD)]
    assert len(pages._told) == MAX_TOLD
    assert told(pages, "http://later", QUIET_S + 10) == ["http://later"]
    assert list(pages._told) == ["http://later"]


async def test_the_door_tells_of_pages_and_of_nothing_else() -> None:
    upgrade = b"Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    strange = b"GET /arena HTTP/1.1\r\n" + upgrade + b"Origin: https://evil.example\r\n\r\n"
    with structlog.testing.capture_logs() as logged:
        async with open_door() as opened:
            for asked in (strange, b"GET /arena HTTP/1.1\r\n" + upgrade + b"\r\n", strange):
                await opened.ask(asked)
    assert [line for line in logged if line["event"] == TOLD] == [
        {
            "event": TOLD,
            "log_level": "warning",
            "origin": "https://evil.example",
            "host": "localhost",
        }
    ]
