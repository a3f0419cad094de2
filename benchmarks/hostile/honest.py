"""Honest players beside the attackers: they fly about, and note every delta that reaches them.

Owns who plays, and the sums over all of them per window.  A few are whole clients (without
prediction), who check the state and hear from the room how its ticks went; the others are light
(``light.py``).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import Final

import attrs
import trio

from benchmarks.hostile.light import LightPlayer
from benchmarks.hostile.rooms import Siege
from clients import Applied, GameClient, open_game
from clients.errors import ConnectionLost, Refused
from gameserver.games.arena.model import TURN, Play, Steer
from gameserver.games.arena.rules import TICK_RATE

#: Between the joins of two: a stampede is an attack of its own.
JOIN_EVERY_S: Final = 0.03
STEERS_PER_S: Final = 3
#: One who is dead, or was refused while the podium is shown, asks again after so long.
ASK_AGAIN_S: Final = 3
#: How many of the players are whole clients.
WHOLE: Final = 3
ROOM: Final = Siege.__name__.lower()


@attrs.define
class Window:
    """Figures noted since the last ``take``.

    ``seen``: tick and time (``time.perf_counter``) of each delta, by player; ``begun_s``,
    ``work_s``: when a tick began, on the same clock, and how long it took, by tick;
    ``begun_cpu_s``, ``cpu_s``: the same by the clock of the server's thread; ``lost``: how each one
    ended who was dropped; ``naps_late_s``: how late this process's own naps ended, which is its
    part of every delay.
    """

    seen: list[list[tuple[int, float]]]
    begun_s: dict[int, float] = attrs.field(factory=dict)
    work_s: dict[int, float] = attrs.field(factory=dict)
    begun_cpu_s: dict[int, float] = attrs.field(factory=dict)
    cpu_s: dict[int, float] = attrs.field(factory=dict)
    lost: list[str] = attrs.field(factory=list)
    naps_late_s: list[float] = attrs.field(factory=list)

    @classmethod
    def of(cls, players: int) -> Window:
        """Return an empty one."""
        return cls([[] for _ in range(players)])


@attrs.define
class Honest:
    """All honest players, of whom the first ``WHOLE`` are whole clients."""

    players: int
    now: Window = attrs.field(init=False)
    _clients: dict[int, GameClient] = attrs.field(factory=dict)
    #: Of whole clients that play no more.
    _wrong_before: int = 0
    _playing: set[int] = attrs.field(factory=set)
    _news: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot)

    def __attrs_post_init__(self) -> None:
        self.now = Window.of(self.players)

    @property
    def playing(self) -> int:
        """The number of connected players."""
        return len(self._playing)

    @property
    def newest_tick(self) -> int:
        """The newest tick that anyone has seen since the last ``take``; -1 if nobody has."""
        return max((player[-1][0] for player in self.now.seen if player), default=-1)

    @property
    def wrong_checksums(self) -> int:
        """The number of wrong checksums since the start."""
        playing = self._clients.values()
        return self._wrong_before + sum(c.statistics().checksum_failures for c in playing)

    def take(self) -> Window:
        """Return the figures since the last call, and begin new ones."""
        taken, self.now = self.now, Window.of(self.players)
        return taken

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition that only a delta can make true."""
        while not condition():
            await self._news.park()

    async def run(self, port: int) -> None:
        """Run all players at the server's ``port`` until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._nap)
            for number in range(self.players):
                nursery.start_soon(self._live, port, number)
                await trio.sleep(JOIN_EVERY_S)

    async def _nap(self) -> None:
        while True:
            until_s = trio.current_time() + 1 / TICK_RATE
            await trio.sleep_until(until_s)
            self.now.naps_late_s.append(trio.current_time() - until_s)

    async def _live(self, port: int, number: int) -> None:
        """Play; a dropped player is counted and joins anew for the next attack."""
        visit = self._visit_whole if number < WHOLE else self._visit_light
        while True:
            try:
                await visit(port, number, f"honest {number}")
            except (ConnectionLost, Refused) as ended:
                self.now.lost.append(str(ended))
            await trio.sleep(1.0)

    @contextmanager
    def _counted(self, number: int) -> Iterator[None]:
        self._playing.add(number)
        self._news.unpark_all()
        try:
            yield
        finally:
            self._playing.discard(number)

    def _note(self, number: int, tick: int) -> None:
        self.now.seen[number].append((tick, time.perf_counter()))
        self._news.unpark_all()

    # ------------------------------------------------------------ light ones

    async def _visit_light(self, port: int, number: int, name: str) -> None:
        player = await LightPlayer.join(port, ROOM, name, Siege.schema())
        try:
            with self._counted(number):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._steer_light, player, number, name)
                    await player.read(partial(self._note, number))
        except* ConnectionLost as group:
            raise group.exceptions[0] from None
        finally:
            await player.leave()

    async def _steer_light(self, player: LightPlayer, number: int, name: str) -> None:
        """Send controls, one acknowledgement a second, and now and then ``Play`` to fly again."""
        rng = random.Random(name)
        await trio.sleep(rng.random())
        while True:
            await player.command(Play(name=name, bot=True))
            for _ in range(ASK_AGAIN_S):
                for _ in range(STEERS_PER_S):
                    await player.command(random_controls(rng))
                    await trio.sleep(1 / STEERS_PER_S)
                if self.now.seen[number]:
                    await player.acknowledge(self.now.seen[number][-1][0])

    # ------------------------------------------------------------ whole clients

    async def _visit_whole(self, port: int, number: int, name: str) -> None:
        """Play as a whole client without resuming, because a dropped player must be counted."""
        url = f"ws://127.0.0.1:{port}/"
        async with open_game(
            url, room=ROOM, name=name, schema=Siege.schema(), resume=False
        ) as client:
            self._clients[number] = client
            try:
                with self._counted(number):
                    await fly(
                        client, random.Random(name), name, partial(self._hear, number, client)
                    )
            finally:
                del self._clients[number]
                self._wrong_before += client.statistics().checksum_failures

    def _hear(self, number: int, client: GameClient, delta: Applied) -> None:
        """Note a delta, and the tick times that it carries."""
        self._note(number, delta.tick)
        [beat] = client.replica.of_kind("Beat")
        if delta.tick == client.replica.tick:  # else the beat is already that of a later one
            self.now.begun_s[delta.tick] = beat.at_us / 1e6
            self.now.begun_cpu_s[delta.tick] = beat.at_cpu_us / 1e6
            self.now.work_s[delta.tick - 1] = beat.work_us / 1e6
            self.now.cpu_s[delta.tick - 1] = beat.cpu_us / 1e6


def _ignore(_delta: Applied) -> None:
    """Drop a delta."""


async def fly(
    client: GameClient,
    rng: random.Random,
    name: str,
    on_delta: Callable[[Applied], None] = _ignore,
) -> None:
    """Fly until the connection ends; ``ConnectionLost`` unless it was closed normally."""
    steer_at = asked_at = 0
    async for delta in client:
        on_delta(delta)
        if delta.tick < steer_at:
            continue
        steer_at = delta.tick + TICK_RATE // STEERS_PER_S
        if client.replica.own is not None:
            await client.send(random_controls(rng))
        elif delta.tick >= asked_at + ASK_AGAIN_S * TICK_RATE:
            asked_at = delta.tick
            await client.send(Play(name=name, bot=True))
    client.check()


def random_controls(rng: random.Random) -> Steer:
    """Return random controls that change often."""
    return Steer(
        turn=rng.choice((-1, 0, 0, 1)),
        thrust=rng.random() < 0.8,
        fire=rng.random() < 0.3,
        aim=rng.randrange(TURN),
    )


def missed_ticks(window: Window, ticks: Collection[int]) -> list[int]:
    """Return by player how many of ``ticks`` never came.

    A tick that the server dropped was missed by all.
    """
    came = [{tick for tick, _ in player} for player in window.seen]
    return [sum(tick not in player for tick in ticks) for player in came]


def coreless_ticks(window: Window, ticks: range) -> set[int]:
    """Return those of ``ticks`` that the server may have left out for want of a core only.

    From the tick before them to the one after them it was on its core for less than one tick has
    time: had others not had the core meanwhile, it would have been in time.
    """
    told = sorted(tick for tick in window.begun_cpu_s if tick in ticks)
    return {
        tick
        for before, after in pairwise(told)
        if window.begun_cpu_s[after] - window.begun_cpu_s[before] < 1 / TICK_RATE
        for tick in range(before + 1, after)
    }


def delays_s(window: Window, ticks: range) -> list[float]:
    """Return how late the deltas of ``ticks`` came by the server's own schedule, ascending.

    A tick begins at its time or, where the machine is busy, later: so the earliest of all is the
    schedule.
    """
    starts_s = [at_s - tick / TICK_RATE for tick, at_s in window.begun_s.items() if tick in ticks]
    if not starts_s:
        return []
    start_s = min(starts_s)
    return sorted(
        came_s - start_s - tick / TICK_RATE
        for player in window.seen
        for tick, came_s in player
        if tick in ticks
    )


def of_ticks(by_tick: Mapping[int, float], ticks: range) -> list[float]:
    """Return the figures of those of ``ticks`` that any player was told of, ascending."""
    return sorted(value for tick, value in by_tick.items() if tick in ticks)
