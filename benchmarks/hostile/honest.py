"""Honest players beside the attackers: they fly about, and note every delta that reaches them.

Owns their connections, and the sums over all of them per window.  Uses the shipped Python client
without prediction, which would cost the core that is shared with the attackers.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Final

import attrs
import trio

from benchmarks.hostile.rooms import Siege
from clients import GameClient, open_game
from clients.errors import ConnectionLost, Refused
from gameserver.games.arena.model import TURN, Play, Steer
from gameserver.games.arena.rules import TICK_RATE

#: Between the joins of two: a stampede is an attack of its own.
JOIN_EVERY_S: Final = 0.03
#: The controls change so often, and are not sent in between: the arena holds them for longer.
STEER_EVERY_TICKS: Final = 10
#: One who is dead, or was refused while the podium is shown, asks again after so long.
ASK_AGAIN_TICKS: Final = 30


@attrs.define
class Seen:
    """A delta as it came: its tick, when (``time.perf_counter``), and what the room told of itself.

    ``begun_s``: when the tick began, on the same clock; ``work_s``: how long the one before took.
    """

    tick: int
    came_s: float
    begun_s: float
    work_s: float


@attrs.define
class Honest:
    """All honest players.  ``seen`` is by player, since the last ``take``."""

    seen: list[list[Seen]]
    lost: list[str] = attrs.field(factory=list)
    #: How late this process's own naps ended, in seconds: what it adds to every delay.
    naps_late_s: list[float] = attrs.field(factory=list)
    _clients: dict[int, GameClient] = attrs.field(factory=dict)

    @classmethod
    def of(cls, count: int) -> Honest:
        """Return so many players who have not joined yet."""
        return cls([[] for _ in range(count)])

    @property
    def playing(self) -> int:
        """How many are connected."""
        return len(self._clients)

    @property
    def newest_tick(self) -> int:
        """The newest tick that anyone has seen since the last ``take``; -1 if nobody has."""
        return max((player[-1].tick for player in self.seen if player), default=-1)

    @property
    def wrong_checksums(self) -> int:
        """How many there were since the start, of those who still play."""
        return sum(client.statistics().checksum_failures for client in self._clients.values())

    def take(self) -> tuple[list[list[Seen]], list[str], list[float]]:
        """Return what was seen, who was lost, and the naps since the last time, and begin anew."""
        taken = self.seen, self.lost, self.naps_late_s
        self.seen = [[] for _ in self.seen]
        self.lost, self.naps_late_s = [], []
        return taken

    async def run(self, url: str) -> None:
        """Let all play until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._nap)
            for number in range(len(self.seen)):
                nursery.start_soon(self._play, url, number)
                await trio.sleep(JOIN_EVERY_S)

    async def _nap(self) -> None:
        while True:
            until_s = trio.current_time() + 1 / TICK_RATE
            await trio.sleep_until(until_s)
            self.naps_late_s.append(trio.current_time() - until_s)

    async def _play(self, url: str, number: int) -> None:
        """Play; once dropped, be noted and come back, so that the next attack has its judges."""
        while True:
            try:
                await self._visit(url, number)
            except (ConnectionLost, Refused) as ended:
                self.lost.append(str(ended))
            await trio.sleep(1.0)

    async def _visit(self, url: str, number: int) -> None:
        name = f"honest {number}"
        rng = random.Random(name)
        async with open_game(url, room="siege", name=name, schema=Siege.schema()) as client:
            self._clients[number] = client
            try:
                await self._fly(client, number, name, rng)
            finally:
                del self._clients[number]

    async def _fly(self, client: GameClient, number: int, name: str, rng: random.Random) -> None:
        steer_at = asked_at = 0
        # No two send at the same tick, as no two people do.
        phase = number % STEER_EVERY_TICKS
        async for delta in client:
            came_s = time.perf_counter()
            [beat] = client.replica.of_kind("Beat")
            seen = Seen(delta.tick, came_s, beat.at_us / 1e6, beat.work_us / 1e6)
            self.seen[number].append(seen)
            if client.replica.own is None:
                if delta.tick >= asked_at + ASK_AGAIN_TICKS:
                    asked_at = delta.tick
                    await client.send(Play(name=name, bot=True))
            elif delta.tick >= steer_at:
                steer_at = delta.tick - delta.tick % STEER_EVERY_TICKS + STEER_EVERY_TICKS + phase
                await client.send(random_controls(rng))
        client.check()


def random_controls(rng: random.Random) -> Steer:
    """Return the controls of one who cannot fly, but is never still for long."""
    return Steer(
        turn=rng.choice((-1, 0, 0, 1)),
        thrust=rng.random() < 0.8,
        fire=rng.random() < 0.3,
        aim=rng.randrange(TURN),
    )


def missed_ticks(seen: Sequence[Sequence[Seen]], window: range) -> list[int]:
    """Return by player how many ticks of ``window`` never came.

    A tick that the server dropped was missed by all.
    """
    came = [{one.tick for one in player} for player in seen]
    return [sum(tick not in player for tick in window) for player in came]


def delays_s(seen: Sequence[Sequence[Seen]], window: range) -> list[float]:
    """Return how late all deltas of ``window`` came by the server's own schedule, ascending.

    A tick begins at its time or, where the machine is busy, later: so the earliest of all is the
    schedule.
    """
    everything = [one for player in seen for one in player if one.tick in window]
    if not everything:
        return []
    start_s = min(one.begun_s - one.tick / TICK_RATE for one in everything)
    return sorted(one.came_s - start_s - one.tick / TICK_RATE for one in everything)


def work_s(seen: Sequence[Sequence[Seen]], window: range) -> list[float]:
    """Return how long the ticks of ``window`` took that anyone was told of, ascending."""
    by_tick = {one.tick - 1: one.work_s for player in seen for one in player}
    return sorted(taken_s for tick, taken_s in by_tick.items() if tick in window)
