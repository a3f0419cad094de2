"""The own ship, ahead of the server: predict, reconcile, and smooth what had to be corrected.

Owns the states that commands not yet acknowledged lead to.  Pure: what a state and a command are
is the game's, which gives one pure ``step(state, command) -> state``, the very one that the server
runs.  ``clients/web/net/prediction.js`` is the same, held together with this by
``tests/vectors/netcode_prediction.json``.

Reconciliation is by tick.  The server's state *after* tick T is compared with what was predicted
for T.  If they are equal (the usual case: one comparison), so is all that follows.  If not, the
commands for ticks after T are replayed on the server's state.

States must compare by value (named tuples and frozen attrs classes do), and never be changed.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import attrs

S = TypeVar("S")
C = TypeVar("C")

#: What was corrected fades on the screen by half in this time.
HALF_LIFE_S: Final = 0.08
#: Less than this part of the snap distance is not worth drawing.
_NOTHING: Final = 1 / 4096


@attrs.define
class CorrectionCounts:
    """What reconciling had to mend.  Distances are of the newest predicted state, before and after.

    ``corrections`` moved the ship; ``adjustments`` changed only what does not move it now (a
    pickup's energy: the world's doing, which no command explains).
    """

    corrections: int = 0
    adjustments: int = 0
    distance_sum: float = 0.0
    distance_worst: float = 0.0
    #: Ticks that were not predicted because ``max_pending`` waited for the server already.
    refused: int = 0


class Predictor(Generic[S, C]):
    """The state of what the player steers, after the newest command.

    ``distance(before, after)`` says how far apart two states would be drawn.  At most
    ``max_pending`` ticks are predicted beyond the server's word; then ``apply`` refuses (the ship
    stops, as it is better not to fly on for seconds by guess), and counts it.
    """

    def __init__(
        self,
        step: Callable[[S, C], S],
        distance: Callable[[S, S], float],
        *,
        max_pending: int,
    ) -> None:
        self.counts = CorrectionCounts()
        self._step = step
        self._distance = distance
        self._max_pending: Final = max_pending
        self._state: S | None = None
        #: The tick after which ``state`` is what is predicted.
        self.tick = 0
        #: The server's newest word: its state after this tick.
        self._known: S | None = None
        self._known_tick = 0
        #: (tick, its command, the state after it) for later ticks, the oldest first.
        self._pending: deque[tuple[int, C, S]] = deque()

    @property
    def state(self) -> S | None:
        """The predicted state after ``tick``; None while there is nothing to steer."""
        return self._state

    @property
    def pending(self) -> int:
        """How many predicted ticks the server has not confirmed."""
        return len(self._pending)

    def reset(self, tick: int, state: S | None) -> None:
        """Begin anew from the server's ``state`` after ``tick``; None: there is nothing to steer.

        No correction: this is for what came into being, or was away.
        """
        self._pending.clear()
        self._state = self._known = state
        self.tick = self._known_tick = tick

    def apply(self, tick: int, command: C) -> bool:
        """Predict ``tick``, which must be later than all before, under ``command``; whether it was.

        Ticks left out are not simulated; who skips some applies what the server will do then.
        """
        state = self._state
        if state is None or tick <= self.tick:
            return False
        if len(self._pending) >= self._max_pending:
            self.counts.refused += 1
            return False
        self._state = state = self._step(state, command)
        self.tick = tick
        self._pending.append((tick, command, state))
        return True

    def peek(self, command: C) -> S | None:
        """Return what ``command`` would lead to in the next tick, to draw a part of the way there.

        This is how a key shows within a frame although ticks are further apart.
        """
        return None if self._state is None else self._step(self._state, command)

    def reconcile(self, tick: int, state: S) -> S | None:
        """Take in the server's ``state`` after ``tick``.

        Returns the newest predicted state as it was before, if that had to be corrected, for
        ``Smoothing``; None if there was nothing to mend.
        """
        before, predicted = self._state, self._known
        if before is None or tick < self._known_tick:
            return None
        pending = self._pending
        while pending and pending[0][0] <= tick:
            predicted = pending.popleft()[2]
        self._known, self._known_tick = state, tick
        if predicted == state and tick <= self.tick:
            return None
        self._replay(tick, state)
        return self._counted(before)

    def _replay(self, tick: int, state: S) -> None:
        for index, (later, command, _) in enumerate(self._pending):
            state = self._step(state, command)
            self._pending[index] = (later, command, state)
        self._state = state
        self.tick = max(self.tick, tick)

    def _counted(self, before: S) -> S | None:
        after = self._state
        assert after is not None
        if before == after:
            return None
        distance = self._distance(before, after)
        counts = self.counts
        if distance == 0:
            counts.adjustments += 1
        else:
            counts.corrections += 1
            counts.distance_sum += distance
            counts.distance_worst = max(counts.distance_worst, distance)
        return before


class Smoothing:
    """Lets what was corrected fade on the screen: an offset to add where the ship is drawn.

    It halves every ``HALF_LIFE_S``.  One that is longer than ``snap_distance`` is dropped: it was
    no error but another place.
    """

    def __init__(self, snap_distance: float) -> None:
        self.snaps = 0
        self._snap_distance: Final = snap_distance
        self._x = 0.0
        self._y = 0.0
        self._at_s = 0.0

    def add(self, dx: float, dy: float, now_s: float) -> None:
        """Take in that what was drawn lies ``dx, dy`` from where it will be drawn now."""
        x, y = self.offset(now_s)
        x += dx
        y += dy
        if math.hypot(x, y) > self._snap_distance:
            x = y = 0.0
            self.snaps += 1
        self._x, self._y, self._at_s = x, y, now_s

    def clear(self) -> None:
        """Forget what was corrected: what is drawn now is another thing."""
        self._x = self._y = 0.0

    def offset(self, now_s: float) -> tuple[float, float]:
        """Return what to add to the predicted place at ``now_s``."""
        if self._x == 0 and self._y == 0:
            return 0.0, 0.0
        left = math.pow(0.5, (now_s - self._at_s) / HALF_LIFE_S)
        if left * math.hypot(self._x, self._y) < self._snap_distance * _NOTHING:
            self._x = self._y = 0.0
            return 0.0, 0.0
        return self._x * left, self._y * left
