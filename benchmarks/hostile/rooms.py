"""The rooms that are attacked: the arena, telling its own times, and one for those with tokens.

Owns ``Siege`` (open to all; honest players and attackers meet there) and ``Guarded`` (only signed
tokens come in).  Served by ``gameserver serve benchmarks.hostile.rooms:Siege …``.
"""

from __future__ import annotations

import time
from typing import Final

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


class Siege(Arena):
    """The arena, whose every delta tells when its tick began: before commands were read."""

    max_players = MAX_PLAYERS
    classes = (*model.CLASSES, Beat)  # type: ignore[assignment]  # one more than the arena has

    def on_create(self) -> None:
        """Lay out the world, and begin to tell the time."""
        super().on_create()
        self._begun_us = self._begun_cpu_us = 0
        self._work_us = self._cpu_us = 0
        self._beat = self.spawn(Beat())

    def expect(self, tick_number: int) -> None:
        """Note when the tick begins.  A room does not look at clocks; this one is measured."""
        self._begun_us, self._begun_cpu_us = _now_us(), _cpu_us()
        super().expect(tick_number)

    def tick(self) -> None:
        """Play the tick, and tell the time."""
        super().tick()
        self._beat.at_us, self._beat.at_cpu_us = self._begun_us, self._begun_cpu_us
        self._beat.work_us = self._work_us
        self._beat.cpu_us = self._cpu_us

    def published(self, tick_number: int, sent_s: float = 0.0, simulate_s: float = 0.0) -> None:
        """Note how long the tick took."""
        super().published(tick_number, sent_s, simulate_s)
        self._work_us = _now_us() - self._begun_us
        self._cpu_us = _cpu_us() - self._begun_cpu_us


class Guarded(Siege):
    """A room for those with a token."""

    requires_token = True


def _now_us() -> int:
    return time.perf_counter_ns() // 1000


def _cpu_us() -> int:
    return time.thread_time_ns() // 1000
