"""``node_kills``: a node with durable rooms is killed, and its players come back on other nodes.

Owns the server and its players.  The players are light: they note the tick of each delta, and come
back with their resume tokens.  Measures the cost of a kill for the players of the killed node, and
whether the players of other nodes notice it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs
import trio

from benchmarks.hostile.light import LightPlayer
from benchmarks.machine import BenchmarkError
from benchmarks.servers import port_printed
from benchmarks.studies.nodes import wait_until_all_serve
from clients.backoff import Backoff
from clients.errors import ConnectionLost
from gameserver.games.arena.model import Play, Steer
from gameserver.games.arena.room import Arena

#: Rooms for each node.
ROOMS_PER_NODE: Final = 2
#: The time that all play before a kill, and after all are back.
PLAY_S: Final = 4.0
RETURN_DEADLINE_S: Final = 30.0
STEER_EVERY_S: Final = 0.4
#: A client whose room waits for the lease of a dead node is told to come back within this time.
LONGEST_PAUSE_S: Final = 1.0


class Fort(Arena):
    """A durable arena."""

    durable = True
    max_players = 250


@attrs.frozen
class Kill:
    """The cost of one kill: for the players of the node, and for all others."""

    lost_connections: int
    #: Seconds from the kill until the last of them had a seat again.
    back_s: float
    seats_lost: int
    #: The most ticks of one room that a player had seen and the recovered room has not.
    ticks_lost: int
    #: The longest gap between two deltas of players on other nodes, around the kill and before.
    gap_s: float
    usual_gap_s: float


@attrs.define(eq=False)
class _Player:
    name: str
    room: str
    newest: int = 0
    token: str | None = None
    seat: int | None = None
    last_s: float = 0.0
    longest_gap_s: float = 0.0
    connected: bool = False
    lost: bool = False


class _Crowd:
    """All players; they come back whenever they lose their connection."""

    def __init__(self, port: int, count: int, rooms: int, rng: random.Random) -> None:
        self.players: Final = [_Player(f"p{n}", f"fort/{n % rooms}") for n in range(count)]
        self.seats_lost = 0
        self._port = port
        self._rng = rng
        self._changed = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            for player in self.players:
                nursery.start_soon(self._play, player)
                await trio.sleep(0.02)
            await self.all_back()
            task_status.started()

    async def all_back(self) -> None:
        """Wait until every player has a connection."""
        while not all(player.connected for player in self.players):
            self._changed = trio.Event()
            await self._changed.wait()

    async def all_lost(self, players: Sequence[_Player]) -> None:
        """Wait until these players have lost their connections."""
        while not all(player.lost for player in players):
            self._changed = trio.Event()
            await self._changed.wait()

    async def _play(self, player: _Player) -> None:
        backoff = Backoff(self._rng)
        while True:
            try:
                link = await LightPlayer.join(
                    self._port, player.room, player.name, Fort.schema(), resume=player.token
                )
            except ConnectionLost:
                await trio.sleep(min(backoff.next_pause_s(0.0, 0.0), LONGEST_PAUSE_S))
                continue
            self.seats_lost += player.seat not in (None, link.seat)
            player.token, player.seat = link.resume_token, link.seat
            player.connected, player.last_s = True, trio.current_time()
            self._changed.set()
            try:
                await self._stay(player, link)
            except* ConnectionLost:
                player.connected, player.lost = False, True
                self._changed.set()
            finally:
                await trio.aclose_forcefully(link.stream)

    async def _stay(self, player: _Player, link: LightPlayer) -> None:
        def saw(tick: int) -> None:
            now_s = trio.current_time()
            player.longest_gap_s = max(player.longest_gap_s, now_s - player.last_s)
            player.newest, player.last_s = tick, now_s

        async def steer() -> None:
            await link.command(Play())
            while True:
                await trio.sleep(STEER_EVERY_S)
                await link.command(Steer(turn=self._rng.choice((-1, 0, 1)), thrust=True))
                await link.acknowledge(player.newest)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(steer)
            await link.read(saw)


def _rooms_of(log: Path, node: str) -> set[str]:
    """Return the rooms that a node has opened."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if '"room opened"' in line]
    return {line["room"] for line in lines if line["node"] == node}


