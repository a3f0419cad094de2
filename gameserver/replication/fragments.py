"""Entities as msgpack bytes, encoded once and used for every seat.

Owns the packing of flat arrays and the cached full form of an entity.  Never decides who gets
what.  A *fragment* is the bytes of some elements of an array without the array's header, so
fragments are joined by concatenation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gameserver.model.record import Record
from gameserver.protocol.wire import array_header, pack

EMPTY_ARRAY: Final = array_header(0)
NIL: Final = pack(None)


def fragment(flat: Sequence[Any]) -> bytes:
    """Return the bytes of these elements, one after the other.

    Packs them as one array, which is the fastest way, and cuts off the header, whose length
    follows from the number of elements (msgpack spec, "array format family").
    """
    count = len(flat)
    return pack(flat)[1 if count < 16 else 3 if count < 65536 else 5 :]


def enter_fragment(record: Record) -> bytes:
    """Return ``id, kind, value…`` with all public fields; cached until a value changes."""
    full = record.full
    if full is None:
        full = record.full = fragment((record.id, record.kind, *record.values))
    return full


def owner_fragment(record: Record) -> bytes:
    """Return ``id, mask, value…`` with all owner fields, as the checksum takes them."""
    return fragment((record.id, record.spec.owner_mask, *record.owner_values))


def own_fragment(record: Record) -> bytes:
    """Return ``id, mask, value…`` with all owner fields, as ``own`` carries them."""
    values = record.compiled.own_form(record.owner_values)
    return fragment((record.id, record.spec.owner_mask, *values))


def append_since(
    entity_id: int, values: tuple[Any, ...], changed_at: list[int], since: int, out: list[Any]
) -> None:
    """Append ``id, mask, value…`` with the values that changed after ``since``, if any did."""
    mask = 0
    changed: list[Any] = []
    for i, tick in enumerate(changed_at):
        if tick > since:
            mask |= 1 << i
            changed.append(values[i])
    if mask:
        out += (entity_id, mask, *changed)
