"""The rooms that are attacked: the arena with its own timing, and one that requires tokens.

Owns ``Siege`` (open to all; honest players and attackers meet there) and ``Guarded`` (only for
clients with a signed token).  Served by ``gameserver serve benchmarks.hostile.rooms:Siege …``.
"""

from __future__ import annotations

import time
from typing import Final

import trio

from gameserver import entity, synced
from gameserver.games.arena import model
from gameserver.games.arena.room import Arena

#: Attackers may not fill the room: that would be a limit, not an attack.
MAX_PLAYERS: Final = 2000


@entity
class Beat:
    """When the newest tick began and how long the one before took, its publish included.

    In microseconds, ``at_us`` on the clock of the machine, ``time.perf_counter``; ``at_cpu_us`` and
    ``cpu_us`` by that of the server's thread, which runs only while it has a core.  A tick never
    waits for anything, so what ``work_us`` has more than ``cpu_us`` is what other processes and
    other machines took.  There is one; everyone sees it, so that every tick has a delta for
    everyone.
    """

    at_us: int = synced(0)
    at_cpu_us: int = synced(0)
    work_us: int = synced(0)
    cpu_us: int = synced(0)


class TickTimes(trio.abc.Instrument):
    """Times the steps of the task that ticks the rooms of the server.

    A step of that task is a round: commands are read, then each room that is due is stepped and its
    deltas are written.  The two rooms here tick in slots of their own, so for each a round is one
    tick.
    """

    def __init__(self) -> None:
        self.begun_us = self.begun_cpu_us = 0
        self.work_us = self.cpu_us = 0
        #: Whether the present step has played a tick of the room, not of another one.
        self.ticked = False
        self._task: trio.lowlevel.Task | None = None

    def note_tick(self) -> None:
        """Note that the present step plays a tick of the room, so its task is the one to time."""
        self.ticked = True
        if self._task is None:
            self._task = trio.lowlevel.current_task()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Note when the tick begins, before commands are read."""
        if task is self._task:
            self.begun_us, self.begun_cpu_us = _now_us(), _cpu_us()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Note how long the tick took, its publish included."""
        if task is self._task and self.ticked:
            self.ticked = False
            self.work_us = _now_us() - self.begun_us
            self.cpu_us = _cpu_us() - self.begun_cpu_us


class Siege(Arena):
    """The arena; every delta tells when its tick began, before commands were read."""

    max_players = MAX_PLAYERS
    classes = (*model.CLASSES, Beat)  # type: ignore[assignment]  # one more than the arena has

    def on_create(self) -> None:
        """Lay out the world, with the entity that tells the time."""
        super().on_create()
        self._beat = self.spawn(Beat())
        self._times = TickTimes()

    async def on_start(self) -> None:
        """Begin to measure, which only a running server can: the trial of the room ends here."""
        await super().on_start()
        trio.lowlevel.add_instrument(self._times)

    async def on_stop(self) -> None:
        """Measure no longer."""
        trio.lowlevel.remove_instrument(self._times)
        await super().on_stop()

    def tick(self) -> None:
        """Play the tick, and tell the time.  A room reads no clock; this one is measured."""
        super().tick()
        times, beat = self._times, self._beat
        times.note_tick()
        beat.at_us, beat.at_cpu_us = times.begun_us, times.begun_cpu_us
        beat.work_us, beat.cpu_us = times.work_us, times.cpu_us


class Guarded(Siege):
    """A room for those with a token."""

    requires_token = True


def _now_us() -> int:
    return time.perf_counter_ns() // 1000


def _cpu_us() -> int:
    return time.thread_time_ns() // 1000
