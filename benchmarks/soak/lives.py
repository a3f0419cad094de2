"""The players of a soak: they join, fly, are cut off in every way, come back by themselves, leave.

Owns who plays, when what happens to whom (all by a seed), and what is counted of it.  How a
connection fails is ``line.py``'s, coming back the shipped client's; attackers are
``hostile/attackers.py``'s.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

import attrs
import trio

from benchmarks.hostile.honest import ROOM, fly
from benchmarks.hostile.rooms import Siege
from benchmarks.soak.line import Line
from benchmarks.soak.results import LifeCounts
from clients import Applied, GameClient, open_game
from clients.errors import ConnectionLost, Refused

#: Mean of how long one plays before something happens.
PLAY_S: Final = 12.0
#: Between leaving and the next life.
PAUSE_S: Final = (0.2, 5.0)
#: A frozen client reads nothing for so long: longer than the server waits for its pongs, and well
#: within the time that its seat is held then.
FREEZE_S: Final = 20.0
#: Then it may read what has waited for it.
THAWED_S: Final = 1.0
#: So many connections after a cut break too, while they are opened or soon after.
BREAKS: Final = 2
#: … after so many bytes, the most: the answer to the upgrade and a welcome are 2,000 or so.
BREAK_WITHIN_BYTES: Final = 4000
#: How often what happens: what one comes back from, and what ends a life.
BLOWS: Final = {"cut": 5, "silence": 3, "stutter": 3, "freeze": 1}
ENDS: Final = {"leave": 3, "vanish": 1}
JOIN_EVERY_S: Final = 0.05


class Lives:
    """Players, each of which lives one life after the other; ``counts`` are the sums of all."""

    def __init__(self, url: str, players: int, seed: int) -> None:
        self._url = url
        self.players = players
        self._seed = seed
        self._playing: set[GameClient] = set()
        self.counts = LifeCounts()

    @property
    def playing(self) -> int:
        """The number of connected players."""
        return sum(client.connected for client in self._playing)

    async def run(self) -> None:
        """Run all players until cancelled."""
        async with trio.open_nursery() as nursery:
            for number in range(self.players):
                nursery.start_soon(self._live, number, nursery)
                await trio.sleep(JOIN_EVERY_S)

    async def _live(self, number: int, nursery: trio.Nursery) -> None:
        """Live for ever, with random numbers that no other player's timing changes."""
        name = f"player {number}"
        chance = random.Random(f"{self._seed}/{number}")
        while True:
            life = _Life(name, chance.getrandbits(64), self.counts, nursery)
            try:
                async with open_game(
                    self._url,
                    room=ROOM,
                    name=name,
                    schema=Siege.schema(),
                    via=life.under,
                    chance=random.Random(chance.getrandbits(64)),
                ) as client:
                    self._playing.add(client)
                    try:
                        await life.of(client)
                    finally:
                        self._playing.remove(client)
                        self.counts.add(client.statistics())
            except Refused as refusal:
                if refusal.retry_after_s is None:
                    self.counts.dropped.append((name, str(refusal)))
                else:
                    self.counts.told_to_wait += 1
                    await trio.sleep(refusal.retry_after_s)
            except ConnectionLost as lost:
                self.counts.dropped.append((name, str(lost)))
            await trio.sleep(chance.uniform(*PAUSE_S))


def course(chance: random.Random) -> Iterator[tuple[float, str]]:
    """Yield how long one plays and what happens then, to the end of a life."""
    fates = BLOWS | ENDS
    fate = ""
    while fate not in ENDS:
        fate = chance.choices(list(fates), list(fates.values()))[0]
        yield chance.expovariate(1 / PLAY_S), fate


@attrs.frozen
class Standing:
    """State that must be the same after a resume.  ``pilot``: its entity, if there is one.

    The pilot stays while its player has the seat, whatever becomes of the ship; its id is not
    given to another while anybody might still know it.
    """

    room: str
    seat: int
    pilot: int | None

    @classmethod
    def of(cls, client: GameClient) -> Standing:
        """Return what ``client`` believes."""
        pilots = (p.id for p in client.replica.of_kind("Pilot") if p.seat == client.seat)
        return cls(client.room, client.seat, next(pilots, None))

    def is_kept(self, now: Standing) -> bool:
        """Whether this state is still there ``now``; a pilot may have been added."""
        same_seat = (now.room, now.seat) == (self.room, self.seat)
        return same_seat and self.pilot in (None, now.pilot)


