"""The map between ticks and real time, in a room that changes the pace of its game.

The *pace* is a number, game time as a share of real time; the *tempo* is this map.

Owns the map between ticks and *steady ticks*, which are real time counted in ticks of the nominal
length.  The map is a line with a bend at each change of pace.  Pure.  The server's schedule and the
clients' clocks use it alike, so all that know the same bends agree on the time of every tick.
``clients/web/net/tempo.js`` is its twin; ``tests/vectors/netcode_tempo.json`` tests both.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: How many bends are kept.  The map before the oldest continues at the pace of the oldest.
MAX_BENDS: Final = 8


class Tempo:
    """The map of one room.  Initially, ticks and steady ticks are the same."""

    __slots__ = ("_bends", "steady")

    def __init__(self) -> None:
        #: ``(tick, steady tick, pace from there on)``, oldest first, never empty.
        self._bends: list[tuple[float, float, float]] = [(0.0, 0.0, 1.0)]
        #: Whether no bend has come yet: ticks are steady ticks.
        self.steady = True

    @property
    def bends(self) -> list[tuple[float, float, float]]:
        """The bends, oldest first, for a map that goes on elsewhere (``from_bends``)."""
        return list(self._bends)

    def from_bends(self, bends: Iterable[tuple[float, float, float]]) -> None:
        """Become the map with these bends."""
        self._bends = [(tick, steady, pace) for tick, steady, pace in bends]
        self.steady = self._bends == [(0.0, 0.0, 1.0)]

    @property
    def pace(self) -> float:
        """The newest pace: game time as a share of real time."""
        return self._bends[-1][2]

    @property
    def newest_bend(self) -> float:
        """The tick from which on the newest pace holds; 0 if it always has."""
        return self._bends[-1][0]

    def bend(self, tick: float, pace: float) -> bool:
        """Run at ``pace`` from ``tick`` on; return whether this changes anything.

        Replaces every bend at ``tick`` or later.
        """
        bends = self._bends
        if pace == bends[-1][2] and tick >= bends[-1][0]:
            return False
        steady = self.steady_of(tick)
        while bends and bends[-1][0] >= tick:
            bends.pop()
        bends.append((tick, steady, pace))
        self.steady = False
        del bends[:-MAX_BENDS]
        return True

    def steady_of(self, tick: float) -> float:
        """Return the steady tick of ``tick``."""
        at, steady, pace = self._bends[-1]
        if tick < at:  # seldom: nearly all ask for the present
            at, steady, pace = next(
                (bend for bend in reversed(self._bends) if tick >= bend[0]), self._bends[0]
            )
        return steady + (tick - at) / pace

    def tick_of(self, steady: float) -> float:
        """Return the tick, with its fraction, of a steady tick."""
        for at, at_steady, pace in reversed(self._bends):
            if steady >= at_steady:
                return at + (steady - at_steady) * pace
        at, at_steady, pace = self._bends[0]
        return at + (steady - at_steady) * pace
