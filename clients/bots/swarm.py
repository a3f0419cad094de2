"""A swarm: many bots on a server, as company for players or as a load.

Owns when a bot joins, joins again, and leaves its place to a human.  ``playing.py`` calls the bot;
several processes are ``swarm_processes.py``.
"""

from __future__ import annotations

import math
import os
import random
import signal
import ssl
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Final

import attrs
import trio
from rich.console import Console

from clients.backoff import Backoff
from clients.bots.bot import Bot, Persona
from clients.bots.bot_names import ARENA_BOTS, bot_named
from clients.bots.figures import Display, Figures, total
from clients.bots.playing import BotFailure, Pacer, Playing
from clients.bots.swarm_processes import Assignment, run_split
from clients.client_types import State
from clients.connection import Address, Via
from clients.errors import ConnectionLost, Refused
from clients.game_client import GameClient
from clients.joining import open_game
from clients.lab.profiles import profiles_of
from clients.lab.stream import over
from clients.shared_reader import SharedReader
from gameserver.errors import LocalProtocolError
from gameserver.protocol.closing import ClientAction, CloseCode

#: The interval between the joins of two bots.
JOIN_EVERY_S: Final = 0.05
#: How often the scout counts the humans, and figures are reported.
COUNT_EVERY_S: Final = 0.5
REPORT_EVERY_S: Final = 1.0
#: How many bots one process can play at 30 Hz with prediction on a slow core.
BOTS_PER_CORE: Final = 100

#: The exit code after an interrupt, as in shells: 128 plus the number of SIGINT.
INTERRUPTED: Final = 130

Report = Callable[[Figures], None]


def comes_back(ended: Refused | ConnectionLost) -> bool:
    """Whether a bot joins again by itself: only if that needs no new name or token."""
    return ended.action is ClientAction.RESUME or ended.code == CloseCode.ROOM_CLOSED


