"""Admits a few requests and joins per turn of the event loop, in order, so that ticks stay on time.

Owns the queue of tasks that wait for their turn.  Trio runs all tasks that are ready in one turn of
its loop, and a tick that is due waits for the end of that turn.  A request or a join costs tenths
of a millisecond, so a crowd that becomes ready at one moment is spread over several turns.
``ConnectionLimits`` bounds the queue.
"""

from __future__ import annotations

from typing import Final

import trio

PER_TURN: Final = 3


class JoinThrottle:
    """The queue of waiting tasks; it moves while ``run`` runs."""

    def __init__(self) -> None:
        self._waiting = trio.lowlevel.ParkingLot()
        self._started = 0
        self._some = trio.Event()

    @property
    def waiting(self) -> int:
        """How many tasks wait."""
        return len(self._waiting)

    async def wait_turn(self) -> float:
        """Wait for this task's turn; return how long that took, in seconds."""
        self._some.set()
        if self._started < PER_TURN and not self._waiting:
            self._started += 1
            return 0.0
        begun_s = trio.current_time()
        await self._waiting.park()
        return trio.current_time() - begun_s

    async def run(self) -> None:
        """Start the next ``PER_TURN`` tasks at each turn of the loop, forever."""
        while True:
            if not (self._started or self._waiting):
                self._some = trio.Event()
                await self._some.wait()
            await trio.lowlevel.checkpoint()
            self._started = len(self._waiting.unpark(count=PER_TURN))
