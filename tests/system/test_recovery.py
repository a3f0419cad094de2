"""Durable rooms and real ``kill -9``: the next process goes on where the last one ended."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from clients import open_game
from tests.system.durable_play import GAME, next_check, play_on
from tests.system.servers import RunningServer, run_to_its_end, running_server

#: A client that is not back after this long never comes back.
RETURN_DEADLINE_S = 120.0
#: The most that a crash may cost: the time until a record is in the journal.
MOST_LOST_S = 0.15


@pytest.fixture
def port() -> int:
    """A port for two processes, one after the other."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        number: int = found.getsockname()[1]
        return number


@contextlib.contextmanager
def fort(folder: Path, port: int) -> Iterator[RunningServer]:
    (folder / "fort.py").write_text(GAME)
    arguments = ["serve", "fort:Fort", "--data", "kept", "--port", str(port)]
    with running_server(arguments, cwd=folder) as server:
        yield server


async def lives_through(folder: Path, port: int, end: signal.Signals) -> None:
    """Play in one process, end it, and go on in the next one."""
    async with trio.open_nursery() as nursery, contextlib.AsyncExitStack() as stack:
        first = stack.enter_context(fort(folder, port))
        games = [
            await stack.enter_async_context(
                open_game(first.ws_url, name=f"p{n}", room="fort/1", resume=True)
            )
            for n in range(4)
        ]
        for game in games:
            while game.replica.tick < 40:
                await game.next_delta()
        seats = [game.seat for game in games]
        ships = [game.replica.own_entity for game in games]
        backs = [trio.Event() for _ in games]
        for game, back in zip(games, backs, strict=True):
            nursery.start_soon(play_on, game, back)
        seen = max(game.replica.tick for game in games)
        first.process.send_signal(end)
        await trio.to_thread.run_sync(first.process.wait)
        second = stack.enter_context(fort(folder, port))
        recovered = second.stderr.wait_for(r'"tick": (\d+), .*"room recovered"', RETURN_DEADLINE_S)
        with trio.fail_after(RETURN_DEADLINE_S):
            for back in backs:
                await back.wait()
            for game in games:
                await next_check(game)
        assert [game.seat for game in games] == seats
        assert [game.replica.own_entity for game in games] == ships
        assert all(game.statistics().deltas_refused == 0 for game in games)
        assert all(game.statistics().checksum_failures == 0 for game in games)
        assert int(recovered[1]) >= seen - MOST_LOST_S * games[0].tick_rate
        nursery.cancel_scope.cancel()


async def test_a_killed_server_loses_no_seat(tmp_path: Path, port: int) -> None:
    await lives_through(tmp_path, port, signal.SIGKILL)


@pytest.mark.long
async def test_a_stopped_server_goes_on_where_it_ended(tmp_path: Path, port: int) -> None:
    await lives_through(tmp_path, port, signal.SIGTERM)


def test_a_durable_room_needs_a_folder(tmp_path: Path) -> None:
    (tmp_path / "fort.py").write_text(GAME)
    ended = run_to_its_end(["serve", "fort:Fort", "--port", "0"], cwd=tmp_path)
    assert ended.returncode == 1
    assert "Fort is durable: give the server a folder to keep it in, with --data" in ended.stderr


@pytest.mark.long
def test_a_folder_has_one_server(tmp_path: Path, port: int) -> None:
    with fort(tmp_path, port):
        arguments = ["serve", "fort:Fort", "--data", "kept", "--port", "0"]
        ended = run_to_its_end(arguments, cwd=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.strip().endswith("data folder kept: another server uses it")
