"""A lobby whose clients connect over memory streams that can be cut: for the tests of resuming.

Clients are written by hand (``RawClient``), or are the real Python client, which ``lead_here``
connects to this lobby.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
import trio_websocket
from trio.testing import memory_stream_pair

from clients import GameClient, connection
from gameserver import Player, Room, Settings
from gameserver.ops.metrics import Counters
from gameserver.protocol.held import encode_held
from gameserver.protocol.messages import SUBPROTOCOL, Delta, Welcome
from gameserver.runtime.admission.connection_limits import ConnectionLimits, Peer
from gameserver.runtime.rooms.lobby import Lobby
from gameserver.runtime.rooms.resumption import Showing
from gameserver.runtime.rooms.roster import Member, Roster
from gameserver.runtime.sessions.session import Session
from gameserver.simulation.stepper import Seated
from tests.support.small_game import (
    Field,
    MemoryLink,
    RawClient,
    SilenceableStream,
    Step,
    accepted,
)

SETTINGS = Settings(empty_room_s=1000, reading="tasks")


class HoldingField(Field):
    """A field whose seats are held, and which logs the hooks about its players."""

    hold_s = 30.0
    told: list[str]
    steps: list[int]

    def on_create(self) -> None:
        super().on_create()
        self.told = []
        self.steps = []

    def on_join(self, player: Player) -> None:
        super().on_join(player)
        self.told.append(f"{player.name} joins")

    def on_drop(self, player: Player) -> None:
        self.told.append(f"{player.name} drops")

    def on_resume(self, player: Player) -> None:
        self.told.append(f"{player.name} resumes")

    def on_leave(self, player: Player, reason: str) -> None:
        super().on_leave(player, reason)
        self.told.append(f"{player.name} leaves: {reason}")

    def on_command(self, player: Player, command: Step) -> None:
        super().on_command(player, command)
        self.steps.append(command.dx)


@attrs.define
class ResumableLobby:
    """The lobby, and the server's ends of all connections so far."""

    lobby: Lobby
    connection_limits: ConnectionLimits
    counters: Counters
    nursery: trio.Nursery
    links: list[MemoryLink] = attrs.field(factory=list)
    sessions: list[Session] = attrs.field(factory=list)

    @property
    def room(self) -> HoldingField:
        room = self.lobby.rooms[0][1].room
        assert isinstance(room, HoldingField)
        return room

    @property
    def roster(self) -> Roster:
        return self.lobby.rooms[0][1].roster

    @property
    def held(self) -> int:
        """How many seats are held in all rooms."""
        return len(self.lobby.hold_quota)

    def seated(self, number: int) -> Seated:
        return self.member(number).seated

    def member(self, number: int) -> Member:
        """Return the player in a seat of the first room."""
        member = self.roster.find(self.room.players[number])
        assert member is not None
        return member

    def shown(self) -> dict[Showing, int]:
        return {how: count for how, count in self.lobby.resumption.counts.items() if count}

    async def serve(self, stream: Any) -> None:
        """Serve one connection, as the acceptor would."""
        link = MemoryLink(stream, stream_peer(stream))
        self.links.append(link)
        async with trio.open_nursery() as nursery:
            ws = await accepted(link, nursery)
            peer = self.connection_limits.admit("peer", 0, trio.current_time())
            assert isinstance(peer, Peer)
            peer.counted_as = "an address"
            session = Session(ws, peer, self.lobby, self.lobby._settings, self.counters)
            self.sessions.append(session)
            await session.run()
            await ws.end()
            nursery.cancel_scope.cancel()
        link.drop()

    def pair(self) -> Any:
        """Return the client's end of a new connection."""
        theirs, ours = memory_stream_pair()
        ours.__dict__["peer"] = theirs
        self.nursery.start_soon(self.serve, ours)
        return theirs

    @asynccontextmanager
    async def client(self) -> AsyncIterator[tuple[RawClient, SilenceableStream]]:
        stream = SilenceableStream(self.pair())
        async with trio.open_nursery() as nursery:
            ws = await trio_websocket.wrap_client_stream(
                nursery, stream, "test", "/", subprotocols=[SUBPROTOCOL]
            )
            yield RawClient(ws), stream
            await stream.aclose()
            nursery.cancel_scope.cancel()

    async def leave_behind(self, name: str = "ann", **hello: Any) -> tuple[Welcome, Delta]:
        """Join, get a delta, and lose the connection; return welcome and delta."""
        async with self.client() as (client, _):
            welcome = await client.joined(name, **hello)
            seen = await client.next_of(Delta)
            await trio.sleep(0.2)  # a ping frame is answered by then
        await trio.testing.wait_all_tasks_blocked()
        return welcome, seen

    def cut(self) -> None:
        """Cut the newest connection, as a network does: no close frame, no warning."""
        self.links[-1].drop()

    def lead_here(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let ``open_game`` connect to this lobby."""

        async def open_stream(*_: Any) -> Any:
            await trio.lowlevel.checkpoint()
            return self.pair()

        monkeypatch.setattr(connection, "_open_stream", open_stream)


async def until_known(game: GameClient) -> None:
    """Play until the server has measured a ping; before that it would not hold the seat."""
    while game.status is None:
        await game.next_delta()


async def back(client: RawClient, welcome: Welcome, seen: Delta | None, **other: Any) -> Welcome:
    """Resume by hand, with the entities that ``seen`` brought."""
    held = None if seen is None else encode_held(seen.enters[:: 2 + 2])
    tick = 0 if seen is None else seen.tick
    hello: dict[str, Any] = {"resume": welcome.resume, "tick": tick, "held": held, **other}
    await client.hello(**hello)
    return await client.next_of(Welcome)


def stream_peer(stream: Any) -> Any:
    return stream.__dict__["peer"]


@asynccontextmanager
async def resumable_lobby(
    kind: type[Field] = HoldingField,
    *more: type[Room],
    prepare: Callable[[Lobby], None] = lambda _: None,
    **changes: Any,
) -> AsyncIterator[ResumableLobby]:
    """``more`` rooms are served under the names of their classes, in lower case.

    ``prepare`` is called with the lobby before it starts.
    """
    settings = attrs.evolve(SETTINGS, **changes)
    async with trio.open_nursery() as nursery:
        kinds = {"field": kind, **{cls.__name__.lower(): cls for cls in more}}
        lobby = Lobby(kinds, settings)
        prepare(lobby)
        lobby.start(nursery)
        yield ResumableLobby(lobby, ConnectionLimits(settings), Counters(), nursery)
        nursery.cancel_scope.cancel()
