"""When a room's ticks happen: absolute deadlines, catching up, dropping, and statistics.

Owns the arithmetic (``Schedule``, which is pure: time is an argument) and the Trio loop around it
(``Ticker``).  Never knows what a tick does.

Two rules:

- The deadline of tick *n* is ``start + n / rate``: one multiplication, not a sum of intervals, so
  an hour of ticks ends with an hour of clock time.  In a room that changes its pace, *n* is the
  steady tick of the tempo (``protocol/tempo.py``).
- The number of a tick tells the time: it is the newest tick whose deadline has passed, or one of at
  most ``MAX_CATCH_UP_TICKS`` that are being caught up.  Ticks that cannot be caught up are dropped,
  so the number jumps; clients set their clocks by it.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Self

import attrs
import trio

from gameserver.protocol.tempo import Tempo

#: After this many ticks in a row that begin a whole tick late, the missed ticks are dropped.
MAX_CATCH_UP_TICKS: Final = 2
#: Percentiles are taken over this many ticks.
WINDOW_TICKS: Final = 1024


@attrs.define
class Schedule:
    """Decides which tick is due at which time.

    ``rate`` is in ticks per second of game time.  ``start_s``, on any steady clock, is the time of
    tick 0, which never runs.  ``RoomPace`` bends the ``tempo`` (``pace.py``).
    """

    rate: float
    start_s: float
    tempo: Tempo = attrs.field(factory=Tempo)
    #: Ticks that ran, those of them that began a whole tick late or more, and those dropped.
    ticks: int = attrs.field(default=0, init=False)
    catch_ups: int = attrs.field(default=0, init=False)
    dropped: int = attrs.field(default=0, init=False)
    _next: int = attrs.field(default=1, init=False)
    _catch_ups_in_a_row: int = attrs.field(default=0, init=False)

    def deadline_s(self, tick_number: int) -> float:
        """Return the time at which this tick is due."""
        return self.start_s + self.tempo.steady_of(tick_number) / self.rate

    @property
    def next_deadline_s(self) -> float:
        """The time at which the next tick is due."""
        return self.deadline_s(self._next)

    def now_ticks(self, now_s: float) -> float:
        """Return the time in ticks, with its fraction."""
        return self.tempo.tick_of((now_s - self.start_s) * self.rate)

    def take(self, now_s: float) -> int | None:
        """Return the number of the tick to run now, or None if none is due yet."""
        if now_s < self.next_deadline_s:
            return None
        if now_s < self.deadline_s(self._next + 1):
            self._catch_ups_in_a_row = 0
        elif self._catch_ups_in_a_row < MAX_CATCH_UP_TICKS:
            self._catch_ups_in_a_row += 1
            self.catch_ups += 1
        else:
            self._catch_ups_in_a_row = 0
            newest = self._newest_due(now_s)
            self.dropped += newest - self._next
            self._next = newest
        self.ticks += 1
        self._next += 1
        return self._next - 1

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
    def of(cls, values: deque[float]) -> Percentiles:
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


class Ticker:
    """An async iterator over the tick numbers of one room; its time starts when it is made.

    The body of the loop is the tick.  It must not wait, because all its time counts as work.
    """

    def __init__(self, rate: float, tempo: Tempo) -> None:
        self._schedule = Schedule(rate, trio.current_time(), tempo)
        self._work_s: deque[float] = deque(maxlen=WINDOW_TICKS)
        self._lateness_s: deque[float] = deque(maxlen=WINDOW_TICKS)
        self._begun_s: float | None = None

    @property
    def now_ticks(self) -> float:
        """The time in ticks, with its fraction."""
        return self._schedule.now_ticks(trio.current_time())

    @property
    def last_work_s(self) -> float | None:
        """How long the last tick took, or None before the first has ended."""
        return self._work_s[-1] if self._work_s else None

    @property
    def dropped(self) -> int:
        """How many ticks were dropped."""
        return self._schedule.dropped

    def statistics(self) -> TickStatistics:
        """Return the present counts and percentiles; sorts two windows."""
        return TickStatistics(
            self._schedule.ticks,
            self._schedule.dropped,
            self._schedule.catch_ups,
            Percentiles.of(self._work_s),
            Percentiles.of(self._lateness_s),
        )

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> int:
        """Wait for the next tick and return its number."""
        if self._begun_s is not None:
            self._work_s.append(trio.current_time() - self._begun_s)
            self._begun_s = None
        schedule = self._schedule
        while True:
            deadline_s = schedule.next_deadline_s
            # Also if the tick is late already: without a checkpoint no other task would run beside
            # an overloaded room.
            await trio.sleep_until(deadline_s)
            begun_s = trio.current_time()
            tick_number = schedule.take(begun_s)
            if tick_number is not None:
                break
        # After a jump this is the lateness of the first tick dropped, which is the largest.
        self._lateness_s.append(begun_s - deadline_s)
        self._begun_s = begun_s
        return tick_number
