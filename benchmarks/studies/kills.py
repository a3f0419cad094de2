"""``kills``: a durable arena is killed at random moments, and every player must be back after it.

Owns the server process and its restarts, and the players: some whole clients, which check the
state, and light ones, which only come back.  Measures what each crash cost.
"""

from __future__ import annotations

import json
import math
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs
import trio

from benchmarks.hostile.light import LightPlayer
from benchmarks.servers import port_printed
from clients import GameClient, open_game
from clients.backoff import Backoff
from clients.errors import ConnectionLost
from gameserver.games.arena.model import Play, Steer
from gameserver.games.arena.room import Arena

#: How many of the players are whole clients.
WHOLE: Final = 12
#: Seconds between the return of the last player and the next kill, drawn at random.
PLAY_S: Final = (1.0, 6.0)
START_DEADLINE_S: Final = 60.0
RETURN_DEADLINE_S: Final = 60.0
STEER_EVERY_S: Final = 0.4


class Fort(Arena):
    """A durable arena."""

    durable = True
    max_players = 250


@attrs.frozen
class Crash:
    """One kill: seconds from it until the port was open and until the last player was back."""

    open_s: float
    back_s: float
    #: Ticks that a player had seen and the recovered room has not.
    lost_ticks: int
    seats_lost: int
    #: Players that came back within the busiest second.
    returns_per_s: int


@attrs.define
class _Server:
    """The server process, which is started again after each kill."""

    folder: Path
    port: int = 0
    process: subprocess.Popen[str] | None = None

    def start(self) -> int:
        """Start it, wait until it takes connections, and return the recovered tick (0: none)."""
        log = open(self.folder / "log", "w")  # noqa: SIM115 - the process writes it on
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gameserver", "serve", "benchmarks.studies.kills:Fort"),
                *("--data", str(self.folder / "data"), "--port", str(self.port)),
                *("--max-connections-per-address", "1000", "--log-format", "json"),
            ],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        log.close()
        assert self.process.stdout is not None
        self.port = port_printed(self.process.stdout)
        return self._recovered_tick()

    def kill(self) -> None:
        """End it at once."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _recovered_tick(self) -> int:
        for line in (self.folder / "log").read_text().splitlines():
            if '"room recovered"' in line:
                tick: int = json.loads(line)["tick"]
                return tick
        return 0


class _Players:
    """All players; ``missing`` counts those without a connection."""

    def __init__(self, server: _Server, count: int, rng: random.Random) -> None:
        self.newest_tick = 0
        self.seats_lost = 0
        self.missing = count
        self.whole: list[GameClient] = []
        self._server = server
        self._count = count
        self._rng = rng
        self._all_back = trio.Event()
        #: When each player came back since the last kill.
        self.returned_s: list[float] = []

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Let all join, and play until cancelled."""
        url = f"ws://127.0.0.1:{self._server.port}"
        async with trio.open_nursery() as nursery:
            for number in range(self._count):
                whole = number < WHOLE
                nursery.start_soon(self._play_whole if whole else self._play_light, url, number)
                await trio.sleep(0.03)
            await self.all_back()
            task_status.started()

    async def all_back(self) -> None:
        """Wait until every player has a connection."""
        while self.missing:
            self._all_back = trio.Event()
            await self._all_back.wait()

    def _found(self) -> None:
        self.returned_s.append(trio.current_time())
        self.missing -= 1
        if not self.missing:
            self._all_back.set()

    async def _play_whole(self, url: str, number: int) -> None:
        async with open_game(url, name=f"whole {number}", room="fort/1", resume=True) as game:
            self.whole.append(game)
            seat = game.seat
            await game.send(Play())
            self._found()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._steer_whole, game)
                resumed = game.statistics().resumes
                while True:
                    applied = await game.next_delta()
                    if game.statistics().resumes + game.rejoins > resumed:
                        resumed = game.statistics().resumes + game.rejoins
                        self.seats_lost += game.seat != seat
                        self._found()
                    self.newest_tick = max(self.newest_tick, applied.tick)

    async def _steer_whole(self, game: GameClient) -> None:
        while True:
            await trio.sleep(STEER_EVERY_S)
            if game.connected:
                await game.send(Steer(turn=self._rng.choice((-1, 0, 1)), thrust=True))

    async def _play_light(self, _url: str, number: int) -> None:
        schema, token, seat = Fort.schema(), None, None
        backoff, welcomed_s = Backoff(self._rng), None
        while True:
            try:
                player = await LightPlayer.join(
                    self._server.port, "fort/1", f"light {number}", schema, resume=token
                )
                welcomed_s = trio.current_time()
                self.seats_lost += seat is not None and player.seat != seat
                token, seat = player.resume_token, player.seat
                self._found()
                try:
                    await self._fly(player)
                finally:
                    await trio.aclose_forcefully(player.stream)
            except* ConnectionLost:
                pass
            lasted_s = 0.0 if welcomed_s is None else trio.current_time() - welcomed_s
            welcomed_s = None
            await trio.sleep(backoff.next_pause_s(lasted_s, 0.0))

    async def _fly(self, player: LightPlayer) -> None:
        await player.command(Play())
        async with trio.open_nursery() as nursery:

            async def steer() -> None:
                while True:
                    await trio.sleep(STEER_EVERY_S)
                    await player.command(Steer(turn=self._rng.choice((-1, 0, 1)), thrust=True))
                    await player.acknowledge(self.newest_tick)

            nursery.start_soon(steer)
            await player.read(self._saw)

    def _saw(self, tick: int) -> None:
        self.newest_tick = max(self.newest_tick, tick)


