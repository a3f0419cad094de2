"""The commands of one seat that wait for their ticks: one for each tick, in order.

Owns which of a player's inputs is applied at which tick, and which are refused or dropped; each
is counted.  Pure: it never looks at a clock or a room, and never at what a command says.

An *input* is a command of the class that ``Room.input`` names.  Invariant: those that wait are
in the order of their seqs *and* of their ticks, so taking them in the order of ticks takes them in
the order of seqs.  A client that sets its clock back sends an input for an earlier tick than one
that waits: what waits was meant before it, and makes way.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final, TypeAlias

#: ``tick, seq, shown, arrived, read_s, command``: the tick that it is for, its seq, what the screen
#: showed (in parts of a tick, 0: unknown), the tick that was next when it was read, when that was
#: (on the clock of whoever reads; 0.0: unknown).  A plain tuple: one is made for every command.
Input: TypeAlias = tuple[int, int, int, int, float, Any]

#: Inputs that wait, and how many ticks ahead they may be.  Overflow policy ``drop-oldest``.
LENGTH_TICKS: Final = 32
#: Inputs that name no tick queue up for one tick each, at most so many ticks ahead: a
#: client whose clock is a little fast must not fall behind by the whole buffer.  Overflow policy
#: ``replace-newest``.
UNTIMED_AHEAD_TICKS: Final = 4


class InputBuffer:
    """The inputs of one seat.

    Counters, since the seat was taken: ``late`` (came after their tick; the newest of them may
    still be used), ``early`` (refused: too far ahead), ``duplicate`` (refused: their tick has one),
    ``dropped`` (taken in, but never applied), ``idle_ticks`` (ticks that no input had come for).
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
        #: The last input that ``take`` returned, and how many ticks had none since.
        self.applied: Input | None = None
        self.silent_ticks = 0
        self.late = self.early = self.duplicate = self.dropped = self.idle_ticks = 0
        self._waiting: deque[Input] = deque()
        self._late: Input | None = None

    def __len__(self) -> int:
        return len(self._waiting) + (self._late is not None)

    def put(self, entry: Input) -> bool:
        """Take in an input, whose seq is larger than all before; False if it is refused."""
        tick, _, _, upcoming, _, _ = entry
        waiting = self._waiting
        if not tick:
            self._queue(entry)
            return True
        if tick > upcoming + self.length_ticks:
            self.early += 1
            return False
        if waiting and tick <= waiting[-1][0]:
            if any(tick == other[0] for other in waiting):
                self.duplicate += 1
                return False
            while waiting and waiting[-1][0] > tick:
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
        """Give an input that names no tick the next free one."""
        waiting = self._waiting
        _, seq, shown, upcoming, read_s, command = entry
        tick = max(upcoming, waiting[-1][0] + 1) if waiting else upcoming
        if tick >= upcoming + UNTIMED_AHEAD_TICKS:
            tick = waiting.pop()[0]
            self.dropped += 1
        waiting.append((tick, seq, shown, upcoming, read_s, command))

    def _keep_late(self, entry: Input) -> None:
        """Of the inputs whose tick has passed only the newest, which is this one, may be used."""
        self.dropped += self._late is not None
        self._late = entry

    def take(self, tick: int) -> Input | None:
        """Return the input to apply at ``tick``, which is later than all before.

        None: nothing has come that could be.
        """
        waiting = self._waiting
        while waiting and waiting[0][0] < tick:  # its tick was dropped
            self._keep_late(waiting.popleft())
        if waiting and waiting[0][0] == tick:
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
        """Drop all that waits, counted."""
        self.dropped += len(self)
        self._waiting.clear()
        self._late = None
