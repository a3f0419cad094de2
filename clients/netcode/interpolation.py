"""Drawing others in the past, smoothly: which tick the screen shows, and where a thing was then.

Owns the playback clock and the last snapshots of one moving thing.  Pure: times are arguments, in
seconds of any steady clock, and ticks otherwise.  ``clients/web/interpolation.js`` is the same in
milliseconds, held together with this by ``tests/vectors/netcode_interpolation.json``.

Three invariants: the playback tick never runs backwards; a place between two snapshots lies on the
straight line between them, as the server's rewinding has it (``gameserver/model/history.py``), so
that who aims at what is shown hits; and after the newest snapshot a thing goes on for
``EXTRAPOLATION_S`` at the most, and then stands still.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from clients.netcode.tickclock import TickClock

#: Weight of a new arrival in the running means: 1/16, the gain of RFC 3550, 6.4.1, for jitter.
GAIN: Final = 1 / 16
#: A late burst or a sleeping machine moves playback at once; below that it only runs faster.
SNAP_S: Final = 0.5
#: How much faster or slower than real time playback may run while it seeks its place.
MAX_SLEW: Final = 0.1
#: A whole error is made good in about this long (while ``MAX_SLEW`` allows).
SETTLE_S: Final = 0.5
#: Playback is one publish interval and this many mean deviations behind the mean arrival …
JITTERS: Final = 4
#: … but never further than this.
MAX_DELAY_S: Final = 0.4
#: Going on at the last speed for longer than this guesses wrong more often than it helps.
EXTRAPOLATION_S: Final = 0.1
#: What extrapolation got wrong fades over this time.
CORRECTION_S: Final = 0.2
#: Snapshots of one thing: more than the longest delay at any usual rate.
CAPACITY: Final = 32


class PlaybackClock:
    """Which tick the screen shows: behind the newest delta by as much as the jitter asks for.

    The delay is at least ``min_delay_s``, and at least ``min_intervals`` times the interval between
    two deltas, which ``clock`` knows.  All is computed in the steady ticks of ``clock``.
    """

    __slots__ = (
        "_at_s",
        "_clock",
        "_drawn",
        "_held",
        "_jitter_s",
        "_lag_s",
        "_min_delay_s",
        "_min_intervals",
        "_missing",
        "_newest",
        "_shown",
        "_tick_s",
        "underruns",
    )

    def __init__(self, clock: TickClock, *, min_delay_s: float, min_intervals: float = 0) -> None:
        #: Gaps in which playback passed the time that the next delta told of, when it came.
        self.underruns = 0
        self._clock: Final = clock
        self._tick_s: Final = 1 / clock.tick_rate
        self._min_delay_s: Final = min_delay_s
        self._min_intervals: Final = min_intervals
        #: Mean of the arrival time minus the time of the tick, NaN before the first arrival.
        self._lag_s = math.nan
        self._jitter_s = 0.0
        self._newest = -math.inf
        self._missing = False
        self._shown = math.nan
        self._drawn = -math.inf
        self._held = False
        self._at_s = 0.0

    @property
    def jitter_s(self) -> float:
        """Mean deviation of the arrival times."""
        return self._jitter_s

    @property
    def delay_s(self) -> float:
        """How far behind the mean arrival playback aims to be."""
        interval_s = self._clock.interval_ticks * self._tick_s
        least_s = max(self._min_delay_s, self._min_intervals * interval_s)
        return min(max(least_s, interval_s + JITTERS * self._jitter_s), MAX_DELAY_S)

    def arrived(self, tick: float, now_s: float) -> None:
        """Take in that the delta of ``tick`` was applied at ``now_s``."""
        tick = self._clock.steady_of(tick)
        # Ticks without a delta were quiet: nothing moved that playback could have missed.
        missed = self._shown > max(self._newest, tick - self._clock.interval_ticks)
        self.underruns += missed and not self._missing
        self._missing = missed
        self._newest = tick
        lag_s = now_s - tick * self._tick_s
        off_s = lag_s - self._lag_s
        if math.isnan(off_s) or abs(off_s) > SNAP_S:
            self._lag_s = lag_s
            return
        self._lag_s += off_s * GAIN
        self._jitter_s += (abs(off_s) - self._jitter_s) * GAIN

    def tick_at(self, now_s: float) -> float:
        """Return the tick, with its fraction, to draw at ``now_s``; NaN before the first delta.

        ``now_s`` must not decrease from call to call; the tick does not either.
        """
        target = (now_s - self._lag_s - self.delay_s) / self._tick_s
        if math.isnan(target):
            return math.nan
        if math.isnan(self._shown):
            self._shown = target
        else:
            self._shown = self._next(target, now_s - self._at_s)
        self._at_s = now_s
        # A change of pace that is announced late also changes the time of ticks already drawn.
        self._drawn = max(self._drawn, self._clock.tick_of(self._shown))
        return self._drawn

    def _next(self, target: float, elapsed_s: float) -> float:
        """Return the tick to show after ``elapsed_s``; no less than the one shown before."""
        if self._held and target > self._shown:  # all stood still: nothing is passed over
            shown = target
        else:
            shown = self._shown + self._advance(target, elapsed_s)
        # A server that paused must not find playback far ahead of it when it goes on.
        limit = max(self._newest + SNAP_S / self._tick_s, self._shown)
        self._held = shown >= limit
        return min(shown, limit)

    def _advance(self, target: float, elapsed_s: float) -> float:
        """Return by how many ticks to move on in ``elapsed_s``, seeking ``target``; 0 or more."""
        elapsed = elapsed_s / self._tick_s
        error_s = (target - self._shown - elapsed) * self._tick_s
        if error_s > SNAP_S:
            return target - self._shown
        guessing = self._shown > self._newest
        if error_s < (-EXTRAPOLATION_S if guessing else -SNAP_S):
            return 0.0
        slew = min(max(error_s / SETTLE_S, -MAX_SLEW), MAX_SLEW)
        # Not beyond the target, however long nobody asked.
        change_s = max(min(slew * elapsed_s, abs(error_s)), -abs(error_s))
        return max(elapsed + change_s / self._tick_s, 0.0)


class Track:
    """The last places of one moving thing, by tick, and its place at any tick between.

    ``jump_distance`` is the farthest that it can honestly move in one tick: a longer step is a
    jump, and nothing lies between.
    """

    __slots__ = (
        "_correction_ticks",
        "_error_tick",
        "_error_x",
        "_error_y",
        "_extrapolation_ticks",
        "_jump_distance",
        "_sampled_tick",
        "_snapshots",
    )

    def __init__(self, jump_distance: float, tick_s: float) -> None:
        self._jump_distance: Final = jump_distance
        self._extrapolation_ticks: Final = EXTRAPOLATION_S / tick_s
        self._correction_ticks: Final = CORRECTION_S / tick_s
        #: (tick, x, y), the oldest first.
        self._snapshots: deque[tuple[int, float, float]] = deque(maxlen=CAPACITY)
        self._sampled_tick = -math.inf
        self._error_x = 0.0
        self._error_y = 0.0
        self._error_tick = -math.inf

    @property
    def first_tick(self) -> float:
        """Tick of the first snapshot still held, infinite if there is none."""
        return self._snapshots[0][0] if self._snapshots else math.inf

    @property
    def last_tick(self) -> float:
        """Tick of the newest snapshot, minus infinity if there is none."""
        return self._snapshots[-1][0] if self._snapshots else -math.inf

    def push(self, tick: int, x: float, y: float) -> None:
        """Add the place at ``tick``; one that is not later than all before is left out."""
        snapshots = self._snapshots
        if snapshots:
            last = snapshots[-1][0]
            if tick <= last:
                return
            if self._sampled_tick > last:  # what was drawn was a guess
                drawn = self.sample(self._sampled_tick)
                snapshots.append((tick, x, y))
                self._bleed_off(drawn)
                return
        snapshots.append((tick, x, y))

    def sample(self, tick: float) -> tuple[float, float]:
        """Return the place at ``tick``; ``IndexError`` if there is no snapshot at all.

        Before the first snapshot it is that of the first.
        """
        x, y = self._known(tick)
        self._sampled_tick = tick
        left = 1 - (tick - self._error_tick) / self._correction_ticks
        if 0 < left <= 1:
            return x + self._error_x * left, y + self._error_y * left
        return x, y

    def _bleed_off(self, drawn: tuple[float, float]) -> None:
        """What was drawn by guess and what is now known differ: let the difference fade."""
        x, y = self._known(self._sampled_tick)
        self._error_x, self._error_y = drawn[0] - x, drawn[1] - y
        self._error_tick = self._sampled_tick
        reach = self._jump_distance * self._extrapolation_ticks
        if math.hypot(self._error_x, self._error_y) > reach:
            self._error_x = self._error_y = 0.0

    def _known(self, tick: float) -> tuple[float, float]:
        snapshots = self._snapshots
        after = len(snapshots)
        while after and snapshots[after - 1][0] > tick:
            after -= 1
        if after == len(snapshots):
            return self._beyond(tick)
        to_tick, to_x, to_y = snapshots[after]
        if not after:
            return to_x, to_y
        from_tick, from_x, from_y = snapshots[after - 1]
        if self._is_jump(snapshots[after - 1], snapshots[after]):
            return from_x, from_y
        part = (tick - from_tick) / (to_tick - from_tick)
        return from_x + (to_x - from_x) * part, from_y + (to_y - from_y) * part

    def _beyond(self, tick: float) -> tuple[float, float]:
        """Return the place after the newest snapshot: the last speed for a moment, then still."""
        last_tick, x, y = last = self._snapshots[-1]
        if tick == last_tick or len(self._snapshots) == 1:
            return x, y
        before_tick, before_x, before_y = before = self._snapshots[-2]
        if self._is_jump(before, last):
            return x, y
        part = min(tick - last_tick, self._extrapolation_ticks) / (last_tick - before_tick)
        return x + (x - before_x) * part, y + (y - before_y) * part

    def _is_jump(self, one: tuple[int, float, float], other: tuple[int, float, float]) -> bool:
        distance = math.hypot(other[1] - one[1], other[2] - one[2])
        return distance > self._jump_distance * (other[0] - one[0])
