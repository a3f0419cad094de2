"""The checksum of what a seat should know, and which seats are due to get it.

Owns the arithmetic of ``check`` (``gameserver/protocol/README.md``): the sum modulo 2^32 of the
CRC-32 of each entity's full form.  A sum can be kept per cell and added up per view.  It also
notices two entities that swapped a value, which an XOR of CRCs cannot, because CRC-32 is linear
over XOR but not over addition.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from zlib import crc32

from gameserver.model.record import Record
from gameserver.replication.fragments import enter_fragment, owner_fragment
from gameserver.replication.seat import Seat

MODULUS: Final = 1 << 32

#: Seats are checked in this many turns, because all of them at once would make one tick far longer
#: than the others.  Each turn computes the checksum of every entity in view anew, so more turns
#: cost more.
CHECK_TURNS: Final = 5
#: The turn of a publish that checks no seat.
NO_TURN: Final = -1


class CheckTurns:
    """Decides at which publish which turn is due; each seat is checked once in ``every_ticks``."""

    __slots__ = ("_last_tick", "_ticks_per_turn", "_turn")

    def __init__(self, every_ticks: int) -> None:
        self._ticks_per_turn = max(1, round(every_ticks / CHECK_TURNS))
        self._turn = 0
        self._last_tick = 0

    def due_at(self, tick: int) -> int:
        """Return the turn that is due at ``tick``, or ``NO_TURN``; called once per publish."""
        if tick - self._last_tick < self._ticks_per_turn:
            return NO_TURN
        self._last_tick = tick
        self._turn = (self._turn + 1) % CHECK_TURNS
        return self._turn


def is_checked(seat: Seat, turn: int) -> bool:
    """Whether ``seat`` is checked in this turn."""
    return seat.number % CHECK_TURNS == turn


def sum_public(records: Iterable[Record]) -> int:
    """Return the sum over the public fields; each CRC is cached until a value changes."""
    total = 0
    for record in records:
        crc = record.crc
        if crc is None:
            crc = record.crc = crc32(enter_fragment(record))
        total += crc
    return total


def sum_owner(records: Iterable[Record]) -> int:
    """Return the sum over the owner fields."""
    return sum(crc32(owner_fragment(record)) for record in records)
