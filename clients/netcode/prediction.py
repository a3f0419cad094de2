"""Client-side prediction of the player's own entity: predict, reconcile, smooth corrections.

Owns the predicted states for commands that the server has not acknowledged.  Pure.  The game
defines states and commands, and provides a pure function ``step(state, command) -> state``, the one
that the server runs.  ``clients/web/net/prediction.js`` is its twin;
``tests/vectors/netcode_prediction.json`` tests both.

Reconciliation is by tick.  The server's state *after* tick T is compared with the prediction for
T.  If they are equal (the usual case), later predictions are right too.  If not, the commands for
ticks after T are replayed on the server's state.

States must compare by value (named tuples and frozen attrs classes do) and must be immutable.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import attrs

S = TypeVar("S")
C = TypeVar("C")

#: The offset of a correction on the screen halves in this time.
HALF_LIFE_S: Final = 0.08
#: An offset of less than this share of the snap distance is dropped.
_NOTHING: Final = 1 / 4096


@attrs.define
class CorrectionCounts:
    """Counts of reconciliation.  Distances are between the newest state before and after.

    ``corrections`` moved the entity.  ``adjustments`` changed only state that does not move it now,
    such as the energy from a pickup, which no command explains.
    """

    corrections: int = 0
    adjustments: int = 0
    distance_sum: float = 0.0
    distance_worst: float = 0.0
    #: Ticks that were not predicted because ``max_pending`` ticks waited for the server.
    refused: int = 0


class Predictor(Generic[S, C]):
    """The state of the entity that the player steers, after the newest command.

    ``distance(before, after)`` returns how far apart two states would be drawn.  At most
    ``max_pending`` ticks are predicted beyond the server's newest state.  Then ``apply`` refuses
    and counts that: the entity stops, instead of moving on by guesses for seconds.
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
        #: The tick after which ``state`` is predicted.
        self.tick = 0
        #: The server's newest state, and the tick after which it holds.
        self._known: S | None = None
        self._known_tick = 0
        #: (tick, its command, the state after it) for later ticks, the oldest first.
        self._pending: deque[tuple[int, C, S]] = deque()

    @property
    def state(self) -> S | None:
        """The predicted state after ``tick``; None while there is no entity to steer."""
        return self._state

    @property
    def pending(self) -> int:
        """The number of predicted ticks that the server has not confirmed."""
        return len(self._pending)

    def reset(self, tick: int, state: S | None) -> None:
        """Start over from the server's ``state`` after ``tick``; None: there is no entity to steer.

        This is for an entity that is new or was away, so it counts no correction.
        """
        self._pending.clear()
        self._state = self._known = state
        self.tick = self._known_tick = tick

    def apply(self, tick: int, command: C) -> bool:
        """Predict ``tick`` with ``command``; return False if that is refused.

        ``tick`` must be later than all before.  Skipped ticks are not simulated: the caller applies
        the commands that the server will apply then.
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
        """Return the state after the next tick if ``command`` is given; None without a state.

        Drawing the entity between ``state`` and this one shows a key press in the next frame,
        although ticks are further apart.
        """
        return None if self._state is None else self._step(self._state, command)

    def reconcile(self, tick: int, state: S) -> S | None:
        """Take in the server's ``state`` after ``tick``.

        Returns the newest predicted state from before the correction, for ``Smoothing``; None if
        no correction was needed.
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
    """Smooths corrections: an offset that is added to the drawn position and fades.

    The offset halves every ``HALF_LIFE_S``.  An offset longer than ``snap_distance`` is dropped:
    the entity was moved, not mispredicted.
    """

    def __init__(self, snap_distance: float) -> None:
        self.snaps = 0
        self._snap_distance: Final = snap_distance
        self._x = 0.0
        self._y = 0.0
        self._at_s = 0.0

    def add(self, dx: float, dy: float, now_s: float) -> None:
        """Take in a correction: the drawn position lies ``dx, dy`` from the corrected one."""
        x, y = self.offset(now_s)
        x += dx
        y += dy
        if math.hypot(x, y) > self._snap_distance:
            x = y = 0.0
            self.snaps += 1
        self._x, self._y, self._at_s = x, y, now_s

    def clear(self) -> None:
        """Drop the offset: another entity is drawn now."""
        self._x = self._y = 0.0

    def offset(self, now_s: float) -> tuple[float, float]:
        """Return the offset to add to the predicted position at ``now_s``."""
        if self._x == 0 and self._y == 0:
            return 0.0, 0.0
        left = math.pow(0.5, (now_s - self._at_s) / HALF_LIFE_S)
        if left * math.hypot(self._x, self._y) < self._snap_distance * _NOTHING:
            self._x = self._y = 0.0
            return 0.0, 0.0
        return self._x * left, self._y * left
