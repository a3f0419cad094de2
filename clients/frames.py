"""The WebSocket frames (RFC 6455, 5.2) that a client reads without trio-websocket.

Owns splitting what a server sends into binary messages and *foreign* bytes.  Foreign bytes (text,
pings, closing, whatever breaks the rules) go to trio-websocket unchanged and in order, which
answers them.  Pure: never touches a socket, and makes no frame (``gameserver/protocol/frames.py``).
"""

from __future__ import annotations

from typing import Final

from gameserver.errors import RemoteProtocolError

#: First bytes: FIN, no RSV bit, and the opcode.
_WHOLE_BINARY: Final = 0x82
_FIN: Final = 0x80
_RSV: Final = 0x70
_CONTINUATION: Final = 0
_BINARY: Final = 2
#: Second byte: the mask bit, and the two codes for a length that follows.
_MASKED: Final = 0x80
_SHORT: Final = 125
_LENGTH_16: Final = 126
_LENGTH_64: Final = 127


class FrameScanner:
    """Follows the frames of one server, from the first byte after its HTTP head.

    ``max_message_bytes`` bounds a message, and what is held of an incomplete one.
    """

    __slots__ = ("_foreign_left", "_held", "_lost", "_max_message_bytes", "_parts")

    def __init__(self, max_message_bytes: int) -> None:
        self._max_message_bytes = max_message_bytes
        #: The beginning of an incomplete frame.
        self._held = b""
        #: The fragments of a binary message that has begun and not ended.
        self._parts: list[bytes] | None = None
        #: Bytes still missing of the present foreign frame.
        self._foreign_left = 0
        #: After a frame that breaks the rules, the rest of the stream is foreign.
        self._lost = False

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Return ``(messages, foreign)`` that ``data`` completes.

        ``RemoteProtocolError`` for a message that is too long, or that begins within another.
        """
        messages: list[bytes] = []
        foreign: list[bytes] = []
        if self._held:
            data, self._held = self._held + data, b""
        at, end = 0, len(data)
        while at < end:
            if self._lost:
                foreign.append(data[at:])
                break
            if self._foreign_left:
                passed = data[at : at + self._foreign_left]
                foreign.append(passed)
                at += len(passed)
                self._foreign_left -= len(passed)
                continue
            payload_at, length = _payload_of(data, at, end)
            if not payload_at:
                self._held = data[at:]
                break
            first = data[at]
            opcode = first & ~_FIN
            if data[at + 1] & _MASKED or first & _RSV:
                self._lost = True
            elif opcode == _BINARY or (opcode == _CONTINUATION and self._parts is not None):
                if length > self._max_message_bytes:
                    raise RemoteProtocolError(f"a message of {length} bytes is too long")
                if end - payload_at < length:
                    self._held = data[at:]
                    break
                at = payload_at + length
                self._take(first, data[payload_at:at], messages)
            else:
                foreign.append(data[at:payload_at])
                at = payload_at
                self._foreign_left = length
        return messages, b"".join(foreign)

    def _take(self, first: int, payload: bytes, messages: list[bytes]) -> None:
        """Add a binary frame to the message that it belongs to."""
        parts = self._parts
        if first == _WHOLE_BINARY and parts is None:
            messages.append(payload)
            return
        if first & ~_FIN == _BINARY:
            if parts is not None:
                raise RemoteProtocolError("a message begins within another")
            parts = self._parts = []
        assert parts is not None
        parts.append(payload)
        if sum(map(len, parts)) > self._max_message_bytes:
            raise RemoteProtocolError("a message is too long")
        if first & _FIN:
            messages.append(b"".join(parts))
            self._parts = None


def _payload_of(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Return where the payload of the frame at ``at`` begins, and its length.

    The first is 0 while the header is incomplete.
    """
    if end - at < 2:
        return 0, 0
    length = data[at + 1] & ~_MASKED
    if length <= _SHORT:
        return at + 2, length
    extra = 2 if length == _LENGTH_16 else 8
    payload_at = at + 2 + extra
    if end < payload_at:
        return 0, 0
    return payload_at, int.from_bytes(data[at + 2 : payload_at], "big")
