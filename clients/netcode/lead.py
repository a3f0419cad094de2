"""How far ahead of the server a client plays: which tick its next command is for.

Owns the client's tick, a line of its own that runs at the server's rate, only up to
``MAX_SLEW`` faster or slower while it seeks its place.  Pure: times are arguments, in seconds of
any steady clock; ``clients/web/net/lead.js`` is the same in milliseconds, held together with this
by ``tests/vectors/netcode_lead.json``.

All is told in *offsets*: steady ticks (``protocol/tempo.py``) minus ``local time * rate``, so that
nothing here depends on when it is asked.  With ``a`` the offset at which commands arrive (the
server's tick at which one due at local time 0 is read; a loop that wakes late adds to it as a slow
link does), a command for tick k arrives ``offset - a`` ticks before it is needed.  ``a`` begins as
the clock's offset and half the round trip.  Then the margins in deltas correct it: a command sent
when the offset was ``o``, that was ``m`` ticks early, arrived within ``o - m - 1 < a <= o - m``.
As this holds whatever the offset is by now, a correction is never made twice, and there is nothing
that could swing.

- Later than ``a``: ``a`` grows by ``LATE_STEP_TICKS``, and after ``LATE_RUN`` in a row to the
  least late of them.
- Earlier: ``a`` shrinks by ``EARLY_STEP_TICKS``, and after ``EARLY_RUN`` in a row, in no less than
  ``EARLY_RUN_TICKS``, to the least early of them.
- Within: nothing is known to be wrong.

If the clock itself changes its mind by more than ``BELIEVE_TICKS``, all begins anew from there.

The two steps balance where one command in ``LATE_STEP / EARLY_STEP`` is late: the smallest lead
that the jitter allows.  Where the jitter is below a tick, no command is late at all.

Lost segments are something else: TCP holds back all that was sent after one, and then delivers it
at once (a *stall*).  The server reads such a batch within one tick and tells the margin of its
newest command only, which is the least late; but the batch begins with the first command that no
earlier delta told of, so how late that one was is known as well.  One stall says nothing of the
next.  Where they recur, the lead covers them: it is longer by the ``STALLS``-th longest of those
among the last ``STALL_COMMANDS`` commands.  So each tick that it is longer saves at least
``STALLS`` in ``STALL_COMMANDS`` commands from being late, and fewer stalls change nothing.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

import attrs

from clients.netcode.tickclock import TickClock

#: The client's tick runs at most this much faster or slower than the server's.
MAX_SLEW: Final = 0.05
#: An error is made good in about this long, while ``MAX_SLEW`` allows.
SETTLE_S: Final = 0.5
#: Further off than this (the machine slept, the server's time jumped) the tick is set, not slewed.
JUMP_TICKS: Final = 8.0
#: Where the clock's word changes by more than this, margins from before say nothing any more.
BELIEVE_TICKS: Final = 2.0
#: Commands are to arrive this long before they are needed: the clock may be half a tick off.
MARGIN_TICKS: Final = 0.5
LATE_STEP_TICKS: Final = 0.5
EARLY_STEP_TICKS: Final = 0.001
LATE_RUN: Final = 4
#: Both must be reached: commands may be sent at every tick or only now and then.
EARLY_RUN: Final = 12
EARLY_RUN_TICKS: Final = 60
#: Sent commands that are remembered until a delta tells of them; the oldest is forgotten.
REMEMBERED: Final = 128
#: A batch whose first command arrived this much later than counted on was a stall.
LEAST_STALL_TICKS: Final = 1.0
STALLS: Final = 5
STALL_COMMANDS: Final = 600
#: Stalls are forgotten after so long, however few commands there were since.
STALL_MEMORY_TICKS: Final = 1800
#: The lead is not made longer by more: it makes others see late what one does.
MOST_COVER_TICKS: Final = 6.0


@attrs.frozen
class _Stall:
    """A stall of so many ticks, told by the delta of ``tick``, at the ``command``-th of ours."""

    tick: int
    command: int
    ticks: float


class Lead:
    """The client's tick.  ``clock`` is that of the same connection, and fed by someone else."""

    __slots__ = (
        "_arrival",
        "_at_s",
        "_by_clock",
        "_clock",
        "_commands_told",
        "_cover",
        "_newest_told",
        "_offset",
        "_run",
        "_run_edge",
        "_run_tick",
        "_sent",
        "_stalls",
        "_told_tick",
        "jumps",
    )

    def __init__(self, clock: TickClock) -> None:
        #: How often the tick was set instead of slewed; the first setting does not count.
        self.jumps = 0
        self._clock = clock
        #: The offset at which commands arrive: as the clock has it (NaN before the first
        #: ``advance``), and as margins have corrected that.
        self._by_clock = math.nan
        self._arrival = math.nan
        self._offset = math.nan
        self._at_s = 0.0
        #: Tick of a sent command → the offset when it was sent.
        self._sent: dict[int, float] = {}
        #: Margins in a row that said late (negative) or early (positive), and the least of them.
        self._run = 0
        self._run_edge = 0.0
        #: The tick whose delta told of the first early one in a row.
        self._run_tick = 0
        #: The newest delta, the newest command that one told of (by its tick), and how many were.
        self._told_tick = -1
        self._newest_told = -1
        self._commands_told = 0
        self._stalls: deque[_Stall] = deque()
        #: By how many ticks the lead is longer, so as to cover stalls.
        self._cover = 0.0

    @property
    def started(self) -> bool:
        """Whether there is a tick to speak of."""
        return not math.isnan(self._offset)

    @property
    def lead_ticks(self) -> float:
        """How far the client's tick is ahead of the server's, as the clock has it."""
        return self._offset - self._clock.offset

    def advance(self, now_s: float) -> float:
        """Move the client's tick on to ``now_s`` and return it, with its fraction.

        ``now_s`` must not decrease from call to call.  The tick grows, but for a jump.
        """
        rate = self._clock.tick_rate
        by_clock = self._clock.offset + (self._clock.min_rtt_s or 0.0) / 2 * rate
        if not abs(by_clock - self._by_clock) <= BELIEVE_TICKS:
            self._arrival = self._by_clock = by_clock
            self._run = 0
            self._stalls.clear()
            self._cover = 0.0
        wanted = self._arrival + MARGIN_TICKS + self._cover
        error = wanted - self._offset
        if math.isnan(error):
            self._offset = wanted
        elif abs(error) > JUMP_TICKS:
            self._offset = wanted
            self.jumps += 1
        else:
            elapsed_s = now_s - self._at_s
            slew = min(max(error / (SETTLE_S * rate), -MAX_SLEW), MAX_SLEW)
            change = slew * elapsed_s * rate
            self._offset += change if abs(change) < abs(error) else error
        self._at_s = now_s
        return self._clock.tick_of(self._offset + now_s * rate)

    def time_of(self, tick: int) -> float:
        """Return the local time, in seconds, at which the client's tick will be ``tick``."""
        return (self._clock.steady_of(tick) - self._offset) / self._clock.tick_rate

    def sent(self, tick: int) -> None:
        """Remember that the command for ``tick`` is sent, by the client's tick as it runs now."""
        self._sent[tick] = self._offset
        self._newest_told = min(self._newest_told, tick - 1)  # the tick has jumped back
        if len(self._sent) > REMEMBERED:
            del self._sent[next(iter(self._sent))]

    def margin(self, tick: int, margin_ticks: int | None) -> None:
        """Take in the margin of the delta of ``tick``; None: the server has read nothing since."""
        after_tick, self._told_tick = self._told_tick, tick
        if margin_ticks is None:
            return
        self._look_for_stall(after_tick, tick, tick + margin_ticks)
        offset = self._sent.get(tick + margin_ticks, self._offset)
        if math.isnan(offset) or math.isnan(self._arrival):
            return
        steady_of = self._clock.steady_of
        read = steady_of(tick)
        latest = offset - (steady_of(tick + margin_ticks) - read)
        earliest = latest - (read - steady_of(tick - 1))
        if self._arrival < earliest:
            self._late(earliest)
        elif self._arrival > latest:
            self._early(latest, tick)
        else:
            self._run = 0

    def _look_for_stall(self, after_tick: int, tick: int, newest: int) -> None:
        """Between ``after_tick`` and ``tick`` our commands up to that for ``newest`` were read."""
        batch = [sent for sent in self._sent if self._newest_told < sent <= newest]
        self._newest_told = max(self._newest_told, newest)
        if batch and after_tick >= 0:
            self._commands_told += len(batch)
            steady_of = self._clock.steady_of
            # It was read at the tick after ``after_tick`` at the earliest, and had come by then.
            read = steady_of(after_tick + 1)
            earliest = self._sent[batch[0]] - (steady_of(batch[0]) - read)
            earliest -= read - steady_of(after_tick)
            stall_ticks = earliest - self._arrival
            if stall_ticks >= LEAST_STALL_TICKS:
                self._stalls.append(_Stall(tick, self._commands_told, stall_ticks))
        self._cover_stalls(tick)

    def _cover_stalls(self, tick: int) -> None:
        """Make the lead as much longer as the stalls that are remembered at ``tick`` want it."""
        stalls = self._stalls
        while stalls and (
            stalls[0].tick <= tick - STALL_MEMORY_TICKS
            or stalls[0].command <= self._commands_told - STALL_COMMANDS
        ):
            stalls.popleft()
        self._cover = 0.0
        if len(stalls) >= STALLS:
            longest = sorted((stall.ticks for stall in stalls), reverse=True)
            self._cover = min(longest[STALLS - 1], MOST_COVER_TICKS)

    def _late(self, edge: float) -> None:
        """A command arrived at ``edge`` at the earliest, which is later than counted on."""
        self._run_edge = min(self._run_edge, edge) if self._run < 0 else edge
        self._run = min(self._run, 0) - 1
        self._arrival += LATE_STEP_TICKS
        if self._run <= -LATE_RUN:
            self._arrival = max(self._arrival, self._run_edge)
            self._run = 0

    def _early(self, edge: float, tick: int) -> None:
        """A command arrived at ``edge`` at the latest, which is earlier than counted on."""
        if self._run <= 0:
            self._run, self._run_edge, self._run_tick = 0, edge, tick
        self._run += 1
        self._run_edge = max(self._run_edge, edge)
        self._arrival -= EARLY_STEP_TICKS
        if self._run >= EARLY_RUN and tick - self._run_tick >= EARLY_RUN_TICKS:
            self._arrival = min(self._arrival, self._run_edge)
            self._run = 0
