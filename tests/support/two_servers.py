"""Two servers in one process that stand for two processes: the second takes over from the first."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import attrs
import trio

from gameserver import Room, Settings
from gameserver.cluster.handover.frozen_server import Arriving, Freezing, FrozenServer, load_rooms
from gameserver.runtime.server import Server
from gameserver.runtime.serving import open_server


@attrs.define
class TwoServers:
    """The old server, and the new one once it has taken over."""

    kinds: Mapping[str, type[Room]]
    settings: Settings
    old: Server
    nursery: trio.Nursery
    freezing: Freezing

    async def next(self, kinds: Mapping[str, type[Room]] | None = None) -> Server:
        """Freeze the old server, let a new one of ``kinds`` go on, and return that."""
        frozen = self.freezing.freeze()
        return await self.take_over(frozen, kinds)

    async def take_over(
        self, frozen: FrozenServer, kinds: Mapping[str, type[Room]] | None = None
    ) -> Server:
        new = Server(kinds or self.kinds, self.old.settings)
        new.begin(self.nursery)
        rooms = await load_rooms(new, frozen.rooms, frozen.monotonic_s)
        values = [(one.connection, one.play) for one in frozen.sessions]
        arriving = Arriving(new, rooms, frozen.monotonic_s, frozen.more, values)
        sockets = [
            socket.fromfd(one.descriptor, socket.AF_INET, socket.SOCK_STREAM)
            for one in frozen.sessions
        ]
        listeners = [port.duplicate() for port in self.old.ports]
        self.freezing.leave(arriving.staying())
        arriving.restore()
        await new.accept(listeners)
        await arriving.adopt(sockets)
        return new


@asynccontextmanager
async def two_servers(
    kinds: Mapping[str, type[Room]], settings: Settings | None = None
) -> AsyncIterator[TwoServers]:
    settings = settings or Settings(port=0, ping_interval_s=0.1)
    async with trio.open_nursery() as nursery, open_server(kinds, settings) as old:
        yield TwoServers(kinds, settings, old, nursery, Freezing(old))
        nursery.cancel_scope.cancel()
