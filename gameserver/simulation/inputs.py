"""The input buffer of one seat: at most one command for each tick, in order.

Owns which of a player's inputs is applied at which tick, and which ones are refused or dropped;
both are counted.  Pure: never looks at a clock or a room, and never at what a command says.

An *input* is a command of the class that ``Room.input`` names.  Invariant: waiting inputs are in
the order of their seqs *and* of their ticks, so that taking them tick by tick takes them in the
order of their seqs.  A client that sets its clock back sends an input for an earlier tick than
one that waits.  The newer input was meant to follow the waiting one, so the waiting one is dropped.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import attrs


@attrs.define
class Input:
    """A command on its way into a tick."""

    #: The tick that it is for; 0: the next free one.
    tick: int
    seq: int
    #: The moment on the client's screen, in parts of a tick (``RENDERED_PER_TICK``); 0: unknown.
    rendered: int
    #: The tick that was next when the command was read.
    arrived: int
    #: When it was read, on the clock of the caller; 0.0: unknown.
    read_s: float
    command: Any


#: How many inputs may wait, and how many ticks ahead.  Overflow policy ``drop-oldest``.
LENGTH_TICKS: Final = 32
#: How many ticks ahead inputs that name no tick may queue up: a client whose clock is a little fast
#: must not fall behind by the whole buffer.  Overflow policy ``replace-newest``.
UNTIMED_AHEAD_TICKS: Final = 4


class InputBuffer:
    """The inputs of one seat.

    Counters, since the seat was taken: ``late`` (came after their tick; the newest late input may
    still be used), ``early`` (refused: too far ahead), ``duplicate`` (refused: their tick already
    has an input), ``dropped`` (accepted, but never applied), ``idle_ticks`` (ticks without an
    input).
    """

    __slots__ = (
        "_late",
        "_waiting",
        "applied",
        "dropped",
        "duplicate",
        "early",
        "idle_ticks",
        "late",
        "length_ticks",
        "silent_ticks",
    )

    def __init__(self, length_ticks: int = LENGTH_TICKS) -> None:
        self.length_ticks: Final = length_ticks
        #: The last input that ``take`` returned, and how many ticks have passed without one since.
        self.applied: Input | None = None
        self.silent_ticks = 0
        self.late = self.early = self.duplicate = self.dropped = self.idle_ticks = 0
        self._waiting: deque[Input] = deque()
        self._late: Input | None = None

    def __len__(self) -> int:
        return len(self._waiting) + (self._late is not None)

    def put(self, entry: Input) -> bool:
        """Accept an input, whose seq is larger than all before; False if it is refused."""
        tick, upcoming, waiting = entry.tick, entry.arrived, self._waiting
        if not tick:
            self._queue(entry)
            return True
        if tick > upcoming + self.length_ticks:
            self.early += 1
            return False
        if waiting and tick <= waiting[-1].tick:
            if any(tick == other.tick for other in waiting):
                self.duplicate += 1
                return False
            while waiting and waiting[-1].tick > tick:
                waiting.pop()
                self.dropped += 1
        if tick < upcoming:
            self.late += 1
            self._keep_late(entry)
            return True
        if len(waiting) == self.length_ticks:
            waiting.popleft()
            self.dropped += 1
        waiting.append(entry)
        return True

    def _queue(self, entry: Input) -> None:
        """Give an input that names no tick the next free tick."""
        waiting, upcoming = self._waiting, entry.arrived
        tick = max(upcoming, waiting[-1].tick + 1) if waiting else upcoming
        if tick >= upcoming + UNTIMED_AHEAD_TICKS:
            tick = waiting.pop().tick
            self.dropped += 1
        entry.tick = tick
        waiting.append(entry)

    def _keep_late(self, entry: Input) -> None:
        """Keep an input whose tick has passed, the newest one; an older one is dropped for it."""
        self.dropped += self._late is not None
        self._late = entry

    def take(self, tick: int) -> Input | None:
        """Return the input to apply at ``tick``, or None if there is none.

        Ticks are asked for in increasing order.
        """
        waiting = self._waiting
        while waiting and waiting[0].tick < tick:  # its tick was dropped
            self._keep_late(waiting.popleft())
        if waiting and waiting[0].tick == tick:
            entry = waiting.popleft()
            if self._late is not None:
                self._late = None
                self.dropped += 1
        elif self._late is not None:
            entry, self._late = self._late, None
        else:
            if self.applied is not None:
                self.silent_ticks += 1
            return None
        self.applied = entry
        self.silent_ticks = 0
        return entry

    def clear(self) -> None:
        """Drop and count all waiting inputs."""
        self.dropped += len(self)
        self._waiting.clear()
        self._late = None
