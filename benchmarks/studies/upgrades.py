"""``upgrades``: a server is handed over to a new process again and again, while a crowd plays.

Owns the server and its players: many light ones, which note when deltas come, and a dozen whole
clients, which predict their ships and check the state.  Measures gaps between deltas, corrections,
and lost connections.

A server with several nodes starts them anew one after another; each room goes to another node.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs
import trio

from benchmarks.hostile.light import LightPlayer
from benchmarks.servers import port_printed
from clients import GameClient, open_game
from clients.bots.arena_ship import ArenaShip
from clients.errors import ConnectionLost
from clients.netcode.prediction import CorrectionCounts
from gameserver.cluster.handover.asking import NodesUpgraded, Upgraded, ask_for_upgrade
from gameserver.games.arena.model import UNIT, Play, Steer
from gameserver.games.arena.room import Arena

#: How many players are whole clients.
WHOLE: Final = 12
STEER_EVERY_S: Final = 0.4
#: Before the first upgrade, and between two.
PLAY_S: Final = 4.0
#: A gap is an upgrade's if it ends at most so long after the answer to the upgrade.
AFTERWARDS_S: Final = 1.0


class Crowd(Arena):
    """An arena for more players than usual."""

    max_players = 500


@attrs.define
class Record:
    """The result of all upgrades.  Gaps are between two deltas of one player, in seconds."""

    players: int
    rooms: int = 1
    upgrades: list[Upgraded | NodesUpgraded] = attrs.field(factory=list)
    #: The longest gap around each upgrade, and the longest at any other time.
    gaps_s: list[float] = attrs.field(factory=list)
    usual_gap_s: float = 0.0
    disconnected: int = 0
    checks: int = 0
    wrong: int = 0
    #: Of own ships, at upgrades; the worst in world units.
    corrections: int = 0
    worst_correction: float = 0.0

    def note_corrections(
        self, before: Sequence[CorrectionCounts], after: Sequence[CorrectionCounts]
    ) -> None:
        """Note what predictions were corrected by since ``before``."""
        for was, now in zip(before, after, strict=True):
            self.corrections += now.corrections - was.corrections
            self.worst_correction = max(self.worst_correction, now.distance_worst / UNIT)


class _Gaps:
    """The longest gap between two deltas of any player since the last ``take``."""

    def __init__(self) -> None:
        self._longest_s = 0.0

    def note(self, gap_s: float) -> None:
        """Note the time between two deltas."""
        self._longest_s = max(self._longest_s, gap_s)

    def take(self) -> float:
        """Return the longest, and begin anew."""
        longest_s, self._longest_s = self._longest_s, 0.0
        return longest_s


class _Players:
    """All players; they play until cancelled."""

    def __init__(self, port: int, count: int, rooms: int, rng: random.Random) -> None:
        self.gaps = _Gaps()
        self.games: list[GameClient] = []
        self.predictions: list[CorrectionCounts] = []
        self.disconnected = 0
        self._port = port
        self._count = count
        self._rooms = rooms
        self._rng = rng

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Let all join, then play on."""
        async with trio.open_nursery() as nursery:
            for number in range(self._count + WHOLE):
                play = self._play_whole if number < WHOLE else self._play_light
                await nursery.start(play, f"{number}")
            task_status.started()

    def _room_of(self, name: str) -> str:
        return f"crowd/{int(name) % self._rooms + 1}"

    async def _play_light(self, name: str, *, task_status: trio.TaskStatus[None]) -> None:
        player = await LightPlayer.join(self._port, self._room_of(name), name, Crowd.schema())
        task_status.started()
        last_s, newest = trio.current_time(), 0

        def saw(tick: int) -> None:
            nonlocal last_s, newest
            now_s = trio.current_time()
            self.gaps.note(now_s - last_s)
            last_s, newest = now_s, tick

        async def steer() -> None:
            await player.command(Play())
            while True:
                await trio.sleep(STEER_EVERY_S)
                await player.command(Steer(turn=self._rng.choice((-1, 0, 1)), thrust=True))
                await player.acknowledge(newest)

        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(steer)
                await player.read(saw)
        except* ConnectionLost:
            self.disconnected += 1

    async def _play_whole(self, name: str, *, task_status: trio.TaskStatus[None]) -> None:
        url = f"ws://127.0.0.1:{self._port}"
        room = self._room_of(name)
        async with open_game(url, name=name, room=room, schema=Crowd.schema()) as game:
            self.games.append(game)
            await game.send(Play(name=name, colour=0, bot=True))
            while game.replica.own is None:
                await game.next_delta()
            task_status.started()
            play = game.steering(ArenaShip(game.replica, game.seat))
            self.predictions.append(play.steering.predictor.counts)
            async for tick in play:
                await play.steer(Steer(turn=(tick // 40) % 3 - 1, thrust=tick % 64 < 32))


async def run(players: int, times: int, nodes: int = 1) -> Record:
    """Upgrade the server ``times`` times while ``players`` and a dozen more play.

    They play in one room, or in two for each of several nodes.
    """
    rooms = 1 if nodes == 1 else 2 * nodes
    record = Record(players + WHOLE, rooms)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        data = Path(folder) / "data"
        server = subprocess.Popen(  # noqa: ASYNC220 - before anybody plays
            [
                *(sys.executable, "-m", "gameserver", "serve", f"{__name__}:Crowd"),
                *("--data", str(data), "--port", "0", "--max-connections-per-address", "1000"),
                *("--nodes", str(nodes)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert server.stdout is not None
            port = await trio.to_thread.run_sync(port_printed, server.stdout)
            crowd = _Players(port, players, rooms, random.Random(1))
            await _play(record, crowd, data / "control", times)
        finally:
            server.terminate()
            await trio.to_thread.run_sync(server.wait)
            if server.stdout is not None:
                server.stdout.close()
    return record


async def _play(record: Record, crowd: _Players, control: Path, times: int) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(crowd.run)
        await trio.sleep(PLAY_S)
        crowd.gaps.take()
        for _ in range(times):
            await trio.sleep(PLAY_S)
            record.usual_gap_s = max(record.usual_gap_s, crowd.gaps.take())
            before = [attrs.evolve(one) for one in crowd.predictions]
            for one in crowd.predictions:
                one.distance_worst = 0.0
            record.upgrades.append(await ask_for_upgrade(control))
            await trio.sleep(AFTERWARDS_S)
            record.gaps_s.append(crowd.gaps.take())
            record.note_corrections(before, crowd.predictions)
        await trio.sleep(PLAY_S)
        record.disconnected = crowd.disconnected
        for game in crowd.games:
            counts = game.statistics()
            record.disconnected += counts.resumes + game.rejoins
            record.checks += counts.checks
            record.wrong += counts.checksum_failures
        nursery.cancel_scope.cancel()


def table(record: Record) -> str:
    """Return the gaps, corrections and lost connections as a Markdown table."""
    rows = [
        ("players, whole clients among them, rooms", f"{record.players}, {WHOLE}, {record.rooms}"),
        ("upgrades", str(len(record.upgrades))),
        ("disconnected", str(record.disconnected)),
        *_kind_of_upgrade(record.upgrades),
        ("longest gap of deltas at upgrades", _median_and_most([1000 * g for g in record.gaps_s])),
        ("longest gap of deltas at other times", f"{1000 * record.usual_gap_s:.0f} ms"),
        (
            "corrections of own ships at upgrades, most",
            f"{record.corrections}, {record.worst_correction:.2f} units",
        ),
        ("checksums wrong", f"{record.wrong} of {record.checks}"),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {what} | {figure} |" for what, figure in rows)])


def _kind_of_upgrade(upgrades: Sequence[Upgraded | NodesUpgraded]) -> list[tuple[str, str]]:
    """Return the row that differs between servers of one process and of several nodes."""
    frozen_ms = [one.frozen_ms for one in upgrades if isinstance(one, Upgraded)]
    if frozen_ms:
        return [("nobody played for, median and most", _median_and_most(frozen_ms))]
    told = [one for one in upgrades if isinstance(one, NodesUpgraded)]
    nodes, rooms = (max(values) for values in zip(*((o.nodes, o.rooms) for o in told), strict=True))
    return [("nodes, and how often a room went to another one, most", f"{nodes}, {rooms}")]


def _median_and_most(values_ms: Sequence[float]) -> str:
    ordered = sorted(values_ms)
    return f"{ordered[len(ordered) // 2]:.0f}, {ordered[-1]:.0f} ms"
