"""Trio and trio-websocket as one would begin: a task per player, which packs its own message."""

from __future__ import annotations

import functools

import msgpack
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, serve_websocket

from benchmarks.peers.shared.field import Field, Mover
from benchmarks.peers.shared.flags import Flags, announce, read_flags


class World:
    """The field, and the event that tells of the next tick."""

    def __init__(self, flags: Flags) -> None:
        self.field = Field(flags.world, flags.players)
        self.rate = flags.rate
        self.ticked = trio.Event()

    async def run(self) -> None:
        """Tick for ever."""
        start = trio.current_time()
        while True:
            await trio.sleep_until(start + (self.field.tick + 1) / self.rate)
            self.field.step()
            ticked, self.ticked = self.ticked, trio.Event()
            ticked.set()

    async def play(self, request: WebSocketRequest) -> None:
        """One player: a task that reads, and one that packs and sends at every tick."""
        connection = await request.accept()
        mover = self.field.join()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send, connection, mover)
                while True:
                    _, heading = msgpack.unpackb(await connection.get_message())
                    mover.turn(heading)
        except* ConnectionClosed:
            pass
        finally:
            self.field.leave(mover)

    async def _send(self, connection: WebSocketConnection, mover: Mover) -> None:
        while True:
            await self.ticked.wait()
            moves = self.field.moves(mover.cell)
            await connection.send_message(msgpack.packb([self.field.tick, *moves]))


async def main(flags: Flags) -> None:
    """Serve until killed."""
    world = World(flags)
    async with trio.open_nursery() as nursery:
        serve = functools.partial(serve_websocket, ssl_context=None, handler_nursery=nursery)
        server = await nursery.start(serve, world.play, "127.0.0.1", flags.port)
        announce(server.port)
        await world.run()


trio.run(main, read_flags())
