"""Nodes of several hosts for tests: servers on ports of loopback that share a directory."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from gameserver import Player, Room, Settings, command, entity, number, open_server, synced
from gameserver.cluster.directory.contract import Directory
from gameserver.cluster.directory.errors import DirectoryUnavailable
from gameserver.cluster.directory.memory import MemoryDirectory
from gameserver.runtime.membership.member import Membership
from gameserver.runtime.server import Server
from tests.support.redis_server import free_port

#: So long that no lease ends because the machine is busy.
LEASE_S = 120.0
SECRET = "one-secret-for-all-the-nodes-of-a-cluster"


@entity
class Pawn:
    x: int = synced(0)


@command
class Walk:
    dx: int = number(-1, 1)


class Plain(Room):
    """A room that keeps the seats of those who lose their connection."""

    tick_rate = 20
    max_players = 4
    hold_s = 60.0
    classes = (Pawn, Walk)

    def on_join(self, player: Player) -> None:
        player.entity = self.spawn(Pawn(), owner=player)

    def on_command(self, player: Player, command: Walk) -> None:
        player.entity.x += command.dx


class Guarded(Plain):
    """Only for those who sign in with a token."""

    requires_token = True


KINDS: Mapping[str, type[Room]] = {"plain": Plain, "guarded": Guarded}


def memory_directory() -> MemoryDirectory:
    return MemoryDirectory(settled=True, lease_s=LEASE_S)


class FlakyDirectory(MemoryDirectory):
    """A directory that can be away."""

    def __init__(self) -> None:
        super().__init__(settled=True, lease_s=LEASE_S)
        self.away = False

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name in Directory.__abstractmethods__ and super().__getattribute__("away"):
            return _unavailable
        return value


async def _unavailable(*_arguments: Any, **_options: Any) -> Any:
    await trio.lowlevel.checkpoint()
    raise DirectoryUnavailable("away")


@asynccontextmanager
async def open_nodes(
    count: int, directory: Directory, kinds: Mapping[str, type[Room]] = KINDS, **settings: Any
) -> AsyncIterator[list[Server]]:
    """Run nodes that share ``directory``, all of them listed."""
    async with contextlib.AsyncExitStack() as opened:
        nodes = []
        for _ in range(count):
            port = free_port()
            of_node = Settings(
                port=port, public_url=f"ws://127.0.0.1:{port}", secret=SECRET, joins_per_s=1e6
            )
            server = open_server(kinds, attrs.evolve(of_node, **settings), directory=directory)
            nodes.append(await opened.enter_async_context(server))
        yield nodes


def url_of(server: Server) -> str:
    return f"ws://127.0.0.1:{server.port}"


def membership_of(server: Server) -> Membership:
    assert server.membership is not None
    return server.membership


def labels(server: Server) -> set[str]:
    return {task.label for _, task in server.lobby.rooms}


async def owned_by(server: Server, label: str) -> None:
    """Make ``server`` the owner of a room, whoever would be chosen."""
    membership = membership_of(server)
    claim = await membership.directory.claim(membership.node, label)
    assert claim.won
    membership.own(claim.label, claim.fence)
