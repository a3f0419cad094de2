"""The loop of all rooms of a server: one scheduler, poller, heartbeat and overload ladder.

Owns the tasks of the four.  Knows no room and no player: rooms and sessions register themselves.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from gameserver.ops.core_time import CoreShare, CoreTime
from gameserver.runtime.net.heartbeat import Heartbeat
from gameserver.runtime.net.poller import Poller
from gameserver.runtime.rooms.scheduler import TickScheduler
from gameserver.runtime.rooms.server_overload import WINDOW_S, ServerOverload
from gameserver.runtime.rooms.slow_ticks import SlowTicks


class RoomLoop:
    """The loop that ticks the rooms of a server, reads their links and pings their players.

    ``polled``: links are read before each round of ticks (``poller.py``); otherwise ``poller`` is
    None, and each link's own task reads it.  ``core_time`` tells how long the calling thread has
    computed and waited for a core, or None where the system does not say.
    """

    def __init__(
        self,
        *,
        ping_interval_s: float,
        polled: bool,
        core_time: Callable[[], CoreTime | None] = CoreTime.own,
    ) -> None:
        self.poller = Poller() if polled else None
        self.heartbeat = Heartbeat(ping_interval_s, self.poller)
        self.scheduler = TickScheduler(None if self.poller is None else self.poller.read_ready)
        self.overload = ServerOverload()
        self.slow_ticks = SlowTicks()
        #: How much of the last window the server computed, and waited for a core.
        self.core = CoreShare()
        #: The part of the time of ticks, in the last window, in which the server did not wait for a
        #: core.  The rest is no load of its own: something else uses the machine.
        self.own_part = 1.0
        self._core_time = core_time

    async def run(self) -> None:
        """Tick, read and ping, for ever."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.scheduler.run)
                nursery.start_soon(self.heartbeat.run)
                nursery.start_soon(self._watch_load)
                if self.poller is not None:
                    nursery.start_soon(self.poller.run)
        finally:
            if self.poller is not None:
                self.poller.close()

    async def _watch_load(self) -> None:
        scheduler = self.scheduler
        core, looked_s, busy_s = self._core_time(), trio.current_time(), scheduler.busy_s
        while True:
            await trio.sleep(WINDOW_S)
            now, now_s = self._core_time(), trio.current_time()
            span_s = now_s - looked_s
            self.core = CoreShare.between(core, now, span_s)
            self.own_part = self.core.own_part((scheduler.busy_s - busy_s) / span_s)
            core, looked_s, busy_s = now, now_s, scheduler.busy_s
            self.overload.look(now_s, busy_s, scheduler.ticks, scheduler.late_ticks, self.own_part)
