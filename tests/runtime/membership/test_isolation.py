"""Redis away, and wiped, with players: rooms tick on, nobody is dropped, nothing is made twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio

from clients import GameClient, open_game
from clients.errors import Refused
from gameserver.cluster.directory.addresses import read_address
from gameserver.cluster.directory.errors import DirectoryError
from gameserver.cluster.directory.redis import RedisDirectory, open_redis_directory
from gameserver.runtime.server import Server
from tests.support.clusters import labels, membership_of, open_nodes, url_of
from tests.support.redis_server import RedisServer, redis_server
from tests.support.sockets import PATIENCE_S

#: Ticks of each room that must come while the directory is away: two leases and more.
TICKS = 20


@attrs.frozen
class Playing:
    """Two nodes with a named room and a player each."""

    server: RedisServer
    directory: RedisDirectory
    nodes: list[Server]
    games: list[GameClient]

    async def play(self, ticks: int) -> None:
        """Let every player see so many ticks; raises if one is dropped."""
        for game in self.games:
            with trio.fail_after(PATIENCE_S):
                until = (await game.next_delta()).tick + ticks
                while (await game.next_delta()).tick < until:
                    pass

    async def listed_again(self) -> None:
        """Renew until each node is listed, with its room."""
        with trio.fail_after(PATIENCE_S):
            for node, game in zip(self.nodes, self.games, strict=True):
                while True:
                    try:
                        await membership_of(node).renew()
                        found = await self.directory.find(game.room)
                    except DirectoryError:
                        continue
                    break
                assert found is not None
                assert found.owner.node == membership_of(node).node

    async def refuses(self, node: Server, room: str) -> None:
        with pytest.raises(Refused) as refused:
            async with open_game(url_of(node), room=room, name="late"):
                pass
        assert (refused.value.code, refused.value.retry_after_s) == (4005, 2.0)


@asynccontextmanager
async def playing() -> AsyncIterator[Playing]:
    with redis_server() as server:
        address = read_address(server.url)
        server.settle(address.base)
        async with (
            open_redis_directory(address, call_timeout_s=PATIENCE_S) as directory,
            open_nodes(2, directory) as nodes,
        ):
            for number, node in enumerate(nodes):
                membership = membership_of(node)
                claim = await directory.claim(membership.node, f"plain/{number}x")
                membership.own(claim.label, claim.fence)
            async with (
                open_game(url_of(nodes[0]), room="plain/0x", name="ann", resume=False) as ann,
                open_game(url_of(nodes[1]), room="plain/1x", name="bob", resume=False) as bob,
            ):
                assert [labels(node) for node in nodes] == [{"plain/0x"}, {"plain/1x"}]
                # From here on it is given up soon; what a test needs is tried again.
                directory._link._call_timeout_s = 0.3
                yield Playing(server, directory, nodes, [ann, bob])


@pytest.mark.long
async def test_while_redis_hangs_rooms_play_on_and_are_joined() -> None:
    async with playing() as now:
        now.server.pause()
        await now.play(TICKS)
        async with open_game(url_of(now.nodes[0]), room="plain/0x", name="cid") as cid:
            assert cid.room == "plain/0x"
        await now.refuses(now.nodes[0], "plain/1x")
        await now.refuses(now.nodes[1], "plain/new")
        now.server.go_on()
        await now.listed_again()
        await now.play(2)


async def test_a_redis_that_was_wiped_is_whole_after_one_renewal() -> None:
    async with playing() as now:
        now.server.call("FLUSHALL")
        await now.listed_again()
        await now.play(TICKS)


@pytest.mark.long
async def test_a_redis_that_starts_again_without_its_data_is_whole_after_one_renewal() -> None:
    async with playing() as now:
        now.server.kill()
        await now.play(TICKS)
        await now.refuses(now.nodes[1], "plain/0x")
        now.server.start()
        await now.listed_again()
        await now.play(2)
