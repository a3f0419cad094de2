"""The overload ladder of a room: the steps by which it saves time when its ticks take too long.

Owns the table of steps and the decision to go up or down.  Pure: the caller reports how long each
tick took.  Never carries a step out; ``room_task.py`` does.

The *load* is the time that ticks take, as a share of the time between two ticks, averaged over a
window of ``WINDOW_S``.  Time in which the server waited for a core does not count.  Four rules keep
the ladder from oscillating:

- a step down is taken only if the ticks would fit after it: publishes that become more frequent or
  reach further cost more, and their present cost tells how much more;
- between ``STEP_DOWN_LOAD`` and ``STEP_UP_LOAD`` nothing changes;
- there is at most one step per window, and a step down needs more than one low window in a row;
- if the load returns soon after a step down, the next step down needs twice as many low windows.

A *rush* is a window in which many players join or come back.  Its cost ends once they are in, and
fewer deltas would not reduce it.  So a rush does not move the ladder, unless it lasts.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Final

import attrs

#: Above this load the ladder goes up a step.
STEP_UP_LOAD: Final = 0.9
#: The ladder goes down a step if the load would stay below this after the step.
STEP_DOWN_LOAD: Final = 0.75
#: The load is averaged over this time, which is also the shortest time between two steps.
WINDOW_S: Final = 1.0
#: A window holds at least this many ticks.  The longest tick of a window does not count, because
#: a single stalled tick is not an overload.
MIN_TICKS: Final = 4
#: Low windows in a row before a step down: initially, and at most, however many relapses there are.
LOW_WINDOWS: Final = 2
MAX_LOW_WINDOWS: Final = 60
#: A step up within this many windows after a step down is a relapse.
RELAPSE_WINDOWS: Final = 10
#: A window is a rush if at least one player in this many came in it.
PLAYERS_PER_ARRIVAL: Final = 10
#: After this many windows in a row, a rush is a load like any other.
RUSH_WINDOWS: Final = 3


class Level(enum.IntEnum):
    """The level that ``on_overload`` and the metrics report; it includes those before it."""

    NORMAL = 0
    HALF_RATE = 1
    SMALLER_VIEW = 2
    SLOWER = 3
    NO_JOINS = 4


@attrs.frozen
class Step:
    """One step of the ladder: what it ``does``, and ``why`` it comes at this place.

    ``pace`` is the speed of game time as a share of real time.
    """

    level: Level
    does: str
    why: str
    pace: float = 1.0

    @property
    def publish_factor(self) -> int:
        """By how much the ticks between two publishes are multiplied."""
        return 2 if self.level >= Level.HALF_RATE else 1

    @property
    def view_share(self) -> float:
        """How wide views are, as a share of the radius of ``Room.view``.

        Two thirds of the width is 4/9 of the area, and so of the data to send.
        """
        return 2 / 3 if self.level >= Level.SMALLER_VIEW else 1.0

    @property
    def refuses_joins(self) -> bool:
        """Whether new players are refused."""
        return self.level >= Level.NO_JOINS


#: From mildest to last resort: the steps that players notice most come late, and refusing joins,
#: which helps only against growth, comes last.
STEPS: Final = (
    Step(Level.NORMAL, "everything", "the ticks fit"),
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
        "the cost of the simulation itself can only be spread over more time",
        pace=0.75,
    ),
    Step(Level.SLOWER, "game time at 1/2 of real time", "3/4 was not enough", pace=0.5),
    Step(
        Level.SLOWER,
        "game time at 3/8 of real time",
        "a simulation of twice the budget fits; below this a game is not playable",
        pace=0.375,
    ),
    Step(
        Level.NO_JOINS,
        "new players are refused",
        "nothing else is left; present players play on, others are told when to retry",
        pace=0.375,
    ),
)


def steps_for(*, has_view: bool) -> tuple[Step, ...]:
    """Return the steps that have an effect in a room; without a view there is none to narrow."""
    return tuple(s for s in STEPS if has_view or s.level is not Level.SMALLER_VIEW)


class OverloadLadder:
    """The position of one room on its ``steps``.

    ``tick_rate`` is the nominal one, in ticks per second of game time.
    """

    __slots__ = (
        "_arrivals",
        "_index",
        "_longest_s",
        "_low_windows",
        "_low_windows_needed",
        "_publish_s",
        "_rushes",
        "_sum_s",
        "_tick_rate",
        "_ticks",
        "_window_began",
        "_window_ticks",
        "_windows_since_down",
        "demanded",
        "downs",
        "load",
        "steps",
        "ups",
    )

    def __init__(self, tick_rate: float, steps: Sequence[Step] = STEPS) -> None:
        self.steps: Final = steps
        #: How many steps up, and down, were taken.
        self.ups = 0
        self.downs = 0
        #: Of the last whole window; 1.0 is all the time there is at the nominal rate.
        self.load = 0.0
        #: The server wants the room to be at this step at least (``server_overload.py``).
        self.demanded = 0
        self._tick_rate = tick_rate
        self._window_ticks = max(MIN_TICKS, round(WINDOW_S * tick_rate))
        self._index = 0
        self._window_began = 0
        self._ticks = 0
        self._sum_s = 0.0
        self._longest_s = 0.0
        self._publish_s = 0.0
        #: Arrivals until the last window, and how many windows in a row were a rush.
        self._arrivals = 0
        self._rushes = 0
        self._low_windows = 0
        self._low_windows_needed = LOW_WINDOWS
        self._windows_since_down = RELAPSE_WINDOWS

    @property
    def step(self) -> Step:
        """The present step."""
        return self.steps[self.index]

    @property
    def index(self) -> int:
        """The index of the room's step, by its own load or because the server wants it."""
        return max(self._index, self.demanded)

    def go_on(self, index: int, tick_number: int, arrivals: int) -> None:
        """Stand at the step at which a room that was handed over stood; measure anew."""
        self._index = min(index, len(self.steps) - 1)
        self._window_began, self._arrivals = tick_number, arrivals

    def ticked(
        self,
        tick_number: int,
        work_s: float,
        publish_s: float,
        players: int,
        arrivals: int,
        own_part: float = 1.0,
    ) -> bool:
        """Record that a tick took ``work_s``, its publish ``publish_s`` of that.

        ``players`` are in the room now, and ``arrivals`` is how many have ever joined or come back.
        ``own_part`` is the part of ticks' time that was not spent waiting for a core.  Returns
        whether the ladder took a step.
        """
        self._ticks += 1
        self._sum_s += work_s
        self._publish_s += publish_s
        if work_s > self._longest_s:
            self._longest_s = work_s
        if tick_number - self._window_began < self._window_ticks or self._ticks < MIN_TICKS:
            return False
        counted_s = max(0.0, self._sum_s - self._longest_s)
        self.load = own_part * counted_s / (self._ticks - 1) * self._tick_rate
        # The longest tick counts here: of few publishes in a window, one is a large share.
        publish_load = own_part * self._publish_s / self._ticks * self._tick_rate
        arrived, self._arrivals = arrivals - self._arrivals, arrivals
        is_rush = arrived * PLAYERS_PER_ARRIVAL >= max(players, 1)
        self._rushes = self._rushes + 1 if is_rush else 0
        self._window_began, self._ticks = tick_number, 0
        self._sum_s = self._longest_s = self._publish_s = 0.0
        return self._decide(publish_load)

    def _decide(self, publish_load: float) -> bool:
        self._windows_since_down += 1
        if self._windows_since_down == RELAPSE_WINDOWS:
            self._low_windows_needed = LOW_WINDOWS
        if self.load * self.step.pace > STEP_UP_LOAD:
            self._low_windows = 0
            if self.index + 1 == len(self.steps) or 0 < self._rushes <= RUSH_WINDOWS:
                return False
            self._go_up()
            return True
        if not self._index or self._load_below(publish_load) >= STEP_DOWN_LOAD:
            self._low_windows = 0
            return False
        self._low_windows += 1
        if self._low_windows < self._low_windows_needed:
            return False
        self._low_windows = self._windows_since_down = 0
        self._index -= 1
        self.downs += 1
        return True

    def _load_below(self, publish_load: float) -> float:
        """Return the load that the last window would have had one step further down."""
        step, below = self.step, self.steps[self._index - 1]
        more = step.publish_factor / below.publish_factor
        if step.level is Level.SMALLER_VIEW:
            # Wider views cost at most by their area, and nothing more where many seats share one.
            # Their width is between the two.
            more *= below.view_share / step.view_share
        return (self.load + publish_load * (more - 1)) * below.pace

    def _go_up(self) -> None:
        if self._windows_since_down < RELAPSE_WINDOWS:
            self._low_windows_needed = min(2 * self._low_windows_needed, MAX_LOW_WINDOWS)
            self._windows_since_down = RELAPSE_WINDOWS + 1  # a relapse counts only once
        self._index = self.index + 1
        self.ups += 1