def _recovered(log: Path, after: int) -> dict[str, int]:
    """Return the ticks of rooms that were recovered, as the log tells from a byte on."""
    lines = log.read_bytes()[after:].decode().splitlines()
    told = [json.loads(line) for line in lines if '"room recovered"' in line]
    return {line["room"]: line["tick"] for line in told}


def _process_of(folder: Path, index: int) -> int:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if f"--of={folder}".encode() in arguments and f"--index={index}".encode() in arguments:
                return int(entry.name)
    raise BenchmarkError(f"there is no node n{index}")


async def run(players: int, nodes: int, seed: int) -> Kill:
    """Kill a random node while ``players`` play on all nodes."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        log = folder / "log"
        with log.open("wb") as output:
            server = subprocess.Popen(  # noqa: ASYNC220 - before anybody plays
                [
                    *(sys.executable, "-m", "gameserver", "serve", f"{__name__}:Fort"),
                    *("--data", str(folder / "data"), "--port", "0", "--nodes", str(nodes)),
                    *("--max-connections-per-address", "2000", "--log-format", "json"),
                ],
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
            )
        try:
            assert server.stdout is not None
            port = await trio.to_thread.run_sync(port_printed, server.stdout)
            sockets = folder / "data" / "nodes"
            await trio.to_thread.run_sync(wait_until_all_serve, sockets, nodes)
            crowd = _Crowd(port, players, ROOMS_PER_NODE * nodes, rng)
            return await _play(crowd, folder, nodes, rng)
        finally:
            server.terminate()
            await trio.to_thread.run_sync(server.wait)
            if server.stdout is not None:
                server.stdout.close()


async def _play(crowd: _Crowd, folder: Path, nodes: int, rng: random.Random) -> Kill:
    log = folder / "log"
    async with trio.open_nursery() as nursery:
        await nursery.start(crowd.run)
        await trio.sleep(PLAY_S)
        for player in crowd.players:
            player.longest_gap_s = 0.0
        await trio.sleep(PLAY_S)
        usual_gap_s = max(player.longest_gap_s for player in crowd.players)
        index = rng.choice([n for n in range(nodes) if _rooms_of(log, f"n{n}")])
        gone = _rooms_of(log, f"n{index}")
        written = log.stat().st_size
        for player in crowd.players:
            player.longest_gap_s, player.lost = 0.0, False
        killed_s = trio.current_time()
        os.kill(_process_of(folder / "data" / "nodes", index), signal.SIGKILL)
        seen = {
            room: max(player.newest for player in crowd.players if player.room == room)
            for room in gone
        }
        on_it = [player for player in crowd.players if player.room in gone]
        with trio.fail_after(RETURN_DEADLINE_S):
            await crowd.all_lost(on_it)
            await crowd.all_back()
        back_s = trio.current_time() - killed_s
        await trio.sleep(PLAY_S)
        recovered = _recovered(log, written)
        others = [player for player in crowd.players if player.room not in gone]
        kill = Kill(
            lost_connections=sum(player.lost for player in crowd.players),
            back_s=back_s,
            seats_lost=crowd.seats_lost,
            ticks_lost=max(0, *(seen[room] - recovered.get(room, 0) for room in gone)),
            gap_s=max(player.longest_gap_s for player in others),
            usual_gap_s=usual_gap_s,
        )
        nursery.cancel_scope.cancel()
        return kill


def table(players: int, nodes: int, kills: Sequence[Kill]) -> str:
    """Return the cost of the kills as a Markdown table."""
    lost = max(kill.ticks_lost for kill in kills)
    rows = [
        ("players, nodes, kills", f"{players}, {nodes}, {len(kills)}"),
        ("connections lost, most", f"{max(kill.lost_connections for kill in kills)}"),
        ("until the last has a seat again, most", f"{max(k.back_s for k in kills):.1f} s"),
        ("seats lost", str(sum(kill.seats_lost for kill in kills))),
        ("ticks lost, most", f"{lost} ({1000 * lost / Fort.tick_rate:.0f} ms)"),
        ("longest gap of deltas on other nodes", f"{1000 * max(k.gap_s for k in kills):.0f} ms"),
        ("the same before", f"{1000 * max(k.usual_gap_s for k in kills):.0f} ms"),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {what} | {figure} |" for what, figure in rows)])