class Swarm:
    """The bots of one process.

    ``assignment`` has the numbers of the bots.  The first bot is the scout: with ``fill_to`` it
    stays connected even when humans have taken all places, to see when they leave.
    """

    def __init__(
        self,
        assignment: Assignment,
        ssl_context: ssl.SSLContext | None,
        note_answer: Callable[[float], None] | None = None,
    ) -> None:
        self._assignment = assignment
        self._ssl_context = ssl_context
        self._note_answer = note_answer
        self._kind = bot_named(assignment.bot)
        self._reader = SharedReader()
        self._pacer = Pacer()
        self._rng = random.Random(assignment.seed ^ assignment.first)
        self._profiles = profiles_of(assignment.profiles) if assignment.profiles else []
        #: The bots with a number below this play.
        self._places = assignment.first + assignment.count
        if assignment.fill_to is not None:
            self._places = min(self._places, assignment.fill_to)
        self._places_changed = trio.Event()
        #: The room to join; with ``fill_to`` it is the scout's room.
        self._room = assignment.room
        self._playing: dict[int, Playing] = {}
        #: Number of a bot → the time of its last welcome.
        self._welcomed_at_s: dict[int, float] = {}
        self._past = Figures()
        self._scope = trio.CancelScope()

    async def run(self) -> None:
        """Let all bots play until cancelled, or until none of them may join again."""
        first = self._assignment.first
        async with self.machinery(), trio.open_nursery() as nursery:
            for number, persona in enumerate(self.crew(), first):
                nursery.start_soon(self._live_later, number, persona)

    @asynccontextmanager
    async def machinery(self) -> AsyncIterator[None]:
        """Run what all bots of the process share; a bot that raises ends the block."""
        async with trio.open_nursery() as nursery:
            self._scope = nursery.cancel_scope
            nursery.start_soon(self._reader.run)
            nursery.start_soon(self._pacer.run)
            yield
            nursery.cancel_scope.cancel()

    def crew(self) -> Iterator[Persona]:
        """Return the bots of this process, from the one with the first number."""
        first, count = self._assignment.first, self._assignment.count
        return islice(self._kind.crew(self._assignment.seed), first, first + count)

    @property
    def playing(self) -> Collection[Playing]:
        """The bots that are connected now."""
        return self._playing.values()

    def figures(self) -> Figures:
        """Return the present figures."""
        present = [_figures_of(playing) for playing in self._playing.values()]
        return total([self._past, *present])

    # ------------------------------------------------------------ one bot

    async def _live_later(self, number: int, persona: Persona) -> None:
        await trio.sleep((number - self._assignment.first) * JOIN_EVERY_S)
        await self.live(number, persona)

    async def live(self, number: int, persona: Persona) -> None:
        """Let bot ``number`` join again and again, as long as the server allows it."""
        backoff = Backoff(self._rng)
        again = False
        while True:
            await self._place_for(number)
            self._welcomed_at_s.pop(number, None)
            try:
                await self._visit(number, persona, again=again)
                again = False
                continue
            except (Refused, ConnectionLost) as ended:
                self._past.note_error(self._why(ended))
                if not comes_back(ended):
                    return
                again = True
                now_s = trio.current_time()
                lasted_s = now_s - self._welcomed_at_s.get(number, now_s)
                pause_s = backoff.next_pause_s(lasted_s, ended.retry_after_s or 0.0)
            await trio.sleep(pause_s)

    async def _visit(self, number: int, persona: Persona, *, again: bool) -> None:
        """Play until a human takes this bot's place; resume after a lost connection."""
        async with open_game(
            self._assignment.url,
            room=self._room,
            name=persona.name,
            schema=self._kind.schema,
            ssl_context=self._ssl_context,
            via=self._link_of(number),
            reader=self._reader,
        ) as client:
            self._welcomed_at_s[number] = trio.current_time()
            self._past.joins += 1
            self._past.reconnects += again
            playing = self._playing[number] = Playing(
                client, persona, self._pacer, self._note_answer
            )
            try:
                await self._stay(playing, number)
                if playing.failure is not None:
                    return self._give_up(playing.failure)
                client.check()  # after a normal close the bot does not come back
            finally:
                playing.ended.set()
                gone = attrs.evolve(_figures_of(self._playing.pop(number)), connected=0, rtts_s=[])
                self._past = total([self._past, gone])

    def _give_up(self, failure: BotFailure) -> None:
        """End the whole swarm: every bot of this class would fail alike."""
        self._past.note_error(str(failure))
        self._past.crashes += 1
        self._scope.cancel()

    async def _stay(self, playing: Playing, number: int) -> None:
        """Return when the bot has failed, its connection has ended, or a human has its place."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._end_with_client, playing)
            if self._assignment.fill_to is not None:
                nursery.start_soon(self._give_way, playing, number)
            await playing.ended.wait()
            nursery.cancel_scope.cancel()

    async def _end_with_client(self, playing: Playing) -> None:
        try:
            while playing.client.state is not State.CLOSED:
                await playing.client.next_state()
        except ConnectionLost:
            pass  # there is no state after the last
        playing.ended.set()

    async def _give_way(self, playing: Playing, number: int) -> None:
        """Leave, or watch as the scout, while a human has the place of this bot."""
        scout = number == self._assignment.first
        while True:
            if scout:
                await trio.sleep(COUNT_EVERY_S)
                self._count_places(playing.client)
            elif number < self._places:
                await self._places_changed.wait()
            rests = number >= self._places
            if rests and not scout:
                playing.ended.set()
                return
            if rests and not playing.resting and (command := self._kind.rest()) is not None:
                playing.client.post(command)
            playing.resting = rests

    def _why(self, ended: Refused | ConnectionLost) -> str:
        """Return why a connection has ended; a bot cannot "reload the client"."""
        why = f"{ended.code} {ended.reason}".rstrip()
        kind, room = self._kind, self._assignment.room
        if ended.code == CloseCode.SCHEMA:
            return (
                f"the server's room {room!r} is of another game or version than {kind.__name__} "
                "plays: name bots of its own with --bot"
            )
        if ended.code == CloseCode.NO_SUCH_ROOM:
            return f"{why}: name a room of the server with --room, and its bots with --bot"
        return why

    def _link_of(self, number: int) -> Via | None:
        """Return the link of bot ``number``; None for no link of the lab."""
        if not self._profiles:
            return None
        profile = self._profiles[number % len(self._profiles)]
        return over(profile, f"{self._assignment.seed}/{number}")

    # ------------------------------------------------------------ places

    async def _place_for(self, number: int) -> None:
        """Wait until bot ``number`` is wanted; the scout always is."""
        while number >= self._places and number != self._assignment.first:
            await self._places_changed.wait()

    def _count_places(self, client: GameClient) -> None:
        """Leave a place to each human who plays in the scout's room."""
        self._room = client.room
        humans = self._kind.people(client.replica) or 0
        assert self._assignment.fill_to is not None
        places = max(self._assignment.fill_to - humans, 0)
        if places != self._places:
            self._places = places
            self._places_changed.set()
            self._places_changed = trio.Event()


