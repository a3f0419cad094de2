"""Messages of broken clients: upgrade requests and frames, and their close codes."""

from __future__ import annotations

from tests.support.sockets import (
    SUBPROTOCOL,
)

HEAD = {
    "Host": b"localhost",
    "Connection": b"Upgrade",
    "Upgrade": b"websocket",
    "Sec-WebSocket-Version": b"13",
    "Sec-WebSocket-Key": b"dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": SUBPROTOCOL.encode(),
}


def head(*, method: bytes = b"GET", version: bytes = b"1.1", **changes: bytes | None) -> bytes:
    """An upgrade request; a keyword changes a header (underscores for hyphens), None omits it."""
    headers = HEAD | {name.replace("_", "-"): value for name, value in changes.items()}
    lines = [method + b" /arena HTTP/" + version]
    lines += [name.encode() + b": " + value for name, value in headers.items() if value is not None]
    return b"\r\n".join([*lines, b"", b""])


REFUSED = {
    "non-ascii host": head(Host=b"loc\xe4lhost"),
    "host that is no punycode": head(Host=b"xn--\x7f"),
    "host too long": head(Host=b"a." * 200),
    "non-ascii connection": head(Connection=b"Upgrade, \xff"),
    "non-ascii subprotocol": head(Sec_WebSocket_Protocol=SUBPROTOCOL.encode() + b", \xe9"),
    "non-ascii extensions": head(Sec_WebSocket_Extensions=b"\xe9"),
    "non-ascii upgrade": head(Upgrade=b"websocket, \xe9"),
    "HTTP/1.0": head(version=b"1.0"),
    "HTTP/1.2": head(version=b"1.2"),
    "empty key": head(Sec_WebSocket_Key=b""),
    "no key": head(Sec_WebSocket_Key=None),
    "key that is no base64": head(Sec_WebSocket_Key=b"!" * 24),
    "key of 17 bytes": head(Sec_WebSocket_Key=b"dGhlIHNhbXBsZSBub25jZTE="),
    "two keys": head(Sec_WebSocket_Key=HEAD["Sec-WebSocket-Key"])[:-2]
    + b"Sec-WebSocket-Key: "
    + HEAD["Sec-WebSocket-Key"]
    + b"\r\n\r\n",
    "no connection header": head(Connection=None),
    "no subprotocol": head(Sec_WebSocket_Protocol=None),
    "foreign subprotocol": head(Sec_WebSocket_Protocol=b"chat, superchat"),
    "not GET": head(method=b"POST"),
    "no host": head(Host=None),
    "bytes before the answer": head() + b"\x82\x80abcd",
}


MASKED_PING = b"\x89\x81\0\0\0\0p"


BROKEN_FRAMES = {
    "unmasked": b"\x82\x01x",
    "reserved bit": b"\xc2\x81\0\0\0\0x",
    "unknown opcode": b"\x83\x81\0\0\0\0x",
    "fragmented ping": b"\x09\x80\0\0\0\0",
    "long ping": b"\x89\xfe\x00\x7e\0\0\0\0" + bytes(126),
    "continuation of nothing": b"\x80\x81\0\0\0\0x",
    "message within a message": b"\x02\x81\0\0\0\0x\x82\x81\0\0\0\0x",
    "text that is no utf-8": b"\x81\x81\0\0\0\0\xff",
    "length in too many bytes": b"\x82\xfe\x00\x01\0\0\0\0x",
    "length beyond 2^63": b"\x82\xff\xff\0\0\0\0\0\0\0\0\0\0\0",
    "close with one byte": b"\x88\x81\0\0\0\0x",
    "close with a bad code": b"\x88\x82\0\0\0\0\0\1",
    "close with a reason that is no utf-8": b"\x88\x83\0\0\0\0\x03\xe8\xff",
    "frames after a close": b"\x88\x82\0\0\0\0\x03\xe8" + b"\x82\x81\0\0\0\0x" * 50,
}


CODES = {
    "text that is no utf-8": 1007,
    "close with a reason that is no utf-8": 1007,
    "frames after a close": 1000,
}
