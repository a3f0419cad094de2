"""Draining a node and upgrading all of them, with real processes, while people play."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio

from clients.game_client import GameClient
from clients.joining import open_game
from gameserver.cluster.control import ControlError
from gameserver.cluster.handover.asking import NodesUpgraded, ask_for_upgrade
from gameserver.cluster.operations import ask_to_drain
from tests.system.nodes import GAME, NodesServer, running_nodes

pytestmark = pytest.mark.long

ROOMS = 6
DEADLINE_S = 120.0
#: A node that is too busy to take a room in time is asked again.
PATIENT = ("--drain-s", "60")


@attrs.define
class Crowd:
    """A player in each of several rooms; they play all the time."""

    games: list[GameClient]
    deltas: int = 0

    async def play(self, game: GameClient) -> None:
        while True:
            await game.next_delta()
            self.deltas += 1

    def check(self) -> None:
        for game in self.games:
            statistics = game.statistics()
            assert (statistics.resumes, game.rejoins) == (0, 0)
            assert statistics.checksum_failures == 0


@asynccontextmanager
async def crowd(server: NodesServer, kind: str = "quiet") -> AsyncIterator[Crowd]:
    async with AsyncExitStack() as stack:
        games = []
        for number in range(ROOMS):
            opening = open_game(
                f"ws://127.0.0.1:{server.port}/", name=f"p{number}", room=f"{kind}/{number}"
            )
            games.append(await stack.enter_async_context(opening))
        all_of_them = Crowd(games)
        async with trio.open_nursery() as nursery:
            for game in games:
                nursery.start_soon(all_of_them.play, game)
            yield all_of_them
            all_of_them.check()
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize("kind", ["quiet", "kept"])
async def test_all_nodes_start_anew_one_after_another_and_no_player_notices(
    tmp_path: Path, kind: str
) -> None:
    room = f"mygame:{kind.capitalize()}"
    with trio.fail_after(DEADLINE_S), running_nodes(tmp_path, 2, *PATIENT, room=room) as server:
        before = await server.until_nodes(2)
        async with crowd(server, kind):
            told = await ask_for_upgrade(tmp_path / "data" / "control")
            assert isinstance(told, NodesUpgraded)
            assert told.nodes == 2
            assert told.rooms >= ROOMS
            after = await server.until_nodes(2, but=list(before.values()))
            assert set(after) == set(before)


async def test_a_new_version_that_does_not_start_ends_the_upgrade(tmp_path: Path) -> None:
    with trio.fail_after(DEADLINE_S), running_nodes(tmp_path, 2, *PATIENT) as server:
        before = await server.until_nodes(2)
        async with crowd(server):
            (tmp_path / "mygame.py").write_text("import broken_module\n")
            with pytest.raises(ControlError, match="n0 does not serve with the new version"):
                await ask_for_upgrade(tmp_path / "data" / "control")
            assert server.pids()[1] == before[1], "the other node serves on"
            (tmp_path / "mygame.py").write_text(GAME)


async def test_a_node_that_is_drained_ends_and_its_rooms_play_on(tmp_path: Path) -> None:
    with trio.fail_after(DEADLINE_S), running_nodes(tmp_path, 2, *PATIENT) as server:
        before = await server.until_nodes(2)
        async with crowd(server):
            command = [sys.executable, "-m", "gameserver", "drain", "n1", "--data", "data"]
            done = await trio.run_process(command, cwd=tmp_path, capture_stdout=True)
            assert done.stdout.decode().startswith("n1 drained: ")
            assert server.pids() == {0: before[0]}
            with pytest.raises(ControlError, match="n0 is the last node that serves"):
                await ask_to_drain(tmp_path / "data" / "control", "n0", None)
