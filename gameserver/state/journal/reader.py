"""Reads a journal from a stream of bytes.

Owns the order of reading: head, header, then records up to the last whole one.  Never plays any.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from gameserver.errors import JournalError
from gameserver.state.journal.framing import FrameReader, Position, Tail
from gameserver.state.journal.records import Header, Record, unpack_record

_CHUNK_BYTES: Final = 1 << 18


class Stream(Protocol):
    """Bytes to read, such as a file or ``io.BytesIO``."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; none at the end."""


class JournalReader:
    """A journal as records; ``JournalError`` names the offset of an error.

    Iterating yields the records after the header, once.  After that ``tail`` describes the bytes
    after the last whole record; it is None for a complete journal.  A damaged journal raises at the
    end of the iteration, unless ``lenient``: after a power loss, later blocks may have reached the
    disk before an earlier one.
    """

    def __init__(self, stream: Stream, *, lenient: bool = False) -> None:
        self.tail: Tail | None = None
        #: Bytes read so far, for showing progress.
        self.read_bytes = 0
        #: The record that was yielded last, as bytes for ``unpack_record``.
        self.payload = b""
        self._stream = stream
        self._lenient = lenient
        self._frames = FrameReader()
        self._records = self._all_records()
        header = next(self._records, None)
        if header is None:
            self._finish()
            raise JournalError(f"{self.tail or 'byte 22: it ends here'}; it has no header")
        if not isinstance(header, Header):
            raise JournalError("byte 22: the first record is no header")
        self.header: Final = header

    @property
    def journal_id(self) -> bytes:
        """The id that all records of it are sealed with."""
        return self._frames.journal_id

    @property
    def position(self) -> Position:
        """The end of the record that was yielded last."""
        return self._frames.position

    def __iter__(self) -> Iterator[Record]:
        yield from self._records
        self._finish()

    def _finish(self) -> None:
        self.tail = self._frames.tail()
        if self.tail is not None and self.tail.damaged and not self._lenient:
            raise JournalError(str(self.tail))

    def _all_records(self) -> Iterator[Record]:
        while data := self._stream.read(_CHUNK_BYTES):
            self.read_bytes += len(data)
            self._frames.feed(data)
            offset = self._frames.position.offset
            for payload in self._frames.payloads():
                try:
                    record = unpack_record(payload)
                except JournalError as error:
                    raise JournalError(f"byte {offset}: {error}") from error
                self.payload = payload
                yield record
                offset = self._frames.position.offset
