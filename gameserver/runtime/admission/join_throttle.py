"""Lets those who come in through a few at a time, in order, so that the ticks keep their time.

Owns who waits for a turn.  What a newcomer asks for costs a few tenths of a millisecond: a request,
or a join.  Trio runs all that are ready in one turn of its loop, and a tick that is due
waits for the end of that turn.  So a crowd whose bytes came while a tick was at work, or that sends
them all at one moment, is taken in portions, with a look at the clock in between.
The queue is bounded by the connections that may be joining (``ConnectionLimits``).
"""

from __future__ import annotations

from typing import Final

import trio

PER_TURN: Final = 4


class JoinThrottle:
    """Where tasks wait for their turn; works while ``run`` does."""

    def __init__(self) -> None:
        self._waiting = trio.lowlevel.ParkingLot()
        self._let_through = 0
        self._somebody = trio.Event()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    async def wait_turn(self) -> float:
        """Return how long the caller had to wait, in seconds; 0.0 where nobody is before it."""
        self._somebody.set()
        if self._let_through < PER_TURN and not self._waiting:
            self._let_through += 1
            return 0.0
        begun_s = trio.current_time()
        await self._waiting.park()
        return trio.current_time() - begun_s

    async def run(self) -> None:
        """Let the next ones through at each turn of the loop, for ever."""
        while True:
            if not (self._let_through or self._waiting):
                self._somebody = trio.Event()
                await self._somebody.wait()
            await trio.lowlevel.checkpoint()
            self._let_through = len(self._waiting.unpark(count=PER_TURN))
