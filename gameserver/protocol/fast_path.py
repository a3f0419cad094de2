"""The fast path in: splits a client's byte stream into plain frames and foreign bytes.

Owns the recognition of frames (RFC 6455, 5.2) and nothing else.  *Plain* frames are complete,
unfragmented, masked binary frames of at most ``MAX_CLIENT_MESSAGE_BYTES``; plain frames and pongs
are unmasked and returned at once.  All other bytes are *foreign*: trio-websocket gets them,
unchanged and in order, and so handles text, fragments, pings, closing and every error.  Never
touches a socket.

Messages keep their order.  The session takes a foreign message some time later, so plain frames are
foreign, too, while a foreign message is received or has not been taken (``outstanding``).
"""

from __future__ import annotations

import struct
from typing import Final

from gameserver.protocol.wire import MAX_CLIENT_MESSAGE_BYTES

#: First bytes: FIN, no RSV bit, and the opcode.
_WHOLE_BINARY: Final = 0x82
_PONG: Final = 0x8A
_FIN: Final = 0x80
_RSV: Final = 0x70
_CLOSE_OPCODE: Final = 8
_CONTROL: Final = 8
_KNOWN_OPCODES: Final = frozenset({0, 1, 2, 8, 9, 10})
#: Second byte: the mask bit, and the two codes for a length that follows.
_MASKED: Final = 0x80
_SHORT: Final = 125
_LENGTH_16: Final = 126
_MASK_BYTES: Final = 4
#: The header of a client's frame of up to ``_SHORT`` bytes.
_SHORT_HEADER_BYTES: Final = 2 + _MASK_BYTES
#: By length of the payload: the mask and the masked payload of such a frame; the number by which a
#: mask is multiplied to repeat it over the payload, in whole masks; and the bits that are too many.
_SHORT_FRAMES: Final = tuple([struct.Struct(f">xxI{length}s") for length in range(_SHORT + 1)])
_MASK_REPEATS: Final = tuple(
    [int("1" + "00000001" * (length // _MASK_BYTES), 16) for length in range(_SHORT + 1)]
)
_MASK_REST_BITS: Final = tuple([8 * (4 - length % 4) for length in range(_SHORT + 1)])
#: Most fragments of one message; an honest client has no reason to send more than one.
MAX_FRAGMENTS: Final = 64


class FastPathScanner:
    """Follows the frames of one connection, from the first byte after its HTTP head.

    While ``open`` is False, everything but pongs is foreign.
    """

    __slots__ = (
        "_between_messages",
        "_ends_message",
        "_foreign_left",
        "_fragments",
        "_held",
        "_in_message",
        "_lost",
        "_max_fragments",
        "_message_ends",
        "_takes_pongs",
        "foreign_bytes",
        "foreign_frames",
        "open",
        "outstanding",
        "shredded",
    )

    def __init__(self, max_fragments: int = MAX_FRAGMENTS, *, takes_pongs: bool = True) -> None:
        self.open = False
        #: Foreign frames begun so far, and foreign bytes returned.
        self.foreign_frames = 0
        self.foreign_bytes = 0
        #: Whether pongs are returned, or foreign like the rest.
        self._takes_pongs = takes_pongs
        #: Complete foreign messages that the session has not taken yet; it counts them down.
        self.outstanding = 0
        #: Where they end, in foreign bytes.
        self._message_ends: list[int] = []
        #: The beginning of an incomplete frame, at most as long as a plain frame.
        self._held = b""
        #: Bytes still missing of the present foreign frame, and whether it ends a message.
        self._foreign_left = 0
        self._ends_message = False
        #: Whether a fragmented message has begun and not ended.
        self._in_message = False
        self._fragments = 0
        self._max_fragments = max_fragments
        #: Whether a message had more than ``max_fragments``; trio-websocket would keep them all.
        self.shredded = False
        #: After a close frame or an error, the rest of the stream is foreign.
        self._lost = False
        #: Whether the next byte begins a message, as far as the stream is understood.
        self._between_messages = True

    def feed(self, data: bytes) -> tuple[list[bytes], list[bytes], bytes]:
        """Return ``(payloads, pongs, foreign)`` of the frames that ``data`` completes.

        ``payloads`` and ``pongs`` are unmasked and in order; ``foreign`` is for trio-websocket.
        """
        only = self.only_frame(data)
        if only is not None:
            return [only], [], b""
        payloads: list[bytes] = []
        pongs: list[bytes] = []
        foreign: list[bytes] = []
        if self._held:
            data, self._held = self._held + data, b""
        at, end = 0, len(data)
        while at < end:
            if self._lost:
                foreign.append(data[at:])
                self.foreign_bytes += end - at
                break
            if self._foreign_left:
                passed = data[at : at + self._foreign_left]
                foreign.append(passed)
                self.foreign_bytes += len(passed)
                at += len(passed)
                self._pass(len(passed))
                continue
            first = data[at]
            plain = (
                first == _WHOLE_BINARY
                and self.open
                and not self.outstanding
                and not self._in_message
            )
            if plain or (first == _PONG and self._takes_pongs):
                payload_at, length = _small_frame(data, at, end)
                if length >= 0:
                    if end - payload_at < length:
                        self._held = data[at:]
                        break
                    payload = _unmasked(data, payload_at, length)
                    (payloads if plain else pongs).append(payload)
                    at = payload_at + length
                    continue
            header_bytes = self._begin_foreign(data, at, end)
            if not header_bytes:
                self._held = data[at:]
                break
            foreign.append(data[at : at + header_bytes])
            self.foreign_bytes += header_bytes
            at += header_bytes
            self._pass(0)
        self._between_messages = not (
            self._in_message or self._held or self._foreign_left or self._lost
        )
        return payloads, pongs, b"".join(foreign)

    def only_frame(self, data: bytes) -> bytes | None:
        """Return the payload if ``data`` is exactly one short plain frame, or None.

        The fast path for nearly all data.  It changes no state; after None, ``feed`` the data.
        """
        length = len(data) - _SHORT_HEADER_BYTES
        if (
            0 <= length <= _SHORT
            and data[1] == _MASKED + length
            and data[0] == _WHOLE_BINARY
            and self.open
            and self._between_messages
            and not self.outstanding
        ):
            mask, masked = _SHORT_FRAMES[length].unpack(data)
            key: int = mask * _MASK_REPEATS[length] >> _MASK_REST_BITS[length]
            return (int.from_bytes(masked, "big") ^ key).to_bytes(length, "big")
        return None

    def _begin_foreign(self, data: bytes, at: int, end: int) -> int:
        """Begin the foreign frame at ``at`` and return its header's length, or 0 if incomplete.

        Marks the stream as lost if it is unknown where the next frame begins.
        """
        if end - at < 2:
            return 0
        first, second = data[at], data[at + 1]
        opcode = first & 0x0F
        code = second & ~_MASKED
        length_bytes = 0 if code <= _SHORT else 2 if code == _LENGTH_16 else 8
        if not self._may_follow(first, opcode) or not second & _MASKED:
            self._lost = True
            return end - at
        if length_bytes and opcode >= _CONTROL:  # RFC 6455, 5.5: control frames are short
            self._lost = True
            return end - at
        # A wrong length is passed on at once, without waiting for the mask.
        if end - at < 2 + length_bytes:
            return 0
        length = code
        if length_bytes:
            length = int.from_bytes(data[at + 2 : at + 2 + length_bytes], "big")
            # RFC 6455, 5.2: the shortest form, and 63 bits.
            shortest = length > (_SHORT if length_bytes == 2 else 0xFFFF)
            if not shortest or length >> 63:
                self._lost = True
                return end - at
        header_bytes = 2 + length_bytes + _MASK_BYTES
        if end - at < header_bytes:
            return 0
        self.foreign_frames += 1
        self._foreign_left = length
        self._lost = opcode == _CLOSE_OPCODE
        self._ends_message = opcode < _CONTROL and bool(first & _FIN)
        if opcode < _CONTROL:
            self._fragments = self._fragments + 1 if self._in_message else 1
            self._in_message = True
            self.shredded = self.shredded or self._fragments > self._max_fragments
        return header_bytes

    def _may_follow(self, first: int, opcode: int) -> bool:
        """Whether a frame with this first byte is allowed here (RFC 6455, 5.4 and 5.5)."""
        if first & _RSV or opcode not in _KNOWN_OPCODES:
            return False
        if opcode >= _CONTROL:
            return bool(first & _FIN)
        return (opcode == 0) == self._in_message

    def _pass(self, passed_bytes: int) -> None:
        """Count bytes of the foreign frame as passed on, and its message at its end."""
        self._foreign_left -= passed_bytes
        if not self._foreign_left and self._ends_message:
            self._ends_message = False
            self._in_message = False
            self.outstanding += 1
            self._message_ends.append(self.foreign_bytes)

    # ------------------------------------------------------------ what has not been taken

    def message_taken(self) -> int:
        """Note that the session has taken a foreign message; return its end, in foreign bytes."""
        self.outstanding -= 1
        return self._message_ends.pop(0)

    @property
    def held(self) -> bytes:
        """The beginning of an incomplete frame that was not returned yet."""
        return self._held

    @property
    def lost(self) -> bool:
        """Whether nothing can follow but the end: a close frame or an error has come."""
        return self._lost or self.shredded

    @property
    def between_messages(self) -> bool:
        """Whether no foreign frame or message is incomplete, or waits for the session."""
        return not (self._foreign_left or self._in_message or self.outstanding)


def _small_frame(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Return where the payload of the frame at ``at`` begins, and its length.

    The length is -1 if the frame is not small, or not valid.  If the header is incomplete, both are
    such that the frame counts as incomplete.
    """
    if end - at < 2:
        return end, 1
    length = data[at + 1] - _MASKED
    if 0 <= length <= _SHORT:
        return at + 2 + _MASK_BYTES, length
    if length != _LENGTH_16 or data[at] == _PONG:  # no mask, or of 64 bits; pongs are short
        return at, -1
    if end - at < 4:
        return end, 1
    length = data[at + 2] << 8 | data[at + 3]
    # A length not in its shortest form is an error (RFC 6455, 5.2), which trio-websocket answers.
    if not _SHORT < length <= MAX_CLIENT_MESSAGE_BYTES:
        return at, -1
    return at + 4 + _MASK_BYTES, length


def _unmasked(data: bytes, payload_at: int, length: int) -> bytes:
    """Return the unmasked payload; the mask comes right before it (RFC 6455, 5.3).

    One XOR of two large integers instead of one per byte.
    """
    mask = data[payload_at - _MASK_BYTES : payload_at]
    key = (mask * (length // _MASK_BYTES + 1))[:length]
    masked = data[payload_at : payload_at + length]
    return (int.from_bytes(masked, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")
