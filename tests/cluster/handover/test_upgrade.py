"""``gameserver upgrade`` between real processes: all play on, also where the new version fails."""

from __future__ import annotations

import contextlib
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
from gameserver.cluster.directory.addresses import read_address
from gameserver.cluster.directory.contract import Directory
from gameserver.cluster.directory.listings import NodeListing
from gameserver.cluster.directory.redis import open_redis_directory
from gameserver.cluster.handover.asking import Upgraded, ask_for_upgrade
from gameserver.protocol.messages import VERSION
from gameserver.runtime.membership.seals import sealed
from gameserver.storage import Collection
from gameserver.storage.errors import Owned
from gameserver.storage.opening import open_storage
from gameserver.storage.store import Storage
from tests.support.postgres_server import postgres_server
from tests.support.redis_server import free_port, redis_server
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

SECRET = "a-secret-of-at-least-thirty-two-characters"
#: Each step is also written to the storage, with its tick.
KEPT = """
import attrs
from gameserver.storage import ChangeObject, Collection

@attrs.frozen
class Steps(Collection):
    count: int = 0

def one_more(steps):
    return Steps(1 if steps is None else steps.count + 1)

class Kept(Game):
    durable = True

    def on_command(self, player, command):
        super().on_command(player, command)
        self.storage.submit(ChangeObject(Steps, one_more, owner=player.name))

Game = Kept
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
        """Upgrade it, again where the machine was too busy: then the old process has served on."""
        while True:
            try:
                return await ask_for_upgrade(self.folder / "data" / "control")
            except ControlError as error:
                if re.search(r"within [\d.]+ s$|does not answer|in time$", str(error)) is None:
                    raise

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


@asynccontextmanager
async def service(
    folder: Path, more: str = "", *arguments: str, port: int = 0
) -> AsyncIterator[Service]:
    (folder / "game.py").write_text(GAME + more)
    command = [sys.executable, "-m", "gameserver", "serve", "game:Game", "--port", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - it starts at once
            [*command, "--data", "data", "--ping-interval-s", "1", *arguments],
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
    with trio.fail_after(4 * PATIENCE_S):
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
    with trio.fail_after(8 * PATIENCE_S):
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


@attrs.frozen
class Steps(Collection):
    count: int = 0


@attrs.define
class Rival:
    """Another node, which wants the room all the time, in the directory and in the storage."""

    directory: Directory
    storage: Storage
    tries: int = 0
    owners: set[tuple[str, int]] = attrs.field(factory=set)

    async def run(self) -> None:
        listing = NodeListing(node="rival", host="rival", url="ws://rival", protocol=VERSION)
        rival = sealed(listing, [SECRET])
        while True:
            await self.directory.renew(rival, [])
            claim = await self.directory.claim("rival", "kept/1")
            self.owners.add((claim.owner.node, claim.fence))
            with pytest.raises(Owned):
                await self.storage.claim("kept/1", "rival")
            self.tries += 1
            await trio.sleep(0.01)


@pytest.mark.long
async def test_a_server_with_directory_and_database_is_upgraded_as_the_same_owner(
    tmp_path: Path,
) -> None:
    with (
        redis_server() as redis,
        postgres_server() as postgres,
        trio.fail_after(8 * PATIENCE_S),
    ):
        secret = tmp_path / "secret"
        secret.write_text(SECRET)
        port = free_port()
        url = f"ws://127.0.0.1:{port}"
        arguments = (
            *("--directory", redis.url, "--public-url", url, "--storage", postgres.url),
            *("--secret-file", str(secret)),
        )
        async with (
            open_redis_directory(read_address(redis.url)) as directory,
            opened_storage(postgres.url) as storage,
            contextlib.AsyncExitStack() as playing,
        ):
            rival = Rival(directory, storage)
            async with service(tmp_path, KEPT, *arguments, port=port) as server:
                joining = open_game(url, room="kept/1", name="ann")
                ann = await playing.enter_async_context(joining)
                player = Steady(ann)
                await player.play(5)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(rival.run)
                    for _ in range(2):
                        told = await upgrade_while_playing(server, player)
                        assert (told.players, told.rooms, told.coming_back) == (1, 1, 0)
                    server.release(f"{KEPT}import broken_module")
                    with pytest.raises(ControlError, match="broken_module"):
                        await server.upgrade()
                    server.release(KEPT + DIES_AT.format(kind="loaded"))
                    with pytest.raises(ControlError, match="the new process ended"):
                        await server.upgrade()
                    await player.play(10)
                    player.check()
                    server.release(KEPT)
                    nursery.cancel_scope.cancel()
                assert rival.tries > 5
                assert len(rival.owners) == 1, "the same owner with the same fence"
                kept = await storage.checkpoint("kept/1")
                assert kept is not None
                assert kept.fence == 1
            stored = await storage.get(Steps, owner="ann")
            assert stored is not None
            assert stored.value.count == player.sent
            async with service(tmp_path, KEPT, *arguments, port=port):
                while not ann.statistics().resumes:
                    await ann.next_delta()
                assert ann.replica.own is not None
                assert ann.replica.own.x == player.sent
                await playing.aclose()


async def upgrade_while_playing(server: Service, player: Steady) -> Upgraded:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(player.play, 40)
        told = await server.upgrade()
    player.check()
    return told


@asynccontextmanager
async def opened_storage(url: str) -> AsyncIterator[Storage]:
    storage = await open_storage(url)
    try:
        yield storage
    finally:
        await storage.aclose()
