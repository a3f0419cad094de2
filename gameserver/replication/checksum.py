"""The hash of what a seat should know.

Owns the arithmetic of ``check`` (``gameserver/protocol/README.md``): the sum modulo 2^32
of the CRC-32 of each entity's full form.  A sum can be kept per cell and added up per view; unlike
the XOR of CRCs it notices two entities that swapped a value, because CRC-32 is linear over
XOR (and so blind there) but not over addition.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from zlib import crc32

from gameserver.model.world import Record
from gameserver.replication.fragments import enter_fragment, owner_fragment

MODULUS: Final = 1 << 32


def sum_public(records: Iterable[Record]) -> int:
    """Return the sum over the entities' fields to all; each CRC is cached until a value changes."""
    total = 0
    for record in records:
        crc = record.crc
        if crc is None:
            crc = record.crc = crc32(enter_fragment(record))
        total += crc
    return total


def sum_owner(records: Iterable[Record]) -> int:
    """Return the sum over the entities' owner fields."""
    return sum(crc32(owner_fragment(record)) for record in records)