async def run(players: int, kills: int, seed: int) -> tuple[list[Crash], int, int]:
    """Kill the server ``kills`` times; return the crashes, and the checksums compared and wrong."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        server = _Server(Path(folder))
        await trio.to_thread.run_sync(server.start)
        crowd = _Players(server, players, rng)
        crashes = []
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(crowd.run)
                for _ in range(kills):
                    await trio.sleep(rng.uniform(*PLAY_S))
                    crashes.append(await _crash(server, crowd, players))
                nursery.cancel_scope.cancel()
        finally:
            server.kill()
    counts = [game.statistics() for game in crowd.whole]
    checks, wrong = sum(c.checks for c in counts), sum(c.checksum_failures for c in counts)
    return crashes, checks, wrong


async def _crash(server: _Server, crowd: _Players, players: int) -> Crash:
    lost_before = crowd.seats_lost
    crowd.missing, crowd.returned_s = players, []
    killed_s = time.perf_counter()
    await trio.to_thread.run_sync(server.kill)
    seen, crowd.newest_tick = crowd.newest_tick, 0
    tick = await trio.to_thread.run_sync(server.start)
    open_s = time.perf_counter() - killed_s
    with trio.fail_after(RETURN_DEADLINE_S):
        await crowd.all_back()
    back_s = time.perf_counter() - killed_s
    return Crash(
        open_s,
        back_s,
        max(0, seen - tick),
        crowd.seats_lost - lost_before,
        max(Counter(int(at_s) for at_s in crowd.returned_s).values()),
    )


def table(crashes: Sequence[Crash], checks: int, wrong: int) -> str:
    """Return the cost of all crashes as a Markdown table."""
    lost = [crash.lost_ticks for crash in crashes]
    back = [crash.back_s - crash.open_s for crash in crashes]
    rows = [
        ("crashes", str(len(crashes))),
        ("ticks lost, median and most", f"{statistics.median(lost):.0f}, {max(lost)}"),
        ("of real time, most", f"{math.ceil(1000 * max(lost) / Fort.tick_rate)} ms"),
        ("seats lost", str(sum(crash.seats_lost for crash in crashes))),
        ("until the port is open, median", f"{statistics.median(c.open_s for c in crashes):.1f} s"),
        ("then until the last is back, median", f"{statistics.median(back):.1f} s"),
        ("then until the last is back, most", f"{max(back):.1f} s"),
        ("players back within the busiest second", str(max(c.returns_per_s for c in crashes))),
        ("checksums wrong", f"{wrong} of {checks}"),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {what} | {figure} |" for what, figure in rows)])
