"""Checks requests for a WebSocket, and rewrites the valid ones for trio-websocket.

Owns the strict reading of RFC 6455, 4.2.1.  Pure: a parsed request in, a decision out.  Nothing
from the peer reaches trio-websocket unchecked.
"""

from __future__ import annotations

import binascii
from collections import defaultdict

import attrs
import h11

from gameserver.runtime.http.hosts import is_host
from gameserver.runtime.http.messages import (
    Response,
    announces_body,
    path_of,
    text_response,
    tokens_in,
    tokens_of,
)


@attrs.frozen
class Upgrade:
    """A valid request for a WebSocket: its path and the offered subprotocols."""

    path: str
    subprotocols: tuple[str, ...]
    #: The request that trio-websocket sees: only parts that were checked here.
    head: bytes


def wants_upgrade(request: h11.Request) -> bool:
    """Whether the request asks for a WebSocket, valid or not."""
    return any(token.lower() == b"websocket" for token in tokens_of(request, b"upgrade"))


def read_upgrade(request: h11.Request) -> Upgrade | Response:
    """Check an upgrade request against RFC 6455, 4.2.1; return a response that says what is wrong.

    Stricter than wsproto.  That accepts HTTP/1.0 and any key, reads only the last of several
    Connection headers, and raises UnicodeError for bytes beyond ASCII in headers that it decodes.
    Also, a request that it refuses would hold its task.
    """
    if request.http_version != b"1.1":
        return _bad_upgrade("A WebSocket needs HTTP/1.1.")
    if request.method != b"GET":
        return _bad_upgrade("A WebSocket begins with GET.")
    if announces_body(request):
        return _bad_upgrade("A request for a WebSocket has no body.")
    path = path_of(request)
    if path is None:
        return _bad_upgrade("The request target is not a path.")
    values: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for name, value in request.headers:
        values[name].append(value)
    if not any(token.lower() == b"upgrade" for token in tokens_in(values[b"connection"])):
        return _bad_upgrade("The header 'Connection: Upgrade' is missing.")
    for name in (b"connection", b"upgrade", b"sec-websocket-protocol", b"sec-websocket-extensions"):
        if not all(value.isascii() for value in values[name]):
            return _bad_upgrade(f"The header {name.decode()} may hold only ASCII.")
    if values[b"sec-websocket-version"] != [b"13"]:
        return text_response(
            426,
            "Only version 13 of the WebSocket protocol is spoken here.",
            headers=(("Sec-WebSocket-Version", "13"), ("Upgrade", "websocket")),
        )
    keys = values[b"sec-websocket-key"]
    if len(keys) != 1 or not _is_key(keys[0]):
        return _bad_upgrade("Sec-WebSocket-Key must be 16 bytes in base64, once.")
    hosts = values[b"host"]
    if len(hosts) != 1 or not is_host(hosts[0]):
        return _bad_upgrade("The header Host is not a host.")
    subprotocols = tokens_in(values[b"sec-websocket-protocol"])
    return Upgrade(
        path=path,
        subprotocols=tuple(token.decode("ascii") for token in subprotocols),
        head=_canonical_head(request, host=hosts[0], key=keys[0], subprotocols=subprotocols),
    )


def _bad_upgrade(text: str) -> Response:
    return text_response(400, text)


def _is_key(key: bytes) -> bool:
    try:
        return len(key) == 24 and len(binascii.a2b_base64(key, strict_mode=True)) == 16
    except binascii.Error:
        return False


def _canonical_head(
    request: h11.Request, *, host: bytes, key: bytes, subprotocols: list[bytes]
) -> bytes:
    """Return the request written anew, without extensions: none is ever negotiated.

    h11 would check once more what is checked already, so the lines are joined by hand.  No part can
    contain the end of a line.
    """
    lines = [
        b"GET " + request.target + b" HTTP/1.1",
        b"Host: " + host,
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: " + key,
    ]
    if subprotocols:
        lines.append(b"Sec-WebSocket-Protocol: " + b", ".join(subprotocols))
    return b"\r\n".join((*lines, b"", b""))
