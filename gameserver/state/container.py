"""The bytes around a snapshot: its format, length and checksum.

Owns the head (a mark, the version of the format, the length and the CRC-32 of the body) and the
sections of the body, each one msgpack value ``[name, payload]``.  Never knows what a section means.

    offset  bytes
    0       8   b"gsroom\\r\\n"; like that of PNG it shows a transfer that changed line ends
    8       2   version of the format
    10      8   length of the body
    18      4   CRC-32 of the body
    22          the body
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any, Final
from zlib import crc32

import msgpack

from gameserver.errors import LocalProtocolError, SnapshotError
from gameserver.state.values import Unsavable, pack, unpack_extension

MARK: Final = b"gsroom\r\n"
VERSION: Final = 1
_HEAD: Final = struct.Struct(">8sHQI")

#: Exceptions of msgpack for bytes that are not msgpack, or that end within a value.
_UNPACK_ERRORS: Final = (ValueError, TypeError, OverflowError, RecursionError, MemoryError)


def wrap(sections: Iterable[tuple[str, Any]]) -> bytes:
    """Return the bytes of a snapshot with these sections.

    ``LocalProtocolError`` names the section with a value that cannot be packed.
    """
    # Packed piece by piece: one call for all would keep other threads waiting for as long.
    body = b"".join([_packed(section) for section in sections])
    return _HEAD.pack(MARK, VERSION, len(body), crc32(body)) + body


def _packed(section: tuple[str, Any]) -> bytes:
    try:
        return pack(section)
    except (Unsavable, ValueError, TypeError, OverflowError) as error:
        raise LocalProtocolError(f"the {section[0]} of a snapshot: {error}") from error


def unwrap(data: bytes) -> Iterator[tuple[int, str, Any]]:
    """Yield offset, name and payload of each section; ``SnapshotError`` if ``data`` is damaged."""
    if data[: len(MARK)] != MARK:
        raise SnapshotError("byte 0: this is no snapshot of a room")
    if len(data) < _HEAD.size:
        raise SnapshotError(
            f"byte {len(data)}: the head ends here; it should have {_HEAD.size} bytes"
        )
    _, version, length, expected = _HEAD.unpack_from(data)
    if version != VERSION:
        raise SnapshotError(
            f"byte 8: the format has version {version}, and this gameserver reads {VERSION}"
        )
    body = memoryview(data)[_HEAD.size :]
    if len(body) != length:
        raise SnapshotError(
            f"byte {len(data)}: the snapshot ends here; it should have {_HEAD.size + length} bytes"
        )
    if crc32(body) != expected:
        raise SnapshotError(f"byte {_HEAD.size}: the body is damaged: its checksum is wrong")
    return _sections(body)


def _sections(body: memoryview) -> Iterator[tuple[int, str, Any]]:
    unpacker = msgpack.Unpacker(
        max_buffer_size=max(len(body), 1),
        ext_hook=unpack_extension,
        unicode_errors="surrogatepass",
        strict_map_key=False,
    )
    unpacker.feed(body)
    while (offset := unpacker.tell()) < len(body):
        at = _HEAD.size + offset
        try:
            section = unpacker.unpack()
        except _UNPACK_ERRORS as error:
            raise SnapshotError(
                f"byte {at}: no section: {error or type(error).__name__}"
            ) from error
        except msgpack.exceptions.UnpackException as error:
            raise SnapshotError(f"byte {at}: no whole section begins here") from error
        if type(section) is not list or len(section) != 2 or type(section[0]) is not str:
            raise SnapshotError(f"byte {at}: a section is a name and its content")
        yield at, section[0], section[1]
