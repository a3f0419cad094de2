"""Operators of a host with several nodes: one admin port, every room of every node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import trio

from gameserver.cluster.node_admin import run_node_admin
from gameserver.protocol.closing import CloseCode
from tests.support.admin_client import TOKEN, ask_admin
from tests.support.node_host import node_host
from tests.support.small_game import join


async def test_the_first_node_acts_on_rooms_of_all(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"admin_token": TOKEN, "admin_port": 0}
    async with node_host(tmp_path, **settings) as host, trio.open_nursery() as nursery:
        port, none = [
            await nursery.start(run_node_admin, each.node, each.server) for each in host.nodes
        ]
        assert none == 0
        await host.give(1, "field/x")
        async with join(host.servers[1]) as client:
            await client.joined("bob", room="field/x")
            status, told = await ask_admin(port, "rooms")
            assert status == 200
            assert [(one["node"], one["room"]) for one in told["result"]] == [("n1", "field/x")]
            assert (await ask_admin(port, "nodes"))[1] == {"result": ["n0", "n1"]}
            assert (await ask_admin(port, "lock", room="field/x"))[0] == 200
            assert host.rooms(1)["field/x"].locked is False  # the game's own is as it was
            status, told = await ask_admin(port, "ban", room="field/x", seat=1)
            assert "1 sessions have ended" in told["result"]
            assert (await client.closed())[0] == CloseCode.BANNED
        for server in host.servers:
            async with join(server) as client:
                await client.hello(room="field/y")
                assert (await client.closed())[0] == CloseCode.BANNED
        assert (await ask_admin(port, "unban", address="127.0.0.1"))[0] == 200
        async with join(host.servers[1]) as client:
            await client.joined("bob")
        status, told = await ask_admin(port, "drain", node="n1")
        assert status == 200, json.dumps(told)
        with trio.fail_after(60):
            while not host.servers[1].draining:
                await trio.lowlevel.checkpoint()
        assert not host.servers[0].draining
        nursery.cancel_scope.cancel()
