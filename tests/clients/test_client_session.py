"""A client's answers to wrong checks and malformed deltas, by vectors for both languages."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked
from trio_websocket import ConnectionClosed

from clients.game_client import GameClient
from gameserver.protocol.messages import Ack, Desync, Hello, Ping, Resync, decode_from_client
from tests.support.paths import VECTORS
from tests.support.scripted_server import (
    Game,
    Server,
    dial_fixture,  # noqa: F401 - a fixture
    game_fixture,  # noqa: F401 - a fixture
)
from tests.support.vector_form import form_bytes

SCRIPTS = json.loads((VECTORS / "client_session.json").read_text())
RESYNC = [6]


class Listener:
    """Messages that the client has sent since the last call, without pings and acks."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._sent: list[Any] = []

    async def run(self) -> None:
        try:
            while True:
                message = decode_from_client(await self._server.ws.get_message())
                if isinstance(message, Resync):
                    self._sent.append(RESYNC)
                elif isinstance(message, Desync):
                    self._sent.append([7, message.tick, message.held])
                elif not isinstance(message, (Ping, Ack)):
                    self._sent.append(message)
        except ConnectionClosed:
            return

    def take(self) -> list[Any]:
        taken, self._sent = self._sent, []
        return taken


def holds(client: GameClient) -> list[list[Any]]:
    return [[entity.id, *entity.values] for entity in client.replica.entities.values()]


@pytest.mark.parametrize("case", SCRIPTS["cases"], ids=lambda case: case["name"])
async def test_checks_and_wrong_deltas(game: Game, autojump_clock, case: dict[str, Any]) -> None:
    server: Server | None = None
    done = trio.Event()

    async def script(scripted: Server) -> None:
        nonlocal server
        await scripted.hear(Hello)
        await scripted.ws.send_message(form_bytes(SCRIPTS["welcome"]))
        server = scripted
        await done.wait()

    async with game(script) as client, trio.open_nursery() as nursery:
        assert server is not None
        listener = Listener(server)
        nursery.start_soon(listener.run)
        for message, after in case["steps"]:
            await server.ws.send_message(form_bytes(message))
            await wait_all_tasks_blocked()
            assert listener.take() == after["sends"]
            assert holds(client) == after["holds"]
            closed = server.ws.closed
            assert (closed.code if closed else None) == after.get("closes")
        done.set()
        nursery.cancel_scope.cancel()
