"""Durable rooms in PostgreSQL, and two servers: one dies or is paused, and the other goes on."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
import trio

from clients import GameClient, open_game
from clients.errors import Refused
from tests.support.postgres_server import PostgresServer, postgres_server
from tests.system.durable_play import GAME, next_check, play_on
from tests.system.nodes import running_nodes
from tests.system.servers import RunningServer, running_server

pytestmark = pytest.mark.long

DEADLINE_S = 120.0
SECRET = "a-secret-of-at-least-thirty-two-characters"


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@contextlib.contextmanager
def fort(folder: Path, postgres: PostgresServer) -> Iterator[RunningServer]:
    """Run a server without a folder: all that it keeps is in the database."""
    (folder / "fort.py").write_text(GAME)
    (folder / "secret").write_text(SECRET)
    arguments = ["serve", "fort:Fort", "--port", "0", "--storage", postgres.url]
    with running_server([*arguments, "--secret-file", "secret"], cwd=folder) as server:
        yield server


class Balancer:
    """Leads each new connection to the server in charge, as a load balancer does."""

    def __init__(self, port: int) -> None:
        self.to_port = port
        self.port = 0

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listeners[0].socket.getsockname()[1]
        await trio.serve_listeners(self._relay, listeners, task_status=task_status)

    async def _relay(self, client: trio.SocketStream) -> None:
        with contextlib.suppress(OSError, trio.BrokenResourceError):
            server = await trio.open_tcp_stream("127.0.0.1", self.to_port)
            async with server, trio.open_nursery() as nursery:
                nursery.start_soon(_copy, client, server, nursery.cancel_scope)
                nursery.start_soon(_copy, server, client, nursery.cancel_scope)


async def _copy(from_: trio.SocketStream, to: trio.SocketStream, scope: trio.CancelScope) -> None:
    with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        async for data in from_:
            await to.send_all(data)
    scope.cancel()


@contextlib.asynccontextmanager
async def two_players(url: str) -> AsyncIterator[list[GameClient]]:
    """Play in one fort, which its journal knows by now."""
    async with contextlib.AsyncExitStack() as stack:
        games = [
            await stack.enter_async_context(open_game(url, name=f"p{n}", room="fort"))
            for n in range(2)
        ]
        for game in games:
            while game.replica.tick < 40:
                await game.next_delta()
        yield games


def seats_of(games: list[GameClient]) -> list[tuple[str, int, int | None]]:
    return [(game.room, game.seat, game.replica.own_entity) for game in games]


async def test_another_server_goes_on_with_the_rooms_of_a_killed_one(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    with fort(tmp_path, postgres) as first, fort(tmp_path, postgres) as second:
        async with trio.open_nursery() as nursery, contextlib.AsyncExitStack() as stack:
            balancer = Balancer(first.port)
            await nursery.start(balancer.run)
            url = f"ws://127.0.0.1:{balancer.port}"
            games = await stack.enter_async_context(two_players(url))
            seats = seats_of(games)
            backs = [trio.Event() for _ in games]
            for game, back in zip(games, backs, strict=True):
                nursery.start_soon(play_on, game, back)
            first.process.send_signal(signal.SIGKILL)
            await trio.to_thread.run_sync(first.process.wait)
            balancer.to_port = second.port
            with trio.fail_after(DEADLINE_S):
                for back in backs:
                    await back.wait()
                await next_check(games[0])
            assert seats_of(games) == seats
            assert all(game.statistics().deltas_refused == 0 for game in games)
            assert all(game.statistics().checksum_failures == 0 for game in games)
            assert [game.rejoins for game in games] == [0] * 2
            nursery.cancel_scope.cancel()


async def test_another_node_goes_on_with_the_rooms_of_a_killed_one(tmp_path: Path) -> None:
    (tmp_path / "fort.py").write_text(GAME)
    with running_nodes(tmp_path, 2, room="fort:Fort") as nodes:
        pids = await nodes.until_nodes(2)
        async with trio.open_nursery() as nursery, contextlib.AsyncExitStack() as stack:
            url = f"ws://127.0.0.1:{nodes.port}"
            games = await stack.enter_async_context(two_players(url))
            seats = seats_of(games)
            backs = [trio.Event() for _ in games]
            for game, back in zip(games, backs, strict=True):
                nursery.start_soon(play_on, game, back)
            opened = nodes.server.stderr.wait_for(r'"room opened".*"node": "n(\d)"', DEADLINE_S)
            os.kill(pids[int(opened[1])], signal.SIGKILL)
            with trio.fail_after(DEADLINE_S):
                for back in backs:
                    await back.wait()
            assert seats_of(games) == seats
            assert [game.rejoins for game in games] == [0] * 2
            nursery.cancel_scope.cancel()


async def test_a_server_that_was_paused_writes_nothing_any_more(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    with fort(tmp_path, postgres) as paused, fort(tmp_path, postgres) as other:
        async with open_game(paused.ws_url, name="ann", room="fort/7", resume=False) as game:
            while game.replica.tick < 10:
                await game.next_delta()
            os.kill(paused.process.pid, signal.SIGSTOP)
            try:
                async with until_let_in(other) as taken_over:
                    # The new owner keeps its own journal soon after the room goes on.
                    while len(set(before := fence_of(postgres, "fort/7"))) > 1:
                        await taken_over.next_delta()
                    os.kill(paused.process.pid, signal.SIGCONT)
                    line = "another server has taken over the room"
                    await trio.to_thread.run_sync(paused.stderr.wait_for, line, DEADLINE_S)
                    for _ in range(10):
                        await taken_over.next_delta()
                    assert fence_of(postgres, "fort/7") == before
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(paused.process.pid, signal.SIGCONT)


@contextlib.asynccontextmanager
async def until_let_in(server: RunningServer) -> AsyncIterator[GameClient]:
    """Join the room as soon as the lease of its former server is over."""
    while True:
        try:
            opening = open_game(server.ws_url, name="bob", room="fort/7", resume=False)
            async with opening as game:
                yield game
                return
        except Refused as refused:
            if refused.reason != "fort/7 is on another server":
                raise
            await trio.sleep(refused.retry_after_s or 0.1)


def fence_of(postgres: PostgresServer, room: str) -> tuple[int, int]:
    """Return the fence of a room, and that of the journal which is kept of it."""
    with psycopg.connect(postgres.url) as connection:
        [(fence, kept)] = connection.execute(
            "SELECT f.fence, c.fence FROM gameserver_fences f "
            "JOIN gameserver_checkpoints c ON f.room = c.room WHERE f.room = %s",
            (room,),
        ).fetchall()
    return fence, kept
