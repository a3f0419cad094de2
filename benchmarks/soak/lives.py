"""The players of a soak: they join, fly, leave, are cut, freeze, and come back, all by a seed.

Owns their connections and what is counted of them.  Attackers are ``hostile/attackers.py``'s.
"""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio

from benchmarks.hostile.honest import ROOM, fly
from benchmarks.hostile.rooms import Siege
from benchmarks.soak.results import LifeCounts
from clients import GameClient, open_game
from clients.errors import ConnectionLost, Refused

#: Mean of how long one plays before something happens.
PLAY_S: Final = 20.0
#: Between an end and the coming back; well within the time that a seat is held.
PAUSE_S: Final = (0.2, 5.0)
#: A frozen player reads nothing for so long: longer than the server puts up with.
FREEZE_S: Final = 30.0
#: How often what happens.
FATES: Final = {"leave": 4, "cut": 4, "freeze": 1}
JOIN_EVERY_S: Final = 0.05
#: ``SO_LINGER`` on and zero: closing sends a reset (Linux, ``socket(7)``).
_LINGER_RESETS: Final = struct.pack("ii", 1, 0)


class Line(trio.abc.HalfCloseableStream):
    """A connection that can be cut with a reset, or frozen, beneath a client that knows nothing."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._thawed = trio.Event()
        self._thawed.set()

    def cut(self) -> None:
        """Reset the connection."""
        self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESETS)
        self._stream.socket.close()

    def freeze(self) -> None:
        """Read nothing until ``thaw``."""
        self._thawed = trio.Event()

    def thaw(self) -> None:
        """Read again."""
        self._thawed.set()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """As the stream beneath, once thawed."""
        await self._thawed.wait()
        return bytes(await self._stream.receive_some(max_bytes))

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """As the stream beneath."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """As the stream beneath."""
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """As the stream beneath."""
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """As the stream beneath."""
        self._thawed.set()
        await self._stream.aclose()


class Lives:
    """So many players, each living one life after the other; ``counts`` are of all of them."""

    def __init__(self, url: str, players: int, seed: int) -> None:
        self._url = url
        self.players = players
        self._seed = seed
        self._playing: set[GameClient] = set()
        self.counts = LifeCounts()

    @property
    def playing(self) -> int:
        """How many are connected."""
        return len(self._playing)

    async def run(self) -> None:
        """Let all live until cancelled."""
        async with trio.open_nursery() as nursery:
            for number in range(self.players):
                nursery.start_soon(self._live, number)
                await trio.sleep(JOIN_EVERY_S)

    async def _live(self, number: int) -> None:
        rng = random.Random(f"{self._seed}/{number}")
        while True:
            fate = rng.choices(list(FATES), list(FATES.values()))[0]
            meant = False
            try:
                async with self._joined(number) as (client, line):
                    with trio.move_on_after(rng.expovariate(1 / PLAY_S)):
                        await fly(client, rng, f"player {number}")
                    meant = True
                    await self._meet(fate, line)
            except Refused as refusal:
                if refusal.retry_after_s is None:
                    self.counts.dropped.append(str(refusal))
                else:
                    self.counts.told_to_wait += 1
                    await trio.sleep(refusal.retry_after_s)
            except ConnectionLost as ended:
                if not meant:
                    self.counts.dropped.append(str(ended))
            await trio.sleep(rng.uniform(*PAUSE_S))

    @asynccontextmanager
    async def _joined(self, number: int) -> AsyncIterator[tuple[GameClient, Line]]:
        """Play in this block; what happened to the client is counted at its end."""
        lines: list[Line] = []

        def under(stream: trio.abc.HalfCloseableStream, _tasks: trio.Nursery) -> Line:
            assert isinstance(stream, trio.SocketStream)
            lines.append(Line(stream))
            return lines[-1]

        async with open_game(
            self._url,
            room=ROOM,
            name=f"player {number}",
            schema=Siege.schema(),
            via=under,
            resume=False,
        ) as client:
            self.counts.joins += 1
            self._playing.add(client)
            try:
                yield client, lines[-1]
            finally:
                self._playing.remove(client)
                told = client.statistics()
                self.counts.checks += told.checks
                self.counts.wrong_checksums += told.checksum_failures
                self.counts.deltas += told.deltas
                self.counts.resyncs += told.resyncs

    async def _meet(self, fate: str, line: Line) -> None:
        """Let the end come; the connection may or may not tell of it."""
        if fate == "leave":
            self.counts.left += 1
        elif fate == "cut":
            self.counts.cut += 1
            line.cut()
        else:
            self.counts.frozen += 1
            line.freeze()
            await trio.sleep(FREEZE_S)
            line.thaw()
