"""The bytes that attackers send.  Pure.

Owns requests, frames and messages that no honest client would write, and the codes that some of
them must be closed with.  Never touches a socket: ``attacks.py`` does, and so do the tests of
every threat.
"""

from __future__ import annotations

import random
import string
from collections.abc import Mapping
from typing import Any, Final

from gameserver.protocol.closing import CloseCode
from gameserver.protocol.messages import (
    MAX_CLIENT_MESSAGE_BYTES,
    SUBPROTOCOL,
    VERSION,
    Ack,
    CommandMessage,
    Hello,
    Ping,
)
from gameserver.runtime.rooms.resume_tokens import ResumeToken, ResumeTokens

UPGRADE: Final = (
    "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
).encode()

#: The same, as a proxy forwards it.
FORWARDED_UPGRADE: Final = UPGRADE[:-2] + b"X-Forwarded-For: 192.0.2.1\r\n\r\n"
#: All of a request but its end.
HALF_HEAD: Final = UPGRADE[:-2]
#: Requests of a page whose own name resolves to the server (DNS rebinding).
REBOUND: Final = tuple(
    request.replace(b"Host: 127.0.0.1\r\n", b"Host: evil.example\r\n")
    for request in (
        UPGRADE,
        UPGRADE.replace(b"GET / ", b"GET /chat "),
        b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /rooms HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET http://evil.example/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
    )
)

#: Requests for what a server shows to anyone, and for what it does not have.
PAGES: Final = tuple(
    f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    for path in ("/", "/rooms", "/healthz", "/no-such-page", "/../../etc/passwd")
)

#: The beginning of a TLS client hello that promises 512 bytes.
TLS_BEGINNING: Final = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)


def masked(payload: bytes, first: int = 0x82, *, mask: bytes = b"\x12\x34\x56\x78") -> bytes:
    """Return a client's frame; ``first`` is FIN, the reserved bits and the opcode."""
    length = len(payload)
    code = length if length < 126 else 126 if length < 65536 else 127
    extended = length.to_bytes({126: 2, 127: 8}.get(code, 0), "big") if code > 125 else b""
    key = (mask * (length // 4 + 1))[:length]
    body = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return bytes([first, code | 0x80]) + extended + mask + body.to_bytes(length, "big")


def hello(name: str, **fields: Any) -> bytes:
    """Return the bytes of a hello; what is not among ``fields`` is what a newcomer says."""
    given: dict[str, Any] = {"version": VERSION, "schema_hash": None, "room": "", "name": name}
    return Hello(**{**given, "token": None, "resume": None, **fields}).encode()


PING: Final = masked(b"p", 0x89)

#: Announces more bytes than there are in the world.
ENDLESS_FRAME: Final = b"\x82\xff" + (2**62).to_bytes(8, "big") + bytes(4 + 5000)

#: Each too big for a message of a client.
OVERSIZE: Final = (
    masked(bytes(MAX_CLIENT_MESSAGE_BYTES + 1)),
    masked(bytes(100_000)),
    ENDLESS_FRAME,
)

NO_MESSAGES: Final[Mapping[str, bytes]] = {
    "deep arrays": b"\x91" * 4000,
    "deep maps": b"\x81\xa1k" * 1300,
    "deep in a command": b"\x97\x02\x01\x00\x00\x00" + b"\x91" * 100 + b"\x00",
    "four billion elements": b"\xdd\xff\xff\xff\xff",
    "four billion pairs": b"\x92\x02\xdf\xff\xff\xff\xff",
    "four gigabytes of text": b"\x92\x05\xdb\xff\xff\xff\xff",
    "four gigabytes of bytes": b"\x92\x05\xc6\xff\xff\xff\xff",
    "an extension": b"\x92\x05\xc9\xff\xff\xff\xff\x01",
    "many small arrays": b"\xdc\x00\x40" + b"\x9f" * 60,
    "a long text": b"\x92\x05\xda\x08\x01" + b"x" * 2049,
    "a text that commands a terminal": b"\x92\x05\xa4\x1b[2J",
    "a text that turns what follows around": b"\x92\x05\xa7\xe2\x80\xaeevil",
    "a text with a line of its own": b"\x92\x05\xa4a\r\nb",
    "a text with NUL": b"\x92\x05\xa3a\x00b",
    "a text that nobody sees": b"\x92\x05\xa3\xe3\x85\xa4",
    "a key twice": b"\x92\x05\x82\xa1k\x01\xa1k\x02",
    "no array": b"\x01",
    "nothing": b"",
    "too much": b"\x91\x06\x00",
    "a number beyond a double": b"\x92\x03\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
    "not a number": b"\x93\x04\x01\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00",
}

#: Sent over and over, for as long as the server takes it.
FLOODS: Final[Mapping[str, bytes]] = {
    "messages": masked(Ping(nonce=1, client_time=0).encode()),
    "nonsense": masked(b""),
    "pings": PING,
    "pongs": masked(b"", 0x8A),
    "texts": masked(b"hello", 0x81),
    "empty fragments": masked(b"", 0x02) + masked(b"", 0x00) * 1000,
    "messages of empty fragments": masked(b"", 0x02) + masked(b"", 0x80),
    "bytes": masked(bytes(125), 0x89),
}
#: Closed for what is wrong with them, where the flood itself (4008) does not come first.
CODES: Final[Mapping[str, CloseCode]] = {
    "nonsense": CloseCode.PROTOCOL_ERROR,
    "messages of empty fragments": CloseCode.PROTOCOL_ERROR,
    "texts": CloseCode.UNSUPPORTED_DATA,
}


def lies(tick: int) -> tuple[bytes, bytes]:
    """Return two messages that acknowledge a ``tick`` that has not been."""
    command = CommandMessage(seq=1, tick=0, rendered=0, acked=tick, kind=0, values=[1])
    return Ack(tick).encode(), command.encode()


def guessed_resume_token(rng: random.Random) -> str:
    """Return a text that is a resume token but for its signature."""
    life = "".join(rng.choices(string.ascii_letters + string.digits + "_-", k=12))
    return ResumeTokens(lambda: ("not the secret",)).sign(ResumeToken("arena/1", life, 1))


def forged_tokens(rng: random.Random) -> tuple[str, ...]:
    """Return texts that look more and more like a token, none of them signed by the secret."""
    noise = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz0123456789_-", k=40))
    return (noise, f"{noise}.{noise}", f"eyJpZGVudGl0eSI6ICJhZG1pbiJ9.aVbKqA.{noise}", "." * 500)
