"""Entities and events as msgpack bytes, encoded once and used by every seat.

Owns the packing of flat arrays and the cached full form of an entity.  Never decides who
gets what.  A *fragment* is the bytes of some elements of an array without the array's
header, so that fragments are joined by plain concatenation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gameserver.model.world import Record
from gameserver.protocol.wire import pack


def fragment(flat: Sequence[Any]) -> bytes:
    """Return the bytes of these elements, one after the other.

    Packs them as one array, which is by far the fastest way, and cuts the header off; its
    length follows from the number of elements (msgpack spec, "array format family").
    """
    count = len(flat)
    return pack(flat)[1 if count < 16 else 3 if count < 65536 else 5 :]


def enter_fragment(record: Record) -> bytes:
    """Return ``id, kind, value…`` with all fields to all; cached until a value changes."""
    full = record.full
    if full is None:
        full = record.full = fragment((record.id, record.kind, *record.values))
    return full


def owner_fragment(record: Record) -> bytes:
    """Return ``id, mask, value…`` with all owner fields."""
    return fragment((record.id, record.spec.full_owner_mask, *record.owner_values))
