"""Answers for the whole host: rooms of all nodes in pages, and merged metrics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import trio

from gameserver.cluster.host_answers import CURSORS_PER_NODE
from tests.support.node_host import RunningHost, node_host
from tests.support.small_game import join
from tests.support.sockets import until

REST = "HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "nodes"


async def rooms(host: RunningHost, index: int, query: str = "") -> Any:
    response = await host.nodes[index].node.rooms(query)
    assert response.status == 200
    return json.loads(response.body)


async def test_any_node_tells_of_the_rooms_of_all(folder: Path) -> None:
    async with node_host(folder) as host, join(host.servers[0]) as a, join(host.servers[0]) as b:
        await host.give(0, "field/x")
        await host.give(1, "field/y")
        await a.joined("ann", room="field/x")
        await b.joined("bob", room="field/y")
        for index in (0, 1):
            answer = await rooms(host, index)
            assert [room["name"] for room in answer["rooms"]] == ["field/x", "field/y"]
            assert answer["kinds"] == {"field": {"rooms": 2, "players": 2}}
            assert answer["next"] is None
        second = await rooms(host, 0, f"after={CURSORS_PER_NODE}")
        assert [room["name"] for room in second["rooms"]] == ["field/y"]
        assert second["kinds"] == {"field": {"rooms": 2, "players": 2}}
        assert (await host.nodes[0].node.rooms("after=x")).status == 400


async def test_the_site_of_a_node_answers_for_the_host(folder: Path) -> None:
    async with node_host(folder) as host, join(host.servers[0]) as client:
        await host.give(1, "field/y")
        await client.joined(room="field/y")
        for server in host.servers:
            for path, expected in (("/rooms", b"field/y"), ("/metrics", b'node="n1"')):
                stream = await trio.open_tcp_stream("127.0.0.1", server.port)
                async with stream:
                    await stream.send_all(f"GET {path} {REST}".encode())
                    data = b"".join([part async for part in stream])
                assert b" 200 " in data.splitlines()[0]
                assert expected in data


async def test_counters_are_those_of_the_host_and_survive_a_node(folder: Path) -> None:
    async with node_host(folder) as host, join(host.servers[0]) as client:
        await host.give(1, "field/y")
        await client.joined(room="field/y")
        exposition = await host.nodes[0].node.metrics()
        assert b"\ngameserver_joins_total 1.0\n" in exposition
        assert b'gameserver_players{kind="field",node="n1"} 1.0\n' in exposition
        assert exposition.count(b"# TYPE gameserver_joins_total") == 1
        host.nodes[1].scope.cancel()
        await until(lambda: host.folder.living_nodes() == [0])
        await host.registry.forget_run(host.nodes[1].node.run_name)
        assert b"\ngameserver_joins_total 1.0\n" in await host.nodes[0].node.metrics()
