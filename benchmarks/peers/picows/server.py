"""picows on uvloop, as its documentation recommends: frames written in place, no copying."""

from __future__ import annotations

import asyncio
import time

import msgpack
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from benchmarks.peers.shared.field import Field, Mover
from benchmarks.peers.shared.flags import Flags, announce, read_flags

#: Room that picows wants in front of a message for the frame header.
HEADROOM = bytes(14)


class Player(WSListener):
    """One connection."""

    def __init__(self, field: Field, players: set[Player]) -> None:
        self.field = field
        self.players = players
        self.mover: Mover
        self.transport: WSTransport

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Begin to play."""
        self.transport = transport
        self.mover = self.field.join()
        self.players.add(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take a command."""
        if frame.msg_type == WSMsgType.BINARY:
            _, heading = msgpack.unpackb(frame.get_payload_as_memoryview())
            self.mover.turn(heading)
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()

    def on_ws_disconnected(self, _transport: WSTransport) -> None:
        """Leave."""
        self.players.discard(self)
        self.field.leave(self.mover)


def tick(field: Field, players: set[Player]) -> None:
    """Move, and send everyone what it sees."""
    field.step()
    messages: dict[int, bytearray] = {}
    for player in players:
        cell = player.mover.cell
        message = messages.get(cell)
        if message is None:
            message = messages[cell] = bytearray(HEADROOM + field.message(cell))
        player.transport.send_reuse_external_bytearray(WSMsgType.BINARY, message, len(HEADROOM))


async def main(flags: Flags) -> None:
    """Serve until killed."""
    field = Field(flags.world, flags.players)
    players: set[Player] = set()

    def listener(_request: WSUpgradeRequest) -> Player:
        return Player(field, players)

    server = await ws_create_server(
        listener, "127.0.0.1", flags.port, max_frame_size=4096, backlog=4096
    )
    announce(server.sockets[0].getsockname()[1])
    start = time.monotonic()
    ticks = 0
    while True:
        ticks += 1
        await asyncio.sleep(start + ticks / flags.rate - time.monotonic())
        tick(field, players)


uvloop.run(main(read_flags()))
