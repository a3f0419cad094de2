"""``gameserver upgrade`` between real processes: all play on, also where the new version fails."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio

from clients.game_client import GameClient
from clients.joining import open_game
from gameserver import command, entity, number, synced
from gameserver.cluster.control import ControlError
from gameserver.cluster.handover.asking import Upgraded, ask_for_upgrade
from tests.support.sockets import PATIENCE_S

GAME = """
from gameserver import Room, command, entity, number, synced

@entity
class Pawn:
    x: int = synced(0)

@command
class Step:
    dx: int = number(-10, 10)

class Game(Room):
    tick_rate = 30
    hold_s = 30.0
    version: int

    def on_create(self):
        self.version = 1

    def on_join(self, player):
        player.entity = self.spawn(Pawn(), owner=player)

    def on_command(self, player, command):
        player.entity.x += command.dx
"""

#: What a new version does wrong → the reason that the operator is told.
FAILURES = {
    "import broken_module": "broken_module",
    "Game.__annotations__['version'] = 'str'": "version",
    """
async def on_load(self):
    raise ZeroDivisionError("no such level")
Game.on_load = on_load
""": "Game.on_load raised ZeroDivisionError: no such level",
}
#: The new process ends as by ``kill -9`` right before it sends this message.
DIES_AT = """
import os, signal
from gameserver.cluster.descriptors import DescriptorChannel
send = DescriptorChannel.send
async def send_or_die(self, body, descriptors=()):
    if body[0] == {kind!r}:
        os.kill(os.getpid(), signal.SIGKILL)
    await send(self, body, descriptors)
DescriptorChannel.send = send_or_die
"""


@entity
class Pawn:
    x: int = synced(0)


@command
class Step:
    dx: int = number(-10, 10)


@attrs.frozen
class Service:
    """A server whose program is in ``folder``, and its main process."""

    folder: Path
    process: subprocess.Popen[bytes]
    port: int

    def release(self, more: str = "") -> None:
        """Make the program another version."""
        (self.folder / "game.py").write_text(GAME + more)

    async def upgrade(self) -> Upgraded:
        return await ask_for_upgrade(self.folder / "data" / "control")

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


@asynccontextmanager
async def service(folder: Path) -> AsyncIterator[Service]:
    (folder / "game.py").write_text(GAME)
    command = [sys.executable, "-m", "gameserver", "serve", "game:Game", "--port", "0"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - it starts at once
            [*command, "--data", "data", "--ping-interval-s", "1"],
            cwd=folder,
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
    try:
        while not (told := re.search(r":(\d+)/", (folder / "log").read_text())):
            assert process.poll() is None, (folder / "log").read_text()
            await trio.sleep(0.05)
        yield Service(folder, process, int(told[1]))
        process.send_signal(signal.SIGTERM)
        assert await trio.to_thread.run_sync(process.wait) == 0
    finally:
        process.kill()
        process.wait()


@attrs.define
class Steady:
    """A player that steps at every delta, and sees each step applied once."""

    game: GameClient
    sent: int = 0

    async def play(self, deltas: int) -> None:
        for _ in range(deltas):
            self.sent += await self.game.send(Step(1)) > 0
            await self.game.next_delta()
        while self.game.replica.ack < self.sent:
            await self.game.next_delta()

    def check(self) -> None:
        statistics = self.game.statistics()
        assert self.game.replica.own is not None
        assert self.game.replica.own.x == self.sent
        assert (statistics.resumes, self.game.rejoins) == (0, 0)
        assert statistics.checksum_failures == 0


@pytest.mark.long
async def test_players_play_through_upgrades_over_the_same_connections(tmp_path: Path) -> None:
    with trio.fail_after(2 * PATIENCE_S):
        async with (
            service(tmp_path) as server,
            open_game(server.url, name="ann") as ann,
            open_game(server.url, name="bob") as bob,
        ):
            players = [Steady(ann), Steady(bob)]
            processes = [server.process.pid]
            for number_ in range(2):
                server.release(f"Game.version_number = {number_}")
                async with trio.open_nursery() as nursery:
                    for player in players:
                        nursery.start_soon(player.play, 40)
                    told = await server.upgrade()
                assert (told.players, told.rooms, told.coming_back) == (2, 1, 0)
                processes.append(told.pid)
                for player in players:
                    player.check()
            assert len(set(processes)) == 3
            assert server.process.poll() is None
            async with open_game(server.url, name="cid") as cid:
                await Steady(cid).play(3)
                assert cid.seat == 3


@pytest.mark.long
async def test_the_old_version_plays_on_where_the_new_one_fails(tmp_path: Path) -> None:
    with trio.fail_after(4 * PATIENCE_S):
        async with service(tmp_path) as server, open_game(server.url, name="ann") as ann:
            player = Steady(ann)
            await player.play(10)
            for more, reason in FAILURES.items():
                server.release(more)
                with pytest.raises(ControlError, match=re.escape(reason)):
                    await server.upgrade()
                await player.play(10)
                player.check()
                assert reason in server.log
            for kind in ("loaded", "taken"):
                server.release(DIES_AT.format(kind=kind))
                with pytest.raises(ControlError, match="the new process ended"):
                    await server.upgrade()
                await player.play(10)
                player.check()
            server.release()
            await server.upgrade()
            await player.play(10)
            player.check()
