"""asyncio ``websockets`` on uvloop, as its documentation advises: ``broadcast``, no compression."""

from __future__ import annotations

import asyncio
import time

import msgpack
import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

from benchmarks.peers.shared.field import Field, Mover
from benchmarks.peers.shared.flags import Flags, announce, read_flags


class World:
    """The field and its players."""

    def __init__(self, flags: Flags) -> None:
        self.field = Field(flags.world, flags.players)
        self.players: dict[ServerConnection, Mover] = {}

    async def play(self, connection: ServerConnection) -> None:
        """Take one player's commands until it leaves."""
        mover = self.field.join()
        self.players[connection] = mover
        try:
            async for message in connection:
                _, heading = msgpack.unpackb(message)
                mover.turn(heading)
        finally:
            del self.players[connection]
            self.field.leave(mover)

    def tick(self) -> None:
        """Move, and send each group that sees the same its message."""
        self.field.step()
        groups: dict[int, list[ServerConnection]] = {}
        for connection, mover in self.players.items():
            groups.setdefault(mover.cell, []).append(connection)
        for cell, connections in groups.items():
            broadcast(connections, self.field.message(cell))


async def main(flags: Flags) -> None:
    """Serve until killed."""
    world = World(flags)
    server = await serve(
        world.play, "127.0.0.1", flags.port, compression=None, max_size=4096, backlog=4096
    )
    async with server:
        announce(server.sockets[0].getsockname()[1])
        start = time.monotonic()
        ticks = 0
        while True:
            ticks += 1
            await asyncio.sleep(start + ticks / flags.rate - time.monotonic())
            world.tick()


uvloop.run(main(read_flags()))