class _Life:
    """One life: from joining to leaving, over any number of connections."""

    def __init__(self, name: str, seed: int, counts: LifeCounts, nursery: trio.Nursery) -> None:
        self._name = name
        self._chance = random.Random(seed)
        self._counts = counts
        self._nursery = nursery
        self._news = trio.lowlevel.ParkingLot()
        self._client: GameClient | None = None
        self._line: Line | None = None
        #: Bytes after which each of the next connections breaks.
        self._breaks: list[int] = []
        #: How many welcomes there had been when ``_line`` was opened.
        self._welcomes_before = 0

    def under(self, stream: trio.abc.HalfCloseableStream, _tasks: trio.Nursery) -> Line:
        """Put a line under the client's next connection.

        If it had been welcomed over the one before, and that failed without us, it was dropped.
        """
        assert isinstance(stream, trio.SocketStream)
        if self._line is not None and not self._line.spoilt and self._welcomes_since_opened:
            self._counts.dropped.append((self._name, "nobody had harmed its connection"))
        self._welcomes_before = self._welcomes
        after = self._breaks.pop() if self._breaks else None
        self._line = Line(stream, self._nursery, after)
        return self._line

    @property
    def _welcomes(self) -> int:
        if self._client is None:
            return 0
        told = self._client.statistics()
        return 1 + told.resumes + told.rejoins

    @property
    def _welcomes_since_opened(self) -> int:
        return self._welcomes - self._welcomes_before

    async def of(self, client: GameClient) -> None:
        """Live as ``client``; ``ConnectionLost`` if that ends without being meant to."""
        self._client = client
        self._counts.joins += 1
        flying = random.Random(self._chance.getrandbits(64))
        lost: ConnectionLost | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._meet_all, client, nursery.cancel_scope)
            try:
                await fly(client, flying, self._name, self._hear)
            except ConnectionLost as error:
                lost = error
                nursery.cancel_scope.cancel()
        if lost is not None:
            raise lost

    def _hear(self, _delta: Applied) -> None:
        self._news.unpark_all()

    async def _meet_all(self, client: GameClient, life: trio.CancelScope) -> None:
        """Apply the fates of this life in turn; the last one ends it."""
        while client.status is None:  # before that no seat is held
            await self._news.park()
        for after_s, fate in course(self._chance):
            await trio.sleep(after_s)
            self._counts.fates[fate] = self._counts.fates.get(fate, 0) + 1
            if fate in BLOWS:
                await self._come_back_from(fate, client)
        if fate == "vanish":
            self._the_line.cut()
        life.cancel()

    @property
    def _the_line(self) -> Line:
        assert self._line is not None
        return self._line

    async def _come_back_from(self, blow: str, client: GameClient) -> None:
        """Apply one fate, and check that the client has its seat again while that is held."""
        before = Standing.of(client)
        rejoins = client.rejoins
        with trio.move_on_after(Siege.hold_s) as window:
            await self._strike(blow)
            while self._the_line.spoilt or not self._welcomes_since_opened:
                await self._news.park()
        after = Standing.of(client)
        if window.cancelled_caught:
            self._counts.seats_lost.append((self._name, f"{blow}: not back in time"))
        elif client.rejoins > rejoins or not before.is_kept(after):
            self._counts.seats_lost.append((self._name, f"{blow}: {before} became {after}"))

    async def _strike(self, blow: str) -> None:
        line = self._the_line
        if blow == "cut":
            line.cut()
        elif blow == "silence":
            line.fall_silent()
        elif blow == "stutter":
            self._breaks = [self._chance.randrange(BREAK_WITHIN_BYTES) for _ in range(BREAKS)]
            line.cut()
        else:
            line.freeze()
            await trio.sleep(FREEZE_S)
            line.thaw()
            await trio.sleep(THAWED_S)
            line.cut()  # one that the server did not end after all
