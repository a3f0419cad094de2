"""When the ticks of one room are due: absolute deadlines, catching up, dropping, statistics.

Owns the arithmetic of one room's ticks and what is measured of them.  Pure: time is an argument.
``scheduler.py`` runs the schedules of all rooms.

Two rules:

- The deadline of tick *n* is ``start + n / rate``: one multiplication, not a sum of intervals, so
  an hour of ticks ends with an hour of clock time.  In a room that changes its pace, *n* is the
  steady tick of the tempo (``protocol/tempo.py``).
- The number of a tick tells the time: it is the newest tick whose deadline has passed, or one of at
  most ``MAX_CATCH_UP_TICKS`` that are being caught up.  Ticks that cannot be caught up are dropped,
  so the number jumps; clients set their clocks by it.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection
from typing import Final

import attrs

from gameserver.protocol.tempo import Tempo

#: After this many ticks in a row that begin a whole tick late, the missed ticks are dropped.
MAX_CATCH_UP_TICKS: Final = 2
#: Percentiles are taken over this many ticks.
WINDOW_TICKS: Final = 1024


class Schedule:
    """Decides which tick of a room is due at which time.

    ``rate`` is in ticks per second of game time.  ``start_s``, on any steady clock, is the time of
    tick 0, which never runs; in a recovered room it is the time of ``after_tick``.  ``RoomPace``
    changes the ``tempo`` (``pace.py``), never before the tick that is due next.
    """

    __slots__ = (
        "_catch_ups_in_a_row",
        "_next",
        "catch_ups",
        "dropped",
        "next_deadline_s",
        "rate",
        "start_s",
        "tempo",
        "ticks",
    )

    def __init__(
        self, rate: float, start_s: float, tempo: Tempo | None = None, after_tick: int = 0
    ) -> None:
        self.rate: Final = rate
        self.tempo: Final = tempo or Tempo()
        self.start_s = start_s - self.tempo.steady_of(after_tick) / rate
        #: Ticks that ran, those of them that began a whole tick late or more, and those dropped.
        self.ticks = 0
        self.catch_ups = 0
        self.dropped = 0
        self._next = after_tick + 1
        self._catch_ups_in_a_row = 0
        #: The time at which the next tick is due.
        self.next_deadline_s = self.deadline_s(self._next)

    def go_on(self, deadline_s: float, catch_ups: int) -> None:
        """Continue a schedule whose next tick was due at ``deadline_s``.

        Before any tick is dropped, ``catch_ups`` more ticks than usual may begin late.
        """
        self.shift(deadline_s - self.next_deadline_s)
        self._catch_ups_in_a_row = -catch_ups

    def count_on(self, before: Schedule) -> None:
        """Continue the counts of the schedule that the room had before."""
        self.ticks, self.catch_ups = before.ticks, before.catch_ups
        self.dropped = before.dropped

    def deadline_s(self, tick_number: float) -> float:
        """Return the time at which this tick is due."""
        return self.start_s + self.tempo.steady_of(tick_number) / self.rate

    def now_ticks(self, now_s: float) -> float:
        """Return the time in ticks, with its fraction."""
        return self.tempo.tick_of((now_s - self.start_s) * self.rate)

    def shift(self, later_s: float) -> None:
        """Make all deadlines later by ``later_s``."""
        self.start_s += later_s
        self.next_deadline_s += later_s

    def take(self, now_s: float) -> int | None:
        """Return the number of the tick to run now, or None if none is due yet."""
        if now_s < self.next_deadline_s:
            return None
        number = self._next
        # As ``deadline_s``, without the calls: every tick of every room comes here.
        tempo, following = self.tempo, number + 1
        steady = following if tempo.steady else tempo.steady_of(following)
        following_s = self.start_s + steady / self.rate
        if now_s < following_s:
            self._catch_ups_in_a_row = 0
        elif self._catch_ups_in_a_row < MAX_CATCH_UP_TICKS:
            self._catch_ups_in_a_row += 1
            self.catch_ups += 1
        else:
            self._catch_ups_in_a_row = 0
            newest = self._newest_due(now_s)
            self.dropped += newest - number
            number = newest
            following_s = self.deadline_s(number + 1)
            following = number + 1
        self.ticks += 1
        self._next = following
        self.next_deadline_s = following_s
        return number

    def _newest_due(self, now_s: float) -> int:
        """Return the last tick whose deadline has passed, rounded as the deadlines are."""
        newest = int(self.now_ticks(now_s))
        while self.deadline_s(newest) > now_s:
            newest -= 1
        while self.deadline_s(newest + 1) <= now_s:
            newest += 1
        return newest


@attrs.frozen
class Percentiles:
    """Percentiles of the values in a window; all are 0.0 if there are none."""

    p50: float = 0.0
    p99: float = 0.0
    max: float = 0.0

    @classmethod
    def of(cls, values: Collection[float]) -> Percentiles:
        """Return the percentiles of ``values`` by nearest rank."""
        if not values:
            return cls()
        ordered = sorted(values)
        last = len(ordered) - 1
        return cls(ordered[round(0.50 * last)], ordered[round(0.99 * last)], ordered[last])


@attrs.frozen
class TickStatistics:
    """Counts since the start, and percentiles over the last ``WINDOW_TICKS`` ticks.

    ``work_s`` is how long the body of a tick took; ``lateness_s`` is how long after its deadline it
    began.
    """

    ticks: int
    dropped: int
    catch_ups: int
    work_s: Percentiles
    lateness_s: Percentiles


class TickTimes:
    """The latest ``WINDOW_TICKS`` ticks of one room, in seconds; nothing is summed until asked.

    ``work_s`` is how long a tick took, ``simulate_s`` how long it took until its publish, and
    ``lateness_s`` how long after its deadline it began.
    """

    __slots__ = ("_at", "_figures")

    def __init__(self) -> None:
        #: The three figures of each tick side by side, in one line of the cache.
        self._figures = array("d")
        #: Index of the oldest figures, which the next tick replaces once the window is full.
        self._at = 0

    def note(self, lateness_s: float, simulate_s: float, work_s: float) -> None:
        """Note a tick."""
        figures, at = self._figures, self._at
        if len(figures) < 3 * WINDOW_TICKS:
            figures.append(lateness_s)
            figures.append(simulate_s)
            figures.append(work_s)
            return
        figures[at] = lateness_s
        figures[at + 1] = simulate_s
        figures[at + 2] = work_s
        self._at = (at + 3) % (3 * WINDOW_TICKS)

    @property
    def lateness_s(self) -> array[float]:
        """How long after their deadlines the ticks began, in any order."""
        return self._figures[::3]

    @property
    def simulate_s(self) -> array[float]:
        """How long the ticks took until their publish, in any order."""
        return self._figures[1::3]

    @property
    def work_s(self) -> array[float]:
        """How long the ticks took, in any order."""
        return self._figures[2::3]

    @property
    def last_work_s(self) -> float | None:
        """How long the last tick took; None before there was one."""
        return self._figures[self._at - 1] if self._figures else None

    @property
    def last_simulate_s(self) -> float | None:
        """How long the last tick took until its publish; None before there was one."""
        return self._figures[self._at - 2] if self._figures else None

    def statistics(self, schedule: Schedule) -> TickStatistics:
        """Return the counts of ``schedule`` with present percentiles; sorts two windows."""
        return TickStatistics(
            schedule.ticks,
            schedule.dropped,
            schedule.catch_ups,
            Percentiles.of(self.work_s),
            Percentiles.of(self.lateness_s),
        )
