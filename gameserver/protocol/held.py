"""The ids of the entities that a client holds, as a byte string in a hello that resumes.

Owns that form (README.md, "hello"): the ids in ascending order, each as the difference to the one
before (the first to 0), in unsigned LEB128: seven bits to a byte, lowest first, and a top bit that
is set if more bytes follow.  A difference is at least 1 and takes no more bytes than it needs, so
neighbouring ids cost about a byte each.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gameserver.errors import RemoteProtocolError
from gameserver.model.fieldtypes import INT_LIMIT

#: A client that holds more ids than fit gets a full state instead.
MAX_HELD_BYTES: Final = 2048

_MORE: Final = 0x80


def encode_held(ids: Iterable[int]) -> bytes | None:
    """Return the byte string of ``ids`` (distinct, from 1), or None if it would be too long."""
    held = bytearray()
    before = 0
    for entity_id in sorted(ids):
        rest = entity_id - before
        before = entity_id
        while rest >= _MORE:
            held.append(rest & 0x7F | _MORE)
            rest >>= 7
        held.append(rest)
    return bytes(held) if len(held) <= MAX_HELD_BYTES else None


def decode_held(held: bytes) -> set[int]:
    """Return the ids in ``held``, or raise ``RemoteProtocolError`` if it has another form."""
    if len(held) > MAX_HELD_BYTES:
        raise RemoteProtocolError("hello.held is too long")
    ids: set[int] = set()
    entity_id = shift = 0
    difference = 0
    for byte in held:
        difference |= (byte & 0x7F) << shift
        if byte & _MORE:
            shift += 7
            if shift > 49:  # 2^52 is the largest integer of the protocol: eight bytes
                raise RemoteProtocolError("hello.held has too large a number")
            continue
        # A last byte of 0 means that the difference is 0, or longer than it needs to be.
        entity_id += difference
        if not byte or entity_id > INT_LIMIT:
            raise RemoteProtocolError("hello.held is not in order")
        ids.add(entity_id)
        difference = shift = 0
    if shift:
        raise RemoteProtocolError("hello.held ends in the middle")
    return ids
