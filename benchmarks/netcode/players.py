"""Players of the netcode study: the shipped Python client, over links of the lab, being watched.

Owns their connections and what is counted while they play.  What they do with the controls is
``pilots.py``, what they would draw ``screen.py``.  All use ``GameClient.steering``: what is
measured is the code that bots play with.
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import attrs
import trio

from benchmarks.netcode.pilots import HOVER, KeyPresser, Marksman, Weaver
from benchmarks.netcode.rooms import MARKSMAN, WEAVER, Beat, Range, Timed, name_of, place_of
from benchmarks.netcode.screen import FRAME_S, LATE_FRAME_S, Screen, Shown
from clients import GameClient, open_game
from clients.bots.arena_ship import ArenaShip
from clients.lab.profiles import Profile, profile_of
from clients.lab.stream import ConditionedStream
from clients.predicted_play import PredictedPlay
from clients.remote import RemoteEntity
from gameserver.games.arena.model import Compensate, Play, Steer
from gameserver.games.arena.ship_step import ShipState
from gameserver.protocol.messages import Status

#: One who is dead, or was refused while the podium is shown, asks again after so long.
ASK_AGAIN_TICKS: Final = 30
ROOM_OF_LINKS: Final = Timed.__name__.lower()
ROOM_OF_AIM: Final = Range.__name__.lower()

Flying = PredictedPlay[ShipState, Steer]


@attrs.frozen
class Window:
    """When counting begins and ends, on trio's clock."""

    begin_s: float
    end_s: float

    @property
    def seconds(self) -> float:
        """The length of the window."""
        return self.end_s - self.begin_s

    def __contains__(self, now_s: float) -> bool:
        return self.begin_s <= now_s < self.end_s


class Link:
    """A link of the lab as ``open_game`` takes it; ``stalls`` counts those so far."""

    def __init__(self, profile: Profile, seed: str) -> None:
        self._profile = profile
        self._seed = seed
        self._stream: ConditionedStream | None = None

    def under(
        self, stream: trio.abc.HalfCloseableStream, tasks: trio.Nursery
    ) -> trio.abc.HalfCloseableStream:
        """Put the link under ``stream``."""
        self._stream = ConditionedStream(stream, self._profile, self._seed, tasks)
        return self._stream

    @property
    def stalls(self) -> int:
        """The number of lost segments."""
        return 0 if self._stream is None else self._stream.stalls


@asynccontextmanager
async def joined(
    url: str, room: str, name: str, profile: Profile
) -> AsyncIterator[tuple[GameClient, Flying, Link]]:
    """Join ``room`` over ``profile``, and play there under ``name``.

    Without coming back: a link of the lab loses no connection, so one that is lost spoils the
    figures, and must end the study instead of being a gap in them.
    """
    link = Link(profile, name)
    async with open_game(
        url, room=room, name=name, schema=Timed.schema(), via=link.under, resume=False
    ) as game:
        flying = game.steering(ArenaShip(game.replica, game.seat))
        await game.send(Play(name=name, bot=True))
        yield game, flying, link


# ---------------------------------------------------------------- on a link, in a game


@attrs.define
class Counts:
    """Counters of one player; a window is the difference of two of them."""

    corrections: int = 0
    distance_sum: float = 0.0
    snaps: int = 0
    underruns: int = 0
    stalls: int = 0


@attrs.define
class LinkFigures:
    """Figures of one player on one link in the window.

    ``rtts_us``: what the server's ping frames measured.  ``clock``: pairs of the machine's time in
    seconds and the tick believed at it; ``beats``: the true ones.  ``late`` of ``commands`` came
    after their tick, as the server told in between.  ``frames_late``: late ones, and missed ones.
    """

    rtts_us: list[int] = attrs.field(factory=list)
    counts: Counts = attrs.field(factory=Counts)
    correction_worst: float = 0.0
    shown: list[Shown] = attrs.field(factory=list)
    clock: list[tuple[float, float]] = attrs.field(factory=list)
    beats: list[Beat] = attrs.field(factory=list)
    commands: int = 0
    late: int = 0
    frames: int = 0
    frames_late: int = 0


