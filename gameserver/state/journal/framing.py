"""The bytes around the records of a journal, and the judgement of its end.

Owns the head of a journal, the frames of its records, and the judgement of an end: complete, torn
by an interrupted write, or damaged.  Never knows what a record means.

    offset  bytes
    0       8   b"gsjrnl\\r\\n"; like that of PNG it shows a transfer that changed line ends
    8       2   version of the format
    10      8   id of the journal, random
    18      4   CRC-32 of the bytes before
    22          records, each: length (4), checksum (4), payload

The checksum of a record is the CRC-32 of its payload, begun with the id of the journal and the
number of the record.  So a record that is repeated, missing, in another place or of another journal
is as wrong as a damaged one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final
from zlib import crc32

import attrs

from gameserver.errors import JournalError

MARK: Final = b"gsjrnl\r\n"
VERSION: Final = 1
ID_BYTES: Final = 8
_HEAD: Final = struct.Struct(">8sH8s")
HEAD_BYTES: Final = _HEAD.size + 4
_FRAME: Final = struct.Struct(">II")
FRAME_BYTES: Final = _FRAME.size
#: The longest record: a key frame of a very large room takes some megabytes.
MAX_RECORD_BYTES: Final = 1 << 28
#: Bytes after a wrong record that are searched for a whole one.
_SEARCHED_BYTES: Final = 1 << 20
_TRIED_BYTES: Final = 1 << 26


@attrs.frozen(order=True)
class Position:
    """A place between two records: the number of the next one, and its offset in bytes."""

    number: int
    offset: int


@attrs.frozen
class Tail:
    """Bytes after the last whole record.

    ``damaged``: whole records follow, so this is not an interrupted write.
    """

    position: Position
    reason: str
    damaged: bool

    def __str__(self) -> str:
        return f"byte {self.position.offset}: {self.reason}"


def _checksum(seed: int, number: int, payload: bytes | memoryview) -> int:
    return crc32(payload, crc32(number.to_bytes(8, "big"), seed))


class FrameWriter:
    """Frames the records of one journal.

    ``position`` is where the next record goes: by default behind the head of a new journal.
    """

    def __init__(self, journal_id: bytes, position: Position | None = None) -> None:
        if len(journal_id) != ID_BYTES:
            raise ValueError(f"the id of a journal has {ID_BYTES} bytes")
        self.position = position or Position(0, HEAD_BYTES)
        self._id = journal_id
        self._seed = crc32(journal_id)

    def head(self) -> bytes:
        """Return the bytes that a journal begins with."""
        head = _HEAD.pack(MARK, VERSION, self._id)
        return head + crc32(head).to_bytes(4, "big")

    def frame(self, payload: bytes) -> bytes:
        """Return a record as bytes, to be appended."""
        number, offset = self.position.number, self.position.offset
        if not 0 < len(payload) <= MAX_RECORD_BYTES:
            raise ValueError(f"a record of {len(payload)} bytes")
        framed = _FRAME.pack(len(payload), _checksum(self._seed, number, payload)) + payload
        self.position = Position(number + 1, offset + len(framed))
        return framed


class FrameReader:
    """Takes the bytes of a journal apart, however they are divided.

    ``feed`` it and take what ``payloads`` yields, in turns; ``tail`` judges what is left over.
    ``position`` is the end of the last whole record.
    """

    def __init__(self) -> None:
        self.journal_id = b""
        self.position = Position(0, 0)
        self._seed = 0
        self._data = bytearray()
        self._at = 0
        #: Why the next record is wrong; None while no error is known.
        self._wrong: str | None = None

    def feed(self, data: bytes) -> None:
        """Add the next bytes; ``JournalError`` if they begin no journal that this version reads."""
        del self._data[: self._at]
        self._at = 0
        self._data += data
        if not self.journal_id:
            self._read_head()

    def _read_head(self) -> None:
        data = self._data
        if data[: len(MARK)] != MARK[: len(data)]:
            raise JournalError("byte 0: this is no journal of a room")
        if len(data) < HEAD_BYTES:
            return
        _, version, journal_id = _HEAD.unpack_from(data)
        if version != VERSION:
            raise JournalError(
                f"byte 8: the format has version {version}, and this gameserver reads {VERSION}"
            )
        if crc32(data[: _HEAD.size]) != int.from_bytes(data[_HEAD.size : HEAD_BYTES], "big"):
            raise JournalError("byte 8: the head is damaged: its checksum is wrong")
        self.journal_id = journal_id
        self._seed = crc32(journal_id)
        self._at = HEAD_BYTES
        self.position = Position(0, HEAD_BYTES)

    def payloads(self) -> Iterator[bytes]:
        """Yield the payloads of all whole records that have been fed."""
        while self.journal_id and self._wrong is None:
            data, at = self._data, self._at
            if len(data) - at < FRAME_BYTES:
                return
            length, expected = _FRAME.unpack_from(data, at)
            if not 0 < length <= MAX_RECORD_BYTES:
                self._wrong = f"a record of {length} bytes"
                return
            end = at + FRAME_BYTES + length
            if len(data) < end:
                return
            payload = bytes(data[at + FRAME_BYTES : end])
            number, offset = self.position.number, self.position.offset
            if _checksum(self._seed, number, payload) != expected:
                self._wrong = f"the checksum of record {number} is wrong"
                return
            self._at = end
            self.position = Position(number + 1, offset + end - at)
            yield payload

    def tail(self) -> Tail | None:
        """Return the bytes after the last whole record, or None; to be called at the end."""
        if not self.journal_id:
            ends = len(self._data)
            raise JournalError(
                f"byte {ends}: the head ends here; it should have {HEAD_BYTES} bytes"
            )
        left = len(self._data) - self._at
        if not left:
            return None
        if self._whole_record_follows():
            reason = self._wrong or f"record {self.position.number} has a wrong length"
            return Tail(self.position, f"{reason}, and others follow", damaged=True)
        reason = self._wrong or f"record {self.position.number} ends after {left} bytes"
        return Tail(self.position, reason, damaged=False)

    def _whole_record_follows(self) -> bool:
        """Whether a whole record begins at any byte after this one."""
        data, number, budget = self._data, self.position.number, _TRIED_BYTES
        last = min(len(data) - FRAME_BYTES, self._at + _SEARCHED_BYTES)
        for at in range(self._at, last):
            length, expected = _FRAME.unpack_from(data, at)
            end = at + FRAME_BYTES + length
            if not 0 < length <= budget or end > len(data):
                continue
            budget -= length
            payload = memoryview(data)[at + FRAME_BYTES : end]
            for there in range(max(0, number - 1), number + 3):
                if _checksum(self._seed, there, payload) == expected:
                    return True
        return False
