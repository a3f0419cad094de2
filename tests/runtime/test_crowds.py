"""Work for many players at one moment is done in portions, so that no tick waits for all of it."""

from __future__ import annotations

import socket
import struct
from collections import Counter

import trio
import trio.lowlevel

from gameserver import Player, Settings, open_server
from gameserver.ops.metrics import Tally
from gameserver.runtime.admission.join_throttle import PER_TURN
from gameserver.runtime.server import SESSIONS_PER_TURN, Server
from tests.support.attack_bytes import UPGRADE, hello, masked
from tests.support.small_game import Field
from tests.support.sockets import PATIENCE_S

CROWD = 30
SETTINGS = Settings(port=0)
RESETS = struct.pack("ii", 1, 0)


class Turns(trio.abc.Instrument):
    """Counts the turns of the loop."""

    def __init__(self) -> None:
        self.count = 0

    def after_io_wait(self, timeout: float) -> None:
        self.count += 1


class Square(Field):
    """A field for a crowd, which writes down in which turn each of them leaves."""

    max_players = CROWD
    left_in: Counter[int]
    turns: Turns

    def on_leave(self, player: Player, reason: str) -> None:
        super().on_leave(player, reason)
        self.left_in[self.turns.count] += 1


async def player(port: int, name: str) -> trio.SocketStream:
    """Return the connection of a player who has been let in."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    for said, answer in ((UPGRADE, b"HTTP/1.1 101"), (masked(hello(name)), b"square/1")):
        await stream.send_all(said)
        read = b""
        while answer not in read:
            more = await stream.receive_some()
            assert more, read
            read += more
    return stream


async def test_a_crowd_that_is_cut_leaves_a_few_a_turn() -> None:
    Square.left_in, Square.turns = Counter(), Turns()
    trio.lowlevel.add_instrument(Square.turns)
    try:
        with trio.fail_after(PATIENCE_S):
            async with open_server({"square": Square}, SETTINGS) as server:
                crowd = [await player(server.port, f"player {n}") for n in range(CROWD)]
                for stream in crowd:
                    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETS)
                    stream.socket.close()
                while Square.left_in.total() < CROWD:
                    await trio.lowlevel.checkpoint()
    finally:
        trio.lowlevel.remove_instrument(Square.turns)
    assert max(Square.left_in.values()) <= 2 * PER_TURN, "a turn may see two of the join_throttle's"


class Known:
    """A session that counts one byte."""

    def tally(self) -> Tally:
        return Tally(bytes_in=1)


async def test_sessions_are_counted_for_metrics_in_portions() -> None:
    server = Server({"field": Field}, SETTINGS)
    sessions = 10 * SESSIONS_PER_TURN
    server._sessions |= {Known() for _ in range(sessions)}  # type: ignore[arg-type]
    turns = Turns()
    trio.lowlevel.add_instrument(turns)
    before = turns.count
    await server._gather_metrics()
    trio.lowlevel.remove_instrument(turns)
    assert turns.count - before >= 10
    assert b"gameserver_bytes_in_total 500" in server._exposition


async def test_two_simultaneous_requests_share_one_gathering() -> None:
    server = Server({"field": Field}, SETTINGS)
    asked: list[bytes] = []

    async def ask() -> None:
        await server._gather_metrics()
        asked.append(server._exposition)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        nursery.start_soon(ask)
    first, second = asked
    assert first is second
    assert first
