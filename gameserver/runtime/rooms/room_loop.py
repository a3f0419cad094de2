"""What all rooms of a server share: one tick scheduler, one poller, one heartbeat.

Owns the tasks of the three.  Knows no room and no player: rooms and sessions register themselves.
"""

from __future__ import annotations

import trio

from gameserver.runtime.net.heartbeat import Heartbeat
from gameserver.runtime.net.poller import Poller
from gameserver.runtime.rooms.scheduler import TickScheduler


class RoomLoop:
    """The loop that ticks the rooms of a server, reads their links and pings their players.

    ``polled``: links are read before each round of ticks (``poller.py``); otherwise ``poller`` is
    None, and each link's own task reads it.
    """

    def __init__(self, *, ping_interval_s: float, polled: bool) -> None:
        self.poller = Poller() if polled else None
        self.heartbeat = Heartbeat(ping_interval_s, self.poller)
        self.scheduler = TickScheduler(None if self.poller is None else self.poller.read_ready)

    async def run(self) -> None:
        """Tick, read and ping, for ever."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.scheduler.run)
                nursery.start_soon(self.heartbeat.run)
                if self.poller is not None:
                    nursery.start_soon(self.poller.run)
        finally:
            if self.poller is not None:
                self.poller.close()
