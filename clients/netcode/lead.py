"""The lead: how far ahead of the server a client plays, and so the tick of its next command.

Owns the client's tick.  It runs at the server's rate, and up to ``MAX_SLEW`` faster or slower to
correct an error.  Pure: times are arguments, in seconds of any steady clock.
``clients/web/net/lead.js`` is its twin, in milliseconds; ``tests/vectors/netcode_lead.json`` tests
both.

This file computes with *offsets*: steady ticks (``protocol/tempo.py``) minus ``local time * rate``.
An offset does not depend on the time at which it is read.  Let ``a`` be the offset at which
commands arrive; a slow link raises it, and so does a server loop that wakes late.  A command for
tick k then arrives ``offset - a`` ticks before tick k.  At first, ``a`` is the clock's offset plus
half the round trip.  The margins in deltas correct it: a command that was sent at the offset ``o``
and was ``m`` ticks early arrived within ``o - m - 1 < a <= o - m``.  These bounds do not depend on
the present offset, so a correction is never made twice and the lead cannot oscillate.

- If a command arrived later than ``a``, ``a`` grows by ``LATE_STEP_TICKS``.  After ``LATE_RUN``
  such commands in a row it grows to the least late of them.
- If it arrived earlier, ``a`` shrinks by ``EARLY_STEP_TICKS``.  After ``EARLY_RUN`` such commands
  in a row, over at least ``EARLY_RUN_TICKS``, it shrinks to the least early of them.
- If ``a`` is within the bounds, it stays.

If the clock's own estimate changes by more than ``BELIEVE_TICKS``, ``a`` is set from the clock
again.

The two steps balance when one command in ``LATE_STEP / EARLY_STEP`` is late.  That is the smallest
lead that the jitter allows.  If the jitter is below a tick, no command is late.

Lost segments need a second rule.  TCP holds back all data after a lost segment and then delivers it
at once (a *stall*).  The server reads such a batch within one tick and reports the margin of its
newest command only, which is the least late.  But the batch begins with the first command that no
earlier delta reported, so the lateness of that one is known too.  A single stall does not predict
the next.  If stalls recur, the lead covers them: it grows by the ``STALLS``-th longest of the
stalls among the last ``STALL_COMMANDS`` commands.  So each tick of cover keeps at least ``STALLS``
in ``STALL_COMMANDS`` commands from being late, and fewer stalls change nothing.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

import attrs

from clients.netcode.tickclock import TickClock

#: The client's tick runs at most this much faster or slower than the server's.
MAX_SLEW: Final = 0.05
#: An error is corrected in about this time, while ``MAX_SLEW`` allows.
SETTLE_S: Final = 0.5
#: An error of more than this (the machine slept, the server's time jumped) is corrected at once.
JUMP_TICKS: Final = 8.0
#: After a larger change of the clock's estimate, earlier margins are no longer valid.
BELIEVE_TICKS: Final = 2.0
#: Commands should arrive this long before their tick, as the clock may be half a tick wrong.
MARGIN_TICKS: Final = 0.5
LATE_STEP_TICKS: Final = 0.5
EARLY_STEP_TICKS: Final = 0.001
LATE_RUN: Final = 4
#: The run must have this many commands and last ``EARLY_RUN_TICKS``, since commands may be sent at
#: every tick or only from time to time.
EARLY_RUN: Final = 12
EARLY_RUN_TICKS: Final = 60
#: How many sent commands are remembered until a delta reports them; the oldest is forgotten.
REMEMBERED: Final = 128
#: A batch was a stall if its first command arrived this much later than expected.
LEAST_STALL_TICKS: Final = 1.0
STALLS: Final = 5
STALL_COMMANDS: Final = 600
#: Stalls are forgotten after this time, however few commands have followed.
STALL_MEMORY_TICKS: Final = 1800
#: The longest cover, since a longer lead makes others see the player's actions later.
MOST_COVER_TICKS: Final = 6.0


@attrs.frozen
class _Stall:
    """A stall of ``ticks``, reported by the delta of ``tick``, at the ``command``-th command."""

    tick: int
    command: int
    ticks: float


class Lead:
    """The client's tick.  The caller keeps ``clock``, that of the same connection, up to date."""

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
        #: How often the tick jumped; the first setting does not count.
        self.jumps = 0
        self._clock = clock
        #: The offset at which commands arrive, from the clock alone; NaN before ``advance``.
        self._by_clock = math.nan
        #: The same offset, corrected by margins.
        self._arrival = math.nan
        self._offset = math.nan
        self._at_s = 0.0
        #: Tick of a sent command → the offset at which it was sent.
        self._sent: dict[int, float] = {}
        #: Number of margins in a row that were late (negative) or early (positive), and the edge
        #: of the least one.
        self._run = 0
        self._run_edge = 0.0
        #: The tick of the delta that reported the first early command in a row.
        self._run_tick = 0
        #: The newest delta's tick, the tick of the newest command that a delta reported, and how
        #: many commands deltas have reported.
        self._told_tick = -1
        self._newest_told = -1
        self._commands_told = 0
        self._stalls: deque[_Stall] = deque()
        #: Ticks by which the lead is longer to cover stalls.
        self._cover = 0.0

    @property
    def started(self) -> bool:
        """Whether ``advance`` has set the client's tick."""
        return not math.isnan(self._offset)

    @property
    def lead_ticks(self) -> float:
        """How far the client's tick is ahead of the server's tick, by the clock's estimate."""
        return self._offset - self._clock.offset

    def advance(self, now_s: float) -> float:
        """Move the client's tick on to ``now_s`` and return it, with its fraction.

        ``now_s`` must not decrease from call to call.  The tick only decreases if it jumps.
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

    def tick_at(self, now_s: float) -> float:
        """Return the client's tick at ``now_s``, as it runs now; NaN before ``advance``."""
        return self._clock.tick_of(self._offset + now_s * self._clock.tick_rate)

    def time_of(self, tick: int) -> float:
        """Return the local time, in seconds, at which the client's tick will be ``tick``."""
        return (self._clock.steady_of(tick) - self._offset) / self._clock.tick_rate

    def sent(self, tick: int) -> None:
        """Remember that the command for ``tick`` is sent at the present offset."""
        self._sent[tick] = self._offset
        self._newest_told = min(self._newest_told, tick - 1)  # the tick has jumped back
        if len(self._sent) > REMEMBERED:
            del self._sent[next(iter(self._sent))]

    def margin(self, tick: int, margin_ticks: int | None) -> None:
        """Take in the margin of the delta of ``tick``; None: no input came since the last delta."""
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
        """Note a stall if the batch of commands up to ``newest`` came late.

        The server read the batch after ``after_tick``, and by ``tick``.
        """
        batch = [sent for sent in self._sent if self._newest_told < sent <= newest]
        self._newest_told = max(self._newest_told, newest)
        if batch and after_tick >= 0:
            self._commands_told += len(batch)
            steady_of = self._clock.steady_of
            # The server read it at the tick after ``after_tick`` at the earliest.
            read = steady_of(after_tick + 1)
            earliest = self._sent[batch[0]] - (steady_of(batch[0]) - read)
            earliest -= read - steady_of(after_tick)
            stall_ticks = earliest - self._arrival
            if stall_ticks >= LEAST_STALL_TICKS:
                self._stalls.append(_Stall(tick, self._commands_told, stall_ticks))
        self._cover_stalls(tick)

    def _cover_stalls(self, tick: int) -> None:
        """Set the cover from the stalls that are remembered at ``tick``."""
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
        """Take in a command that arrived at ``edge`` or later, which is later than expected."""
        self._run_edge = min(self._run_edge, edge) if self._run < 0 else edge
        self._run = min(self._run, 0) - 1
        self._arrival += LATE_STEP_TICKS
        if self._run <= -LATE_RUN:
            self._arrival = max(self._arrival, self._run_edge)
            self._run = 0

    def _early(self, edge: float, tick: int) -> None:
        """Take in a command that arrived at ``edge`` or earlier, which is earlier than expected."""
        if self._run <= 0:
            self._run, self._run_edge, self._run_tick = 0, edge, tick
        self._run += 1
        self._run_edge = max(self._run_edge, edge)
        self._arrival -= EARLY_STEP_TICKS
        if self._run >= EARLY_RUN and tick - self._run_tick >= EARLY_RUN_TICKS:
            self._arrival = min(self._arrival, self._run_edge)
            self._run = 0
