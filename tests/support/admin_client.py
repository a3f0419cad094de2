"""Asking the admin port for an action, for the tests."""

from __future__ import annotations

import json
from typing import Any, Final

import trio

TOKEN: Final = "the-token-of-ann-which-is-long-enough"


async def ask_admin(
    port: int, action: str, token: str | None = TOKEN, **arguments: Any
) -> tuple[int, Any]:
    """Post an action; return status and answer."""
    body = json.dumps(arguments).encode()
    shown = "" if token is None else f"Authorization: Bearer {token}\r\n"
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        await stream.send_all(
            f"POST /api/{action} HTTP/1.1\r\nHost: localhost\r\n{shown}"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        answer = b"".join([chunk async for chunk in stream])
    head, _, told = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(told)
