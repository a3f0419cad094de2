"""The latency budget of commands, as the client sees it.

Owns the shares of the time from a command to its effect on the screen, and their percentiles.
Pure: times are arguments, in seconds of any steady clock.  ``clients/web/net/budget.js`` is its
twin, in milliseconds; ``tests/vectors/netcode_budget.json`` tests both.

A command for tick k is sent at s.  The server simulates tick k at the time that the tick clock
estimates, and the first delta of tick k or later comes at r.  ``r - s`` is measured and divided:
``up`` is half of the shortest round trip, ``wait`` is the time until tick k, the server reports
``simulate`` and ``post``, and ``down`` is the rest.  The time of tick k is an estimate
(``tickclock.py``), and the two directions are assumed to take equally long.  So the shares in
``ESTIMATED`` are estimates too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

import attrs

#: The shares in the order in which they occur.
SHARES: Final = ("up", "wait", "simulate", "post", "down", "drawn")
#: The shares that cannot be measured without a common clock.
ESTIMATED: Final = ("up", "wait", "down")
#: How many commands the percentiles cover: some seconds.
WINDOW: Final = 256
#: How many commands may wait for their delta; then the oldest is forgotten.
MAX_WAITING: Final = 128


@attrs.frozen
class Budget:
    """The shares of one command, in seconds.

    ``up``: travelling to the server; ``wait``: waiting for its tick; ``simulate``: the server's
    tick; ``post``: the delta waits to be sent; ``down``: the delta travels; ``drawn``: from the
    delta's arrival until playback shows it (the own entity, which is predicted, was drawn long
    before).
    """

    up: float
    wait: float
    simulate: float
    post: float
    down: float
    drawn: float

    @property
    def total(self) -> float:
        """The time from sending the command until the screen shows its effect on others."""
        return self.up + self.wait + self.simulate + self.post + self.down + self.drawn


@attrs.frozen
class Percentiles:
    """The percentiles of one share over the window, in seconds."""

    p50: float
    p95: float
    p99: float


class LatencyBudget:
    """The budgets of the last ``WINDOW`` commands."""

    def __init__(self) -> None:
        #: (tick, time of sending), the oldest first.
        self._waiting: deque[tuple[int, float]] = deque(maxlen=MAX_WAITING)
        self._budgets: deque[Budget] = deque(maxlen=WINDOW)

    def sent(self, tick: int, now_s: float) -> None:
        """Note that the command for ``tick`` was sent at ``now_s``."""
        self._waiting.append((tick, now_s))

    def answered(
        self,
        tick: int,
        now_s: float,
        *,
        tick_time_s: float,
        tick_s: float,
        half_rtt_s: float,
        simulate_s: float,
        post_s: float,
        drawn_s: float,
    ) -> None:
        """Take in the delta of ``tick``, which came at ``now_s``: it answers all commands up to it.

        ``tick_time_s`` is the local time at which the server was at ``tick``, ``tick_s`` is the
        length of a tick, and ``half_rtt_s`` is half of the shortest round trip.  The server
        reported ``simulate_s`` and ``post_s``.  ``drawn_s`` is the time until playback reaches this
        tick.
        """
        while self._waiting and self._waiting[0][0] <= tick:
            of, sent_s = self._waiting.popleft()
            due_s = tick_time_s - (tick - of) * tick_s
            took_s = now_s - sent_s
            up_s = min(half_rtt_s, took_s)
            # A command that came late has not waited.
            wait_s = min(max(due_s - sent_s - up_s, 0.0), took_s - up_s)
            down_s = max(took_s - up_s - wait_s - simulate_s - post_s, 0.0)
            self._budgets.append(Budget(up_s, wait_s, simulate_s, post_s, down_s, drawn_s))

    @property
    def newest(self) -> Budget | None:
        """The shares of the newest command with an answer, None before the first."""
        return self._budgets[-1] if self._budgets else None

    def percentiles(self) -> dict[str, Percentiles]:
        """Return the percentiles of each share and of the ``total``; empty before the first."""
        if not self._budgets:
            return {}
        return {
            name: _percentiles(sorted(getattr(budget, name) for budget in self._budgets))
            for name in (*SHARES, "total")
        }


def _percentiles(ordered: Sequence[float]) -> Percentiles:
    """Return the percentiles of values in ascending order, by nearest rank."""
    last = len(ordered) - 1
    return Percentiles(*(ordered[int(part * last + 0.5)] for part in (0.50, 0.95, 0.99)))
