"""WebSocket frames (RFC 6455, 5.2) of the two kinds that are worth a short road of their own.

Owns building the header of an unmasked binary frame of the server, and finding complete,
small, unfragmented, masked binary frames in what a client sent.  Everything else (control
frames, text, fragments, errors) is trio-websocket's: the scanner stops in front of it and
leaves the bytes as they are.  Never touches a socket, never keeps state between calls.
"""

from __future__ import annotations

from typing import Final

from gameserver.protocol.wire import MAX_CLIENT_MESSAGE_BYTES

#: FIN, no RSV bit, opcode 2: a whole binary message.
_WHOLE_BINARY: Final = 0x82
_MASKED: Final = 0x80
#: Longest payload whose length fits the second byte; the two codes say what follows it.
_SHORT: Final = 125
_LENGTH_16: Final = 126
_LENGTH_64: Final = 127

_CACHED_LENGTHS: Final = 4096


def _make_header(length: int) -> bytes:
    if length <= _SHORT:
        return bytes((_WHOLE_BINARY, length))
    if length < 1 << 16:
        return bytes((_WHOLE_BINARY, _LENGTH_16)) + length.to_bytes(2, "big")
    return bytes((_WHOLE_BINARY, _LENGTH_64)) + length.to_bytes(8, "big")


_HEADERS: Final = tuple(map(_make_header, range(_CACHED_LENGTHS)))


def binary_frame_header(length: int) -> bytes:
    """Return the header of a server's binary frame whose payload has ``length`` bytes.

    Paid for every player in every tick, so that the usual lengths are made in advance.
    """
    if 0 <= length < _CACHED_LENGTHS:
        return _HEADERS[length]
    return _make_header(length)


def binary_frame(payload: bytes) -> bytes:
    """Return the whole unmasked binary frame of a server that carries ``payload``."""
    return binary_frame_header(len(payload)) + payload


def scan_client_frames(
    buffer: bytes | bytearray | memoryview, start: int = 0
) -> tuple[list[bytes], int, bool]:
    """Return ``(payloads, consumed, partial)`` of the plain frames at ``start`` in ``buffer``.

    Plain frames are complete, unfragmented, masked binary frames without RSV bits, with a
    payload of at most ``MAX_CLIENT_MESSAGE_BYTES`` and the shortest form of its length.
    ``payloads`` are theirs, unmasked, in order; ``consumed`` is how many bytes they took, from
    ``start`` on.  What is left then is nothing, or the beginning of a plain frame (``partial``
    is true: wait for more), or something else (false: hand it to trio-websocket unchanged).
    """
    payloads: list[bytes] = []
    end = len(buffer)
    at = start
    while True:
        # Every check that the bytes at hand allow, so that a foreign frame is never waited for.
        if at == end:
            return payloads, at - start, False
        if buffer[at] != _WHOLE_BINARY:
            return payloads, at - start, False
        if end - at < 2:
            return payloads, at - start, True
        length = buffer[at + 1] - _MASKED
        mask_at = at + 2
        if length == _LENGTH_16:
            mask_at = at + 4
            if end < mask_at:
                return payloads, at - start, True
            length = buffer[at + 2] << 8 | buffer[at + 3]
            # Not the shortest form is an error (RFC 6455, 5.2), which is for others to answer.
            if not _SHORT < length <= MAX_CLIENT_MESSAGE_BYTES:
                return payloads, at - start, False
        elif not 0 <= length <= _SHORT:  # not masked, or of 64 bits
            return payloads, at - start, False
        payload_at = mask_at + 4
        if end < payload_at + length:
            return payloads, at - start, True
        payloads.append(_unmask(buffer, mask_at, length))
        at = payload_at + length


def _unmask(buffer: bytes | bytearray | memoryview, mask_at: int, length: int) -> bytes:
    """Return the payload behind the mask at ``mask_at`` (RFC 6455, 5.3).

    XOR of two large integers: one operation for the whole payload instead of one per byte.
    """
    payload_at = mask_at + 4
    mask = bytes(buffer[mask_at:payload_at])
    key = (mask * (length // 4 + 1))[:length]
    masked = buffer[payload_at : payload_at + length]
    return (int.from_bytes(masked, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")
