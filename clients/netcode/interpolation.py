"""Interpolation: others are drawn smoothly, at a tick in the past.

Owns the playback clock, which says which tick the screen shows, and the track of one moving entity.
Pure: times are arguments, in seconds of any steady clock, and ticks otherwise.
``clients/web/net/interpolation.js`` is its twin, in milliseconds;
``tests/vectors/netcode_interpolation.json`` tests both.

Three invariants.  The playback tick never decreases.  A position between two snapshots lies on the
straight line between them, as in the server's lag compensation (``gameserver/model/history.py``),
so a shot at a drawn position hits.  After the newest snapshot an entity moves on for at most
``EXTRAPOLATION_S``, and then stops.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from clients.netcode.tickclock import TickClock

#: Weight of a new arrival in the running means: the gain of RFC 3550, 6.4.1, for jitter.
GAIN: Final = 1 / 16
#: An error of more than this (the machine slept, say) is corrected by a jump; a smaller one by
#: running faster or slower.
SNAP_S: Final = 0.5
#: How much faster or slower than real time playback may run to correct an error.
MAX_SLEW: Final = 0.1
#: An error is corrected in about this time, while ``MAX_SLEW`` allows.
SETTLE_S: Final = 0.5
#: Playback is behind the mean arrival by one interval between deltas and this many mean deviations.
JITTERS: Final = 4
#: The longest delay of playback.
MAX_DELAY_S: Final = 0.4
#: Moving on at the last speed for longer than this is wrong more often than it helps.
EXTRAPOLATION_S: Final = 0.1
#: An error of extrapolation fades over this time.
CORRECTION_S: Final = 0.2
#: How many snapshots of an entity are kept: more than the longest delay at any usual rate.
CAPACITY: Final = 32


class PlaybackClock:
    """The tick that the screen shows: behind the newest delta by a delay that grows with jitter.

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
        #: Gaps between deltas in which playback went past the tick of the next delta.
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
        if self._held and target > self._shown:  # everything stood still, so nothing is skipped
            shown = target
        else:
            shown = self._shown + self._advance(target, elapsed_s)
        # Playback must not run far ahead of a server that has paused.
        limit = max(self._newest + SNAP_S / self._tick_s, self._shown)
        self._held = shown >= limit
        return min(shown, limit)

    def _advance(self, target: float, elapsed_s: float) -> float:
        """Return the ticks to advance in ``elapsed_s``, towards ``target``; 0 or more."""
        elapsed = elapsed_s / self._tick_s
        error_s = (target - self._shown - elapsed) * self._tick_s
        if error_s > SNAP_S:
            return target - self._shown
        guessing = self._shown > self._newest
        if error_s < (-EXTRAPOLATION_S if guessing else -SNAP_S):
            return 0.0
        slew = min(max(error_s / SETTLE_S, -MAX_SLEW), MAX_SLEW)
        # Never beyond the target, however long the last call is ago.
        change_s = max(min(slew * elapsed_s, abs(error_s)), -abs(error_s))
        return max(elapsed + change_s / self._tick_s, 0.0)


class Track:
    """The last positions of one moving entity by tick, and its position at any tick between.

    ``jump_distance`` is the farthest that it can move in one tick.  A longer step is a jump, and is
    not interpolated.
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
        """Add the position at ``tick``, unless a snapshot of that tick or a later one exists."""
        # Runs for every entity in view at every delta.
        snapshots = self._snapshots
        if snapshots:
            last = snapshots[-1][0]
            if tick <= last:
                return
            if self._sampled_tick > last:  # the drawn position was extrapolated
                drawn = self.sample(self._sampled_tick)
                snapshots.append((tick, x, y))
                self._bleed_off(drawn)
                return
        snapshots.append((tick, x, y))

    def sample(self, tick: float) -> tuple[float, float]:
        """Return the position at ``tick``; ``IndexError`` if there is no snapshot.

        Before the first snapshot, it is the position of the first.
        """
        x, y = self._known(tick)
        self._sampled_tick = tick
        left = 1 - (tick - self._error_tick) / self._correction_ticks
        if 0 < left <= 1:
            return x + self._error_x * left, y + self._error_y * left
        return x, y

    def _bleed_off(self, drawn: tuple[float, float]) -> None:
        """Let the difference between the drawn, extrapolated position and the known one fade."""
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
        """Return the position after the newest snapshot: the last speed for a moment, then none."""
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
