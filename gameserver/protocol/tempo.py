"""How ticks lie in real time while a room slows its game down: ``pace`` messages, as a map.

Owns the map between ticks and *steady ticks*: real time, counted in ticks of the nominal length.
It is a line with a bend wherever the pace changes.  Pure.  The server's schedule and the clients'
clocks use the same one, so whoever knows all bends agrees on the time of every tick;
``clients/web/net/tempo.js`` is its twin, ``tests/vectors/netcode_tempo.json`` holds both together.
"""

from __future__ import annotations

from typing import Final

#: Bends that are remembered; what lies before the oldest is taken to run on as it.
MAX_BENDS: Final = 8


class Tempo:
    """The map of one room; at first ticks and steady ticks are the same."""

    __slots__ = ("_bends",)

    def __init__(self) -> None:
        #: (tick, steady tick, pace from there on), oldest first, never empty.
        self._bends: list[tuple[float, float, float]] = [(0.0, 0.0, 1.0)]

    @property
    def pace(self) -> float:
        """The newest pace: game time as a share of real time."""
        return self._bends[-1][2]

    def bend(self, tick: float, pace: float) -> bool:
        """Run at ``pace`` from ``tick`` on; return whether that was news.

        What was to change at ``tick`` or later does not.
        """
        bends = self._bends
        if pace == bends[-1][2] and tick >= bends[-1][0]:
            return False
        steady = self.steady_of(tick)
        while bends and bends[-1][0] >= tick:
            bends.pop()
        bends.append((tick, steady, pace))
        del bends[:-MAX_BENDS]
        return True

    def steady_of(self, tick: float) -> float:
        """Return the steady tick at which ``tick`` is."""
        for at, steady, pace in reversed(self._bends):
            if tick >= at:
                return steady + (tick - at) / pace
        at, steady, pace = self._bends[0]
        return steady + (tick - at) / pace

    def tick_of(self, steady: float) -> float:
        """Return the tick, with its fraction, at a steady tick."""
        for at, at_steady, pace in reversed(self._bends):
            if steady >= at_steady:
                return at + (steady - at_steady) * pace
        at, at_steady, pace = self._bends[0]
        return at + (steady - at_steady) * pace
