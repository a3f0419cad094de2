"""Where the time of a command goes: the latency budget, as the client sees it.

Owns the shares of each command's way from the key to the screen, and their percentiles.  Pure:
times are arguments, in seconds of any steady clock.  ``clients/web/net/budget.js`` is the same in
milliseconds, held together with this by ``tests/vectors/netcode_budget.json``.

A command for tick k is sent at s, its tick is simulated when the clock says k, and the first delta
of tick k or later comes at r.  ``r - s`` is measured.  Of it, ``up`` is half of the quickest round
trip, ``wait`` what is left until tick k, ``simulate`` and ``post`` are the server's word, and
``down`` is the rest.  That the way up takes as long as the way down, and when tick k is,
are estimates (``tickclock.py``), and so are the shares that rest on them: ``ESTIMATED``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

import attrs

#: Shares in the order in which a command meets them.
SHARES: Final = ("up", "wait", "simulate", "post", "down", "drawn")
#: Those that no one can measure, as no two clocks are the same.
ESTIMATED: Final = ("up", "wait", "down")
#: Commands that percentiles are about: some seconds.
WINDOW: Final = 256
#: Commands that wait for their delta; the oldest is forgotten, it was answered by none.
MAX_WAITING: Final = 128


@attrs.frozen
class Budget:
    """The shares of one command, in seconds.

    ``up``: on its way; ``wait``: for its tick; ``simulate``: the server's tick; ``post``: waiting
    to be sent; ``down``: on its way back; ``drawn``: from the delta's arrival until what others
    did about it is on the screen (the own ship, predicted, was drawn long before).
    """

    up: float
    wait: float
    simulate: float
    post: float
    down: float
    drawn: float

    @property
    def total(self) -> float:
        """From sending to seeing."""
        return self.up + self.wait + self.simulate + self.post + self.down + self.drawn


@attrs.frozen
class Percentiles:
    """Of one share over the window, in seconds."""

    p50: float
    p95: float
    p99: float


class LatencyBudget:
    """The budgets of the last ``WINDOW`` commands."""

    def __init__(self) -> None:
        #: (tick, sent at), the oldest first.
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
        """Take in the delta of ``tick``, which came at ``now_s``; it answers all up to its tick.

        ``tick_time_s`` is the local time at which the server was at ``tick``, ``tick_s`` the length
        of a tick, ``half_rtt_s`` half of the quickest round trip; ``simulate_s`` and ``post_s``
        are the server's word, ``drawn_s`` how long playback will take to get to this tick.
        """
        while self._waiting and self._waiting[0][0] <= tick:
            of, sent_s = self._waiting.popleft()
            due_s = tick_time_s - (tick - of) * tick_s
            took_s = now_s - sent_s
            up_s = min(half_rtt_s, took_s)
            # One that came late has not waited.
            wait_s = min(max(due_s - sent_s - up_s, 0.0), took_s - up_s)
            down_s = max(took_s - up_s - wait_s - simulate_s - post_s, 0.0)
            self._budgets.append(Budget(up_s, wait_s, simulate_s, post_s, down_s, drawn_s))

    @property
    def newest(self) -> Budget | None:
        """The shares of the newest command that was answered, None before the first."""
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
