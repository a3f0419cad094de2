"""The pace of one room: what a change of pace means for its clients and its intervals.

The *pace* is a number: game time as a share of real time.  The *tempo* (``protocol/tempo.py``) is
the map from ticks to real time that follows from all paces so far.

Owns the tempo of the room, the announcement of each change, and the intervals that must stay the
same in real time.  Pure.  Never decides the pace; the overload ladder (``overload.py``) does.
"""

from __future__ import annotations

from typing import Any, Final

from gameserver.protocol.frames import binary_frame
from gameserver.protocol.messages import Pace
from gameserver.protocol.tempo import Tempo

#: A change of pace is announced this long before it happens, at the nominal rate.  A client that
#: hears of it within this time never has a wrong estimate of the tick.
NOTICE_S: Final = 0.5
#: A seat for which nothing changes gets an empty delta this often (protocol/README.md, "delta").
QUIET_S: Final = 3.0
#: A client acknowledges every second; after this long without an acknowledgement it is behind.
ACK_WINDOW_S: Final = 4.0


class RoomPace:
    """The pace of one room.

    ``tick_rate`` is the nominal rate, ``publish_every`` how many ticks usually lie between deltas.
    """

    __slots__ = ("_announced", "_tick_rate", "tempo", "tick_s")

    def __init__(self, tick_rate: int, publish_every: int) -> None:
        #: Shared with the schedule of the ticks.
        self.tempo: Final = Tempo()
        #: The real time between two ticks.
        self.tick_s = 1 / tick_rate
        self._tick_rate = tick_rate
        self._announced = Pace(0, 1.0, publish_every)

    def to_plain(self) -> list[Any]:
        """Return it as plain values."""
        told = self._announced
        return [self.tempo.bends, [told.tick, told.pace, told.publish_every]]

    def go_on(self, plain: list[Any]) -> None:
        """Continue the pace of a room that was handed over, of which its clients know."""
        bends, told = plain
        self.tempo.from_bends(bends)
        self._announce(Pace(*told))

    def _announce(self, pace: Pace) -> None:
        self._announced = pace
        self.tick_s = 1 / (self._tick_rate * pace.pace)

    @property
    def share(self) -> float:
        """Game time as a share of real time."""
        return self._announced.pace

    @property
    def publish_interval(self) -> int:
        """The number of ticks between two deltas."""
        return self._announced.publish_every

    def change(self, tick_number: int, share: float, publish_interval: int) -> bytes | None:
        """Change the pace soon after ``tick_number``.

        Returns the frame that announces it to every client, or None if nothing changes.
        """
        starts = self._announced.tick
        if share != self.share:
            starts = tick_number + max(1, round(NOTICE_S * self._tick_rate))
            self.tempo.bend(starts, share)
        announced = Pace(starts, share, publish_interval)
        if announced == self._announced:
            return None
        self._announce(announced)
        return binary_frame(announced.encode())

    @property
    def quiet_ticks(self) -> int:
        """The number of ticks after which a seat gets a delta even if nothing changes for it."""
        # The last publish within the time must send it.
        return max(1, self._ticks_in(QUIET_S) - self.publish_interval)

    @property
    def window_ticks(self) -> int:
        """The number of ticks for which a delta may go unacknowledged."""
        return max(1, self._ticks_in(ACK_WINDOW_S))

    def _ticks_in(self, real_s: float) -> int:
        return round(real_s * self._tick_rate * self.share)