class LinkPlayer:
    """A player who presses keys at random moments, with a screen."""

    def __init__(self, game: GameClient, flying: Flying, link: Link, name: str) -> None:
        self._game = game
        self._flying = flying
        self._link = link
        self._name = name
        self._keys = KeyPresser(random.Random(name), trio.current_time())
        self._screen = Screen(flying.steering)
        self._figures = LinkFigures()
        self._asked_at = 0
        self._status: Status | None = None

    async def play(self, window: Window) -> LinkFigures:
        """Play until the end of the window, and return what was seen in it."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._press)
            nursery.start_soon(self._steer)
            nursery.start_soon(self._listen)
            nursery.start_soon(self._draw, window)
            await trio.sleep_until(window.begin_s)
            before, late, commands = self._counts(), *self._told()
            self._screen.shown.clear()
            self._flying.steering.predictor.counts.distance_worst = 0.0
            await trio.sleep_until(window.end_s)
            nursery.cancel_scope.cancel()
        after, late_after, commands_after = self._counts(), *self._told()
        figures = self._figures
        figures.counts = Counts(
            *(b - a for a, b in zip(attrs.astuple(before), attrs.astuple(after), strict=True))
        )
        figures.correction_worst = self._flying.steering.predictor.counts.distance_worst
        figures.late, figures.commands = late_after - late, commands_after - commands
        figures.shown = self._screen.shown
        return figures

    def _counts(self) -> Counts:
        steering = self._flying.steering
        predicted = steering.predictor.counts
        return Counts(
            predicted.corrections,
            predicted.distance_sum,
            steering.smoothing.snaps,
            steering.playback.underruns,
            self._link.stalls,
        )

    def _told(self) -> tuple[int, int]:
        """Return how many commands were late by the server's last word, and how many there were."""
        status = self._game.status
        late = 0 if status is None or status.late is None else status.late
        return late, self._game.statistics().commands

    async def _press(self) -> None:
        while True:
            at_s = self._keys.next_press_s
            await trio.sleep_until(at_s)
            self._screen.pressed(at_s, self._keys.press())

    async def _steer(self) -> None:
        async for tick in self._flying:
            if self._flying.own is None:
                if tick >= self._asked_at + ASK_AGAIN_TICKS:
                    self._asked_at = tick
                    await self._game.send(Play(name=self._name, bot=True))
                continue
            await self._flying.steer(self._keys.controls)

    async def _listen(self) -> None:
        while True:
            said = await self._game.next_text()
            beat = Beat.from_text(said.text)
            if beat is not None:
                self._figures.beats.append(beat)

    async def _draw(self, window: Window) -> None:
        """Draw sixty frames a second, independent of ticks and deltas."""
        frame_at_s = trio.current_time()
        while True:
            frame_at_s += FRAME_S
            await trio.sleep_until(frame_at_s)
            now_s = trio.current_time()
            self._screen.draw(self._keys.controls, now_s)
            late_s = now_s - frame_at_s
            missed = int(late_s / FRAME_S)
            frame_at_s += missed * FRAME_S
            if now_s in window:
                self._figures.frames += 1 + missed
                self._figures.frames_late += missed + (late_s > LATE_FRAME_S)
                self._look_at_clocks(now_s)

    def _look_at_clocks(self, now_s: float) -> None:
        machine_s = time.perf_counter() - trio.current_time() + now_s
        believed = self._flying.steering.clock.tick_at(now_s)
        self._figures.clock.append((machine_s, believed))
        status = self._game.status
        if status is not self._status and status is not None and status.rtt_us is not None:
            self._status = status
            self._figures.rtts_us.append(status.rtt_us)


async def play_link(url: str, profile: Profile, window: Window) -> LinkFigures:
    """Play the arena over ``profile`` among bots; return what was seen in the window."""
    async with joined(url, ROOM_OF_LINKS, profile.name, profile) as (game, flying, link):
        return await LinkPlayer(game, flying, link, profile.name).play(window)


# ---------------------------------------------------------------- on the range


async def weave(url: str, pair: int) -> None:
    """Play the target of ``pair`` until cancelled."""
    name = name_of(WEAVER, pair)
    # The same for all pairs, that their shots can be compared.
    weaver = Weaver(random.Random(WEAVER), place_of(name))
    async with joined(url, ROOM_OF_AIM, name, profile_of("lan")) as (_, flying, _):
        async for tick in flying:
            own = flying.own
            if own is not None:
                turn, _ = weaver.controls(own.x, own.y, own.heading, tick)
                await flying.steer(Steer(turn=turn, thrust=True))


@attrs.define
class AimFigures:
    """Outcomes of the shots in the window, from the server's own events."""

    shots: int = 0
    hits: int = 0
    disputed: int = 0
    ticks_missed: int = 0


async def shoot(
    url: str, pair: int, profile: Profile, *, compensated: bool, window: Window
) -> AimFigures:
    """Shoot at the target of ``pair`` exactly where the screen shows it; count in the window."""
    name = name_of(MARKSMAN, pair)
    figures = AimFigures()
    async with joined(url, ROOM_OF_AIM, name, profile) as (game, flying, _):
        await game.send(Compensate(on=compensated))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_aim, game, flying, random.Random(MARKSMAN), place_of(name))
            nursery.start_soon(_count, game, figures, window)
            await trio.sleep_until(window.begin_s)
            disputed, missed = _disputed(game), flying.steering.missed_ticks
            await trio.sleep_until(window.end_s)
            figures.disputed = _disputed(game) - disputed
            figures.ticks_missed = flying.steering.missed_ticks - missed
            nursery.cancel_scope.cancel()
    return figures


async def _aim(
    game: GameClient, flying: Flying, rng: random.Random, place: tuple[int, int]
) -> None:
    """Hover about ``place``, and shoot."""
    hover = Weaver(rng, place, reach=HOVER)
    marksman = Marksman()
    step = flying.steering.predictor.peek
    async for tick in flying:
        own = flying.own
        if own is None:
            continue
        turn, thrust = hover.controls(own.x, own.y, own.heading, tick)
        after = step(Steer(turn=turn, thrust=thrust))
        target = _shown_target(game, flying)
        assert after is not None
        aim, fire = (own.aim, False) if target is None else marksman.shot(after, target, tick)
        await flying.steer(Steer(turn=turn, thrust=thrust, fire=fire, aim=aim))


def _shown_target(game: GameClient, flying: Flying) -> tuple[float, float] | None:
    """Return where the screen shows the only other ship in view, or None."""
    own = game.replica.own

    def is_other(ship: RemoteEntity) -> bool:
        return own is None or ship.id != own.id

    target = next(filter(is_other, game.replica.of_kind("Ship")), None)
    return None if target is None else flying.place_of(target)


async def _count(game: GameClient, figures: AimFigures, window: Window) -> None:
    """Count the own shots and those of them that hit, by the tick's events as they come."""
    async for delta in game:
        if trio.current_time() not in window:
            continue
        for event in delta.events:
            if event.spec.name == "Shot" and event.seat == game.seat:
                figures.shots += 1
            elif event.spec.name == "Hit" and event.by == game.seat:
                figures.hits += 1


def _disputed(game: GameClient) -> int:
    status = game.status
    return 0 if status is None else status.disputed or 0
