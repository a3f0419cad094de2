"""The durations of inputs at the server: the server's part of the latency budget.

Owns the measured durations of one seat and of one room.  Reads no clock: all moments come from the
caller, on one clock of its choice, in seconds; 0.0 stands for a moment that nobody measured.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from gameserver.replication.seat import Seat

#: How many of the latest inputs of one player, and of a whole room, have their durations kept.
WINDOW_PLAYER: Final = 64
WINDOW_ROOM: Final = 1024


class InputTimes:
    """The durations of the latest inputs, in seconds.

    ``waits_s``: from reading an input to the beginning of its tick.  ``sends_s``: from the end of
    that tick's simulation until the first delta that reports it was written, which belongs to a
    later tick where a link was behind.
    """

    __slots__ = ("sends_s", "waits_s")

    def __init__(self, window: int) -> None:
        self.waits_s: deque[float] = deque(maxlen=window)
        self.sends_s: deque[float] = deque(maxlen=window)


#: Shared by the seats of rooms without inputs.
NO_TIMES: Final = InputTimes(0)


class RoomInputTimes:
    """The durations of all inputs of a room, and the moment at which the present tick began."""

    __slots__ = ("begun_s", "times", "untold")

    def __init__(self) -> None:
        self.times: Final = InputTimes(WINDOW_ROOM)
        self.begun_s = 0.0
        #: The seats with an applied input that no delta has reported yet.
        self.untold: list[SeatInputTimes] = []

    def begin_tick(self, begun_s: float) -> None:
        """Measure the inputs of the tick that begins now."""
        self.begun_s = begun_s

    def note_sent(self, tick: int, sent_s: float, simulated_for_s: float) -> None:
        """Note that the deltas of ``tick`` have been written, the last one at ``sent_s``.

        ``simulated_for_s`` is the duration of that tick's simulation, a stage of its own.
        """
        if self.untold:
            ready_s = sent_s - simulated_for_s
            self.untold = [seat for seat in self.untold if not seat.note_sent(tick, ready_s)]


class SeatInputTimes:
    """The durations of the inputs of one seat."""

    __slots__ = ("_room", "_seat", "_untold_s", "times")

    def __init__(self, seat: Seat, room: RoomInputTimes, times: InputTimes) -> None:
        self.times: Final = times
        self._seat = seat
        self._room = room
        #: The beginning of the first tick whose input no delta has reported yet; 0.0: none.
        self._untold_s = 0.0

    def note_applied(self, read_s: float) -> None:
        """Note that an input that was read at ``read_s`` is applied in the present tick."""
        room = self._room
        begun_s = room.begun_s
        if not (begun_s and read_s):
            return
        wait_s = begun_s - read_s
        self.times.waits_s.append(wait_s)
        room.times.waits_s.append(wait_s)
        if not self._untold_s:
            self._untold_s = begun_s
            room.untold.append(self)

    def note_sent(self, tick: int, ready_s: float) -> bool:
        """Return whether no applied input remains untold after the deltas of ``tick``."""
        if not self._untold_s:
            return True
        if self._seat.posted_tick != tick:
            return False
        send_s = ready_s - self._untold_s
        self._untold_s = 0.0
        self.times.sends_s.append(send_s)
        self._room.times.sends_s.append(send_s)
        return True

    def forget_untold(self) -> None:
        """Note that no delta will report the applied inputs: the connection is lost."""
        self._untold_s = 0.0