def _figures_of(playing: Playing) -> Figures:
    client, steering = playing.client, playing.steering
    statistics = client.statistics()
    status = client.status
    rtt_s = client.latency.rtt_s
    if rtt_s is None:
        rtt_s = client.round_trips.rtt_s
    return Figures(
        connected=int(client.connected),
        reconnects=statistics.resumes + statistics.rejoins,
        deltas=statistics.deltas,
        bytes_received=statistics.bytes_received,
        commands=statistics.commands,
        checks=statistics.checks,
        checksum_failures=statistics.checksum_failures,
        rtts_s=[] if rtt_s is None else [rtt_s],
        corrections=0 if steering is None else steering.predictor.counts.corrections,
        underruns=0 if steering is None else steering.playback.underruns,
        late=(status.late if status is not None else None) or 0,
    )


# ---------------------------------------------------------------- running


async def run_swarm(
    assignment: Assignment, *, ssl_context: ssl.SSLContext | None, report: Report
) -> Figures:
    """Run the bots of this process until cancelled, or until none may join again.

    ``report`` is called every second and once at the end, even when cancelled.
    """
    swarm = Swarm(assignment, ssl_context)

    async def keep_reporting() -> None:
        while True:
            report(swarm.figures())
            await trio.sleep(REPORT_EVERY_S)

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep_reporting)
            await swarm.run()
            nursery.cancel_scope.cancel()
    finally:
        report(swarm.figures())
    return swarm.figures()


def tls_context(url: str, ca_file: Path | None) -> ssl.SSLContext | None:
    """Return the context for a wss:// URL; ``ca_file`` has further certificates to trust."""
    if not url.startswith("wss:"):
        return None
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


def run_bots(
    url: str,
    *,
    count: int,
    bot: str = ARENA_BOTS,
    room: str | None = None,
    processes: int | None = None,
    seed: int | None = None,
    fill_to: int | None = None,
    ca_file: Path | None = None,
    profiles: str = "",
    duration_s: float | None = None,
    attached: bool = False,
) -> int:
    """Run ``count`` bots until interrupted, or for ``duration_s``; return an exit code.

    ``bot`` names their class, as in ``mybots:Chaser``; ``room`` is that of the class by default.
    ``processes`` is the number of processes; None: as many as the bots need, at most one per core.
    ``fill_to`` keeps the room at this many pilots: each human who plays replaces a bot.
    ``profiles`` are links of the lab, with commas between them, spread over the bots.  The exit
    code is 0 if a bot has joined, no checksum failed and no process crashed, else 1.  SIGINT and
    SIGTERM end the swarm normally, and so does the end of standard input if ``attached``: the
    parent process has ended then.  ``LocalProtocolError`` for a bad URL, OSError for a bad
    ``ca_file``, ``UnknownProfile`` for an unknown link.
    """
    if processes is None:
        processes = min(os.cpu_count() or 1, math.ceil(count / BOTS_PER_CORE) or 1)
    if seed is None:
        seed = random.SystemRandom().getrandbits(32)
    Address.from_url(url)  # fails here once, instead of in every bot
    if profiles:
        profiles_of(profiles)
    kind = bot_named(bot)
    if fill_to is not None and kind.people.__func__ is Bot.people.__func__:  # type: ignore[attr-defined]
        raise LocalProtocolError(f"{kind.__name__} has no method people, which --fill needs")
    whole = Assignment(
        url=url,
        bot=bot,
        room=kind.room if room is None else room,
        first=0,
        count=count,
        seed=seed,
        fill_to=fill_to,
        ca_file=ca_file,
        profiles=profiles,
    )
    with Display(Console()) as display:
        try:
            figures = trio.run(_until_told_to_stop, whole, processes, duration_s, attached, display)
        except KeyboardInterrupt:  # a second one, while the bots are leaving
            return INTERRUPTED
    display.summarise(figures)
    return 0 if figures.well else 1


async def _until_told_to_stop(
    whole: Assignment,
    processes: int,
    duration_s: float | None,
    attached: bool,  # noqa: FBT001 - trio.run passes by position
    display: Display,
) -> Figures:
    newest = Figures()

    def report(figures: Figures) -> None:
        nonlocal newest
        newest = figures
        display.show(figures, trio.current_time())

    with trio.move_on_after(float("inf") if duration_s is None else duration_s):
        async with trio.open_nursery() as nursery:
            await nursery.start(_cancel_on_signal, nursery.cancel_scope)
            if attached:
                nursery.start_soon(_cancel_on_end_of_input, nursery.cancel_scope)
            if processes > 1:
                await run_split(whole, processes, report)
            else:
                context = tls_context(whole.url, whole.ca_file)
                await run_swarm(whole, ssl_context=context, report=report)
            nursery.cancel_scope.cancel()
    return newest


async def _cancel_on_end_of_input(scope: trio.CancelScope) -> None:
    async with trio.lowlevel.FdStream(os.dup(0)) as standard_input:
        async for _ in standard_input:
            pass
    scope.cancel()


async def _cancel_on_signal(
    scope: trio.CancelScope, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            scope.cancel()
