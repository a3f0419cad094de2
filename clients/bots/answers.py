"""The time of an answer: from when a bot's command was due to the delta that acknowledges it.

Owns the commands that wait for an answer.  A command counts from the time at which it was *due*,
not from when it was sent.  Otherwise a late bot or machine would hide a part of the wait that a
player feels (coordinated omission).  Pure: times are arguments.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Final

#: The most commands of a bot that wait for an answer; beyond it the oldest is dropped.
MAX_WAITING: Final = 1024


class Answers:
    """The commands of one bot; ``note`` is called with each time, in seconds."""

    __slots__ = ("_base_s", "_note", "_tick_s", "_waiting")

    def __init__(self, note: Callable[[float], None], tick_rate: float) -> None:
        self._note = note
        self._tick_s = 1 / tick_rate
        #: The earliest that a delta ever came, less the time of its tick: the room's schedule.
        self._base_s = math.inf
        #: (seq, due_s), the oldest first.
        self._waiting: deque[tuple[int, float]] = deque(maxlen=MAX_WAITING)

    def due_s(self, tick: int, now_s: float) -> float:
        """Return when a bot that acts after each delta should have acted after that of ``tick``.

        That is when the delta would have come had it been as early as the earliest.
        """
        self._base_s = min(self._base_s, now_s - tick * self._tick_s)
        return self._base_s + tick * self._tick_s

    def sent(self, seq: int, due_s: float) -> None:
        """Wait for the answer to the command ``seq``, which was due at ``due_s``."""
        self._waiting.append((seq, due_s))

    def delta(self, ack: int, now_s: float) -> None:
        """Note the commands that a delta acknowledges."""
        waiting = self._waiting
        while waiting and waiting[0][0] <= ack:
            self._note(now_s - waiting.popleft()[1])

    def begin(self) -> None:
        """Begin a new measurement: forget what waits, and the schedule."""
        self._waiting.clear()
        self._base_s = math.inf

    def give_up(self, now_s: float) -> None:
        """Note the commands that still wait, as if they were answered now."""
        while self._waiting:
            self._note(now_s - self._waiting.popleft()[1])
