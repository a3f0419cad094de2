"""A session at work over memory streams, and all that a test wants to look at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from gameserver import Settings
from gameserver.ops.metrics import Counters
from gameserver.runtime.admission.connection_limits import ConnectionLimits, Peer
from gameserver.runtime.rooms.lobby import Lobby
from gameserver.runtime.sessions.session import Session
from gameserver.simulation.stepper import Seated
from tests.support.small_game import Field, MemoryLink, RawClient, SilenceableStream, connected


@attrs.frozen
class MemorySession:
    """A session and all that a test wants to look at."""

    session: Session
    client: RawClient
    stream: SilenceableStream
    link: MemoryLink
    lobby: Lobby
    counters: Counters
    over: trio.Event

    @property
    def field(self) -> Field:
        room = self.lobby.rooms[0][1].room
        assert isinstance(room, Field)
        return room

    def seated(self, number: int) -> Seated:
        return self.lobby.rooms[0][1].stepper.seated[number]


@asynccontextmanager
async def memory_session(
    kind: type[Field] = Field, **settings: Any
) -> AsyncIterator[MemorySession]:
    async with trio.open_nursery() as nursery, connected() as (ws, link, client, stream):
        lobby = Lobby({"field": kind}, Settings(empty_room_s=1000, reading="tasks", **settings))
        lobby.start(nursery)
        counters, over = Counters(), trio.Event()
        peer = ConnectionLimits(Settings(**settings)).admit("peer", 0, trio.current_time())
        assert isinstance(peer, Peer)
        session = Session(ws, peer, lobby, Settings(**settings), counters)

        async def run() -> None:
            await session.run()
            await ws.end()
            link.drop()
            over.set()

        nursery.start_soon(run)
        yield MemorySession(session, client, stream, link, lobby, counters, over)
        nursery.cancel_scope.cancel()
