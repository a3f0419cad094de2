"""The overload ladder of one room: what it gives up, step by step, when its ticks take too long.

Owns the table of the steps and the judgement of when to take one up or down.  Pure: what it knows
is told to it, tick by tick.  Never does what a step says; that is ``room_task.py``'s part.

The *load* is the time that ticks take as a share of the time between two of them, averaged over
a window of ``WINDOW_S``.  Three things keep the ladder from swinging:

- between ``UNDER`` and ``OVER`` nothing happens;
- at most one step is taken per window, and one down only after a row of calm windows;
- where the load comes back soon after a step down, that row is twice as long the next time.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Final

import attrs

#: A step up is taken where ticks need more than this share of the time that they have …
OVER: Final = 0.9
#: … and one down where they would need less than this if it were taken.
UNDER: Final = 0.6
#: What the load is averaged over; also the least time between two steps.
WINDOW_S: Final = 1.0
#: A window holds at least so many ticks.  The longest of them does not count: one tick that was
#: held up is no overload, however long it took.
MIN_TICKS: Final = 4
#: Calm windows in a row before a step down: at first, and after as many relapses as it takes.
CALM_WINDOWS: Final = 5
MOST_CALM_WINDOWS: Final = 60
#: A step up within so many windows after one down is a relapse.
RELAPSE_WINDOWS: Final = 10


class Level(enum.IntEnum):
    """What the game's ``on_overload`` and the metrics are told; each includes those before it."""

    NORMAL = 0
    SPECTATORS = 1
    HALF_RATE = 2
    SMALLER_VIEW = 3
    SLOWER = 4
    CLOSED = 5


@attrs.frozen
class Step:
    """One step of the ladder: ``does`` it, ``why`` here.

    ``pace``: how fast game time runs, as a share of real time.
    """

    level: Level
    does: str
    why: str
    pace: float = 1.0

    @property
    def thins_spectators(self) -> bool:
        """Whether who steers nothing gets only every second delta."""
        return self.level >= Level.SPECTATORS

    @property
    def slows_far(self) -> bool:
        """Whether what nobody is near is told of only in every second delta."""
        return self.level >= Level.SPECTATORS

    @property
    def publish_factor(self) -> int:
        """How many times as many ticks as usual lie between two publishes."""
        return 2 if self.level >= Level.HALF_RATE else 1

    @property
    def view_share(self) -> float:
        """How wide views are, as a share of the room's ``view_radius``.

        Two thirds: that is 4/9 of the area, and of what there is to send.
        """
        return 2 / 3 if self.level >= Level.SMALLER_VIEW else 1.0

    @property
    def refuses_joins(self) -> bool:
        """Whether nobody else is let in."""
        return self.level >= Level.CLOSED


#: From nothing to the last resort.  The first steps cost no player any fairness, so they come
#: first; what everyone notices comes late; what helps only against growth comes last.
STEPS: Final = (
    Step(Level.NORMAL, "everything", "the ticks fit"),
    Step(
        Level.SPECTATORS,
        "every second delta for crowds that steer nothing, and about what nobody is near",
        "nobody's game depends on it, and no player's ship is slowed",
    ),
    Step(
        Level.HALF_RATE,
        "deltas at every second tick",
        "publishing is most of the work; clients interpolate over the gap, ticks stay exact",
    ),
    Step(
        Level.SMALLER_VIEW,
        "views two thirds as wide",
        "less than half as much to send; what is near, and matters most, is still seen",
    ),
    Step(
        Level.SLOWER,
        "game time at 3/4 of real time",
        "what the simulation itself costs can only be spread over more time",
        pace=0.75,
    ),
    Step(Level.SLOWER, "game time at 1/2 of real time", "3/4 was not enough", pace=0.5),
    Step(
        Level.SLOWER,
        "game time at 3/8 of real time",
        "twice the load that the budget allows fits; slower would be no game any more",
        pace=0.375,
    ),
    Step(
        Level.CLOSED,
        "nobody else is let in",
        "all else is given up; who plays goes on, and others are told when to ask again",
        pace=0.375,
    ),
)


def steps_for(*, has_view: bool) -> tuple[Step, ...]:
    """Return the steps that do something in a room; without a view there is none to narrow."""
    return tuple(s for s in STEPS if has_view or s.level is not Level.SMALLER_VIEW)


class Ladder:
    """Where on its ``steps`` one room stands.

    ``tick_rate`` is the nominal one, in ticks per second of game time.
    """

    __slots__ = (
        "_calm",
        "_calm_wanted",
        "_index",
        "_longest_s",
        "_since_down",
        "_sum_s",
        "_tick_rate",
        "_ticks",
        "_window_began",
        "_window_ticks",
        "downs",
        "load",
        "steps",
        "ups",
    )

    def __init__(self, tick_rate: float, steps: Sequence[Step] = STEPS) -> None:
        self.steps: Final = steps
        #: How often a step up, and one down, was taken.
        self.ups = 0
        self.downs = 0
        #: Of the last whole window; 1.0 is all the time there is at the nominal rate.
        self.load = 0.0
        self._tick_rate = tick_rate
        self._window_ticks = max(MIN_TICKS, round(WINDOW_S * tick_rate))
        self._index = 0
        self._window_began = 0
        self._ticks = 0
        self._sum_s = 0.0
        self._longest_s = 0.0
        self._calm = 0
        self._calm_wanted = CALM_WINDOWS
        self._since_down = RELAPSE_WINDOWS

    @property
    def step(self) -> Step:
        """Where it stands."""
        return self.steps[self._index]

    def ticked(self, tick_number: int, work_s: float) -> bool:
        """Take in that the work of a tick took ``work_s``; return whether a step was taken."""
        self._ticks += 1
        self._sum_s += work_s
        if work_s > self._longest_s:
            self._longest_s = work_s
        if tick_number - self._window_began < self._window_ticks or self._ticks < MIN_TICKS:
            return False
        counted_s = max(0.0, self._sum_s - self._longest_s)
        self.load = counted_s / (self._ticks - 1) * self._tick_rate
        self._window_began, self._ticks = tick_number, 0
        self._sum_s = self._longest_s = 0.0
        return self._judge()

    def _judge(self) -> bool:
        index = self._index
        self._since_down += 1
        if self._since_down == RELAPSE_WINDOWS:
            self._calm_wanted = CALM_WINDOWS
        if self.load * self.steps[index].pace > OVER:
            self._calm = 0
            if index + 1 == len(self.steps):
                return False
            self._go_up()
            return True
        if not index or self.load * self.steps[index - 1].pace >= UNDER:
            self._calm = 0
            return False
        self._calm += 1
        if self._calm < self._calm_wanted:
            return False
        self._calm = self._since_down = 0
        self._index -= 1
        self.downs += 1
        return True

    def _go_up(self) -> None:
        if self._since_down < RELAPSE_WINDOWS:
            self._calm_wanted = min(2 * self._calm_wanted, MOST_CALM_WINDOWS)
            self._since_down = RELAPSE_WINDOWS + 1  # one relapse is counted once
        self._index += 1
        self.ups += 1
