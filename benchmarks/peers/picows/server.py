"""picows on uvloop, as its documentation recommends: frames written in place, no copying.

The path names the room; all rooms tick together.
"""

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


class Room:
    """A field and its players."""

    def __init__(self, flags: Flags) -> None:
        self.field = Field(flags.world, flags.players)
        self.players: set[Player] = set()


class Rooms:
    """The rooms by path: made for the first player, and gone with the last."""

    def __init__(self, flags: Flags) -> None:
        self.flags = flags
        self.by_path: dict[bytes, Room] = {}

    def join(self, path: bytes, player: Player) -> Room:
        """Add a player to the room of this path."""
        room = self.by_path.get(path)
        if room is None:
            room = self.by_path[path] = Room(self.flags)
        room.players.add(player)
        return room

    def leave(self, path: bytes, player: Player) -> None:
        """Take a player out of the room of this path."""
        room = self.by_path[path]
        room.players.discard(player)
        if not room.players:
            del self.by_path[path]


class Player(WSListener):
    """One connection."""

    def __init__(self, rooms: Rooms, path: bytes) -> None:
        self.rooms = rooms
        self.path = path
        self.room: Room
        self.mover: Mover
        self.transport: WSTransport

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Begin to play."""
        self.transport = transport
        self.room = self.rooms.join(self.path, self)
        self.mover = self.room.field.join()

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
        self.room.field.leave(self.mover)
        self.rooms.leave(self.path, self)


def tick(room: Room) -> None:
    """Move, and send everyone what it sees."""
    field = room.field
    field.step()
    messages: dict[int, bytearray] = {}
    for player in room.players:
        cell = player.mover.cell
        message = messages.get(cell)
        if message is None:
            message = messages[cell] = bytearray(HEADROOM + field.message(cell))
        player.transport.send_reuse_external_bytearray(WSMsgType.BINARY, message, len(HEADROOM))


async def main(flags: Flags) -> None:
    """Serve until killed."""
    rooms = Rooms(flags)

    def listener(request: WSUpgradeRequest) -> Player:
        return Player(rooms, request.path)

    server = await ws_create_server(
        listener, "127.0.0.1", flags.port, max_frame_size=4096, backlog=4096
    )
    announce(server.sockets[0].getsockname()[1])
    start = time.monotonic()
    ticks = 0
    while True:
        ticks += 1
        await asyncio.sleep(start + ticks / flags.rate - time.monotonic())
        for room in rooms.by_path.values():
            tick(room)


uvloop.run(main(read_flags()))
