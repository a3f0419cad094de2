"""Two hosts of two nodes each, with one directory: a client finds its room from everywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio

from clients.joining import open_game
from gameserver import Server
from gameserver.cluster.directory.memory import MemoryDirectory
from gameserver.protocol.messages import Moved, Welcome
from tests.support.clusters import SECRET, membership_of, memory_directory, owned_by, url_of
from tests.support.node_host import RunningHost, node_host
from tests.support.redis_server import free_port
from tests.support.resumable_lobby import HoldingField, until_known
from tests.support.small_game import Step, join, open_url
from tests.support.sockets import PATIENCE_S, until

LABEL = "field/x"


@attrs.frozen
class TwoHosts:
    """Two hosts of two nodes each; a client connects to any node."""

    directory: MemoryDirectory
    hosts: list[RunningHost]

    def server(self, host: int, node: int) -> Server:
        return self.hosts[host].servers[node]

    @property
    def servers(self) -> list[Server]:
        return [server for host in self.hosts for server in host.servers]

    async def give(self, host: int, node: int) -> None:
        await owned_by(self.server(host, node), LABEL)

    def open_at(self) -> list[tuple[int, int]]:
        """Return the nodes that have the room, as numbers of host and node."""
        return [
            (number, index)
            for number, host in enumerate(self.hosts)
            for index in range(len(host.servers))
            if LABEL in host.rooms(index)
        ]


@asynccontextmanager
async def two_hosts(folder: Path) -> AsyncIterator[TwoHosts]:
    directory = memory_directory()
    ports = [free_port(), free_port()]
    one, other = (
        node_host(
            folder / str(port),
            kinds={"field": HoldingField},
            directory=directory,
            port=port,
            public_url=f"ws://127.0.0.1:{port}",
            secret=SECRET,
        )
        for port in ports
    )
    with trio.fail_after(PATIENCE_S):
        async with one as first, other as second:
            yield TwoHosts(directory, [first, second])


async def test_nodes_of_a_host_are_listed_with_its_name_and_address(tmp_path: Path) -> None:
    async with two_hosts(tmp_path) as two:
        nodes = (await two.directory.nodes()).nodes
        assert len(nodes) == 4
        assert len({node.host for node in nodes}) == 2
        assert len({node.url for node in nodes}) == 2
        assert sorted(node.name.rpartition(" ")[2] for node in nodes) == ["n0", "n0", "n1", "n1"]


async def test_a_room_is_found_from_every_node_of_every_host(tmp_path: Path) -> None:
    async with two_hosts(tmp_path) as two:
        await two.give(1, 1)
        for server in two.servers:
            async with open_game(url_of(server), room=LABEL, name="ann") as game:
                assert game.room == LABEL
                await game.send(Step(1))
                while game.replica.ack < 1:
                    await game.next_delta()
            assert two.open_at() == [(1, 1)]
        # From its own host the connection was passed; the clients of the other one came to the
        # public port, from where their connections were passed too.
        assert two.server(1, 0).counters.passed_on == 3
        assert two.server(0, 1).counters.passed_on == 0


async def test_a_name_is_made_once_and_a_room_of_the_other_host_fills_up(tmp_path: Path) -> None:
    async with two_hosts(tmp_path) as two:
        welcomes: list[str] = []
        over = trio.Event()

        async def play(number: int) -> None:
            url = url_of(two.servers[number % 4])
            room = "field/named" if number % 2 else "field"
            async with open_game(url, room=room, name=f"p{number}") as game:
                welcomes.append(game.room)
                if len(welcomes) == 6:
                    over.set()
                await over.wait()

        async with trio.open_nursery() as nursery:
            for number in range(6):
                nursery.start_soon(play, number)
        assert welcomes.count("field/named") >= 3
        labels = [label for host in two.hosts for index in (0, 1) for label in host.rooms(index)]
        assert len(labels) == len(set(labels))


async def test_a_player_comes_back_through_another_host(tmp_path: Path) -> None:
    async with two_hosts(tmp_path) as two:
        await two.give(0, 1)
        async with join(two.server(0, 0)) as client:
            welcome = await client.joined(room=LABEL)
            (player,) = two.hosts[0].rooms(1)[LABEL].players.values()
            await until(lambda: player.latency.count)
            await client.ws._stream.aclose()
        await until(lambda: not player.connected)
        again = {"room": LABEL, "resume": welcome.resume, "tick": welcome.tick, "held": None}
        async with join(two.server(1, 1)) as client:
            await client.hello(**again)
            moved = await client.next_of(Moved)
            assert (moved.url, moved.again) == (two.server(0, 0).settings.public_url, 1)
        async with open_url(moved.url) as client:
            await client.hello(**again, ticket=moved.ticket)
            resumed = await client.next_of(Welcome)
            assert (resumed.resumed, resumed.seat) == (True, welcome.seat)
            assert player.connected


async def test_a_drain_hands_rooms_to_the_other_node_of_the_host(tmp_path: Path) -> None:
    async with two_hosts(tmp_path) as two:
        await two.give(0, 0)
        async with open_game(url_of(two.server(0, 0)), room=LABEL, name="ann") as game:
            await until_known(game)
            assert await two.server(0, 0).drain(60.0) == 1
            await until(lambda: two.open_at() == [(0, 1)])
            await game.send(Step(1))
            while game.replica.ack < 1:
                await game.next_delta()
            assert (game.statistics().resumes, game.rejoins) == (0, 0)
            found = await two.directory.find(LABEL)
            assert found is not None
            assert found.owner.node == membership_of(two.server(0, 1)).node
            async with join(two.server(0, 0)) as bob:
                assert (await bob.joined("bob", room=LABEL)).room == LABEL
            async with join(two.server(1, 0)) as cid:
                await cid.hello("cid", room=LABEL)
                assert (await cid.next_of(Moved)).room == LABEL
