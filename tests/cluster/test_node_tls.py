"""A client over TLS on the wrong node is told the own port of the right one, and plays there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from clients import open_game
from gameserver.protocol.messages import Bye, Moved
from tests.support.node_host import node_host
from tests.support.small_game import Step, open_url
from tests.support.sockets import authority, client_tls, until


@pytest.fixture
def tls(tmp_path: Path) -> dict[str, Any]:
    issued = authority().issue_cert("localhost", "127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    return {"certificate": tmp_path / "cert.pem", "key": tmp_path / "key.pem"}


async def test_a_client_follows_to_the_own_port_of_the_node(
    tmp_path: Path, tls: dict[str, Any]
) -> None:
    async with node_host(tmp_path / "nodes", **tls) as host:
        await host.give(1, "field/x")
        url = f"wss://127.0.0.1:{host.servers[0].tls_port}"
        async with open_game(url, room="field/x", name="ann", ssl_context=client_tls()) as game:
            assert game.room == "field/x"
            await game.send(Step(dx=1))
            field = host.rooms(1)["field/x"]
            with trio.fail_after(60):
                while next(iter(field.players.values())).entity.x != 1:
                    await game.next_delta()
        assert not host.rooms(0)
        assert host.servers[0].counters.passed_on == 0


async def test_what_the_client_is_told(tmp_path: Path, tls: dict[str, Any]) -> None:
    async with node_host(tmp_path / "nodes", **tls) as host:
        await host.give(1, "field/x")
        url = f"wss://localhost:{host.servers[0].tls_port}/"
        async with open_url(url, client_tls()) as client:
            await client.hello(room="field/x")
            moved = await client.next_of(Moved)
            own = host.nodes[1].node.own_tls_listeners[0].getsockname()[1]
            assert (moved.url, moved.room) == (f"wss://localhost:{own}/", "field/x")
            bye = await client.next_of(Bye)
            assert bye.code == 4015
        async with open_url(moved.url, client_tls()) as client:
            welcome = await client.joined(room="field/x", ticket=moved.ticket)
            assert (welcome.room, welcome.resumed) == ("field/x", False)
        async with open_url(moved.url, client_tls()) as client:
            await client.hello(room="field/x", ticket=moved.ticket)
            code, reason = await client.closed()
            assert (code, reason) == (4007, "the ticket is not one of ours"), "it is good once"
        await until(lambda: not host.rooms(1)["field/x"].players)
