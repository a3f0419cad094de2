"""The WebSocket frames (RFC 6455, 5.2) that are made without trio-websocket.

Owns building a server's binary, ping and close frames, and a client's masked binary frame.  Never
touches a socket and never reads a frame: ``fast_path.py`` reads those of clients, and
``clients/frames.py`` those of servers.
"""

from __future__ import annotations

from typing import Final

from gameserver.protocol.closing import close_reason

#: FIN, no RSV bit, and the opcode: a whole binary message; a close; a ping.
_WHOLE_BINARY: Final = 0x82
_CLOSE: Final = 0x88
_PING: Final = 0x89
#: The longest payload whose length fits the second byte, and the two codes for a length after it.
_SHORT: Final = 125
_MASKED: Final = 0x80
_LENGTH_16: Final = 126
_LENGTH_64: Final = 127

_CACHED_LENGTHS: Final = 4096
#: The mask of a frame that stays on one machine; masking with it changes nothing.
_NO_MASK: Final = bytes(4)


def _make_header(length: int) -> bytes:
    if length <= _SHORT:
        return bytes((_WHOLE_BINARY, length))
    if length < 1 << 16:
        return bytes((_WHOLE_BINARY, _LENGTH_16)) + length.to_bytes(2, "big")
    return bytes((_WHOLE_BINARY, _LENGTH_64)) + length.to_bytes(8, "big")


_HEADERS: Final = tuple(map(_make_header, range(_CACHED_LENGTHS)))


def binary_frame_header(length: int) -> bytes:
    """Return the header of a server's binary frame whose payload has ``length`` bytes.

    Every delta needs one, so the headers of the usual lengths are made in advance.
    """
    if 0 <= length < _CACHED_LENGTHS:
        return _HEADERS[length]
    return _make_header(length)


def binary_frame(payload: bytes) -> bytes:
    """Return a server's binary frame, which is unmasked, with this ``payload``."""
    return binary_frame_header(len(payload)) + payload


def masked_frame(payload: bytes, mask: bytes = _NO_MASK) -> bytes:
    """Return a client's binary frame with this ``payload``, masked with the 4 bytes of ``mask``.

    One XOR of two large integers instead of one per byte.
    """
    length = len(payload)
    header = binary_frame_header(length)
    if mask != _NO_MASK:
        key = (mask * (length // 4 + 1))[:length]
        masked = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
        payload = masked.to_bytes(length, "big")
    return bytes((header[0], header[1] | _MASKED)) + header[2:] + mask + payload


def ping_frame(payload: bytes) -> bytes:
    """Return a server's ping frame (RFC 6455, 5.5.2); ``payload`` has at most 125 bytes."""
    return bytes((_PING, len(payload))) + payload


def close_frame(code: int, reason: str) -> bytes:
    """Return a server's close frame (RFC 6455, 5.5.1); a reason that is too long is truncated."""
    payload = code.to_bytes(2, "big") + close_reason(reason).encode()
    return bytes((_CLOSE, len(payload))) + payload
