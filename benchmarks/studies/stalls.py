"""``stalls``: what stops the server's loop while players come, stay, go and come back.

The server watches its own loop (``stalls/watch.py``); everyone else is on the other core.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import pathlib
import signal
import tempfile
import time
from functools import partial
from typing import Final

import attrs
import trio

from benchmarks import measure, records
from benchmarks.generator import Generator, Load
from benchmarks.hostile.light import LightPlayer
from benchmarks.hostile.target import any_certificate
from benchmarks.machine import BenchmarkError
from benchmarks.moves import passing_beside
from benchmarks.servers import OURSELVES, RunningServer, Setting, Started
from benchmarks.speech import ROOM_PLACE, mover_speech
from benchmarks.stalls.crowd import Crowd
from benchmarks.stalls.results import Mark, StallsRecord, phases_of, read_turns
from benchmarks.stalls.rooms import WATCHED, Annexe, Watched
from benchmarks.stalls.watch import Turn
from benchmarks.studies.session import Session
from gameserver.runtime.net.tls import make_development_certificate

ROOMS: Final = "benchmarks.stalls.rooms"
#: Time to watch after each event.
AFTER_S: Final = 8.0
#: How long the load generators play on: longer than everything takes.
PLAY_S: Final = 600.0
#: A room closes once it has been empty for so long.
EMPTY_ROOM_S: Final = 1.0
SCRAPES: Final = 5
#: Longer than the server keeps an answer.
BETWEEN_SCRAPES_S: Final = 1.2
OVER_TLS: Final = 20
WRITTEN_WITHIN_S: Final = 60


def run(session: Session, world: str, players: int, joining: int, minute_s: float) -> StallsRecord:
    """Let ``players`` play and ``joining`` join them; half of those leave and come back."""
    if world not in WATCHED:
        raise BenchmarkError(f"the loop is watched in {', '.join(WATCHED)}, not in {world}")
    driver = session.driver
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = pathlib.Path(name)
        paths = make_development_certificate(folder)
        setting = Setting(
            world=world,
            players=players + joining,
            certificate=(paths.certificate, paths.key),
        )
        contender = attrs.evolve(OURSELVES, prepare=partial(start_watched, turns=folder / "turns"))
        with RunningServer(contender, setting, driver.cores.server) as server:
            study = _Study(session, server, setting, players, joining, minute_s)
            try:
                trio.run(study.run)
                turns = _turns(server, folder / "turns")
            except* BenchmarkError as group:
                raise group.exceptions[0] from None
    record = StallsRecord(
        phases=phases_of(turns, study.marks),
        not_joined=study.not_joined,
        not_back=study.crowd.size - study.crowd.back,
        machine=driver.machine,
        when=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
    records.append(session.output, record)
    return record


def room_of_crowd(setting: Setting, number: int) -> str:
    """Return which room the crowd's player of this number joins."""
    kind, size = WATCHED[setting.world].lower(), setting.room_size
    return f"{kind}/crowd{number // size}" if size else kind


def start_watched(setting: Setting, *, turns: pathlib.Path) -> Started:
    """Return how to start our server so that it watches its loop and writes ``turns``."""
    started = OURSELVES.prepare(setting)
    place = next(i for i, word in enumerate(started.command) if word.startswith("benchmarks."))
    rooms = [f"{ROOMS}:{room}" for room in (WATCHED[setting.world], Annexe.__name__)]
    command = [*started.command[:place], *rooms, *started.command[place + 1 :]]
    if not setting.room_size:  # small rooms close at once
        command += ["--empty-room-s", str(EMPTY_ROOM_S)]
    return Started(command, {**started.environment, "BENCHMARK_STALLS": str(turns)})


def _turns(server: RunningServer, file: pathlib.Path) -> list[Turn]:
    """Return what the server saw."""
    os.kill(server.pid, signal.SIGUSR1)
    for _ in range(WRITTEN_WITHIN_S * 10):
        if file.exists():
            return read_turns(file)
        time.sleep(0.1)
    raise BenchmarkError(f"the server did not write what it saw: {server.log()}")


@attrs.define
class _Study:
    session: Session
    server: RunningServer
    setting: Setting
    players: int
    joining: int
    minute_s: float
    marks: list[Mark] = attrs.field(factory=list)
    not_joined: int = 0
    crowd: Crowd = attrs.field(init=False)
    #: The load generators.
    _running: contextlib.ExitStack = attrs.field(factory=contextlib.ExitStack)

    def __attrs_post_init__(self) -> None:
        room_of = partial(room_of_crowd, self.setting)
        self.crowd = Crowd(self.server.plain_port, room_of, Watched.schema(), self.joining // 2)

    async def run(self) -> None:
        """Run all phases, one after the other."""
        with self._running:
            await self._run()

    async def _run(self) -> None:
        everyone = self.players + self.joining
        async with trio.open_nursery() as nursery:
            passing = passing_beside(self.setting.world, self.players)
            first = self._running.enter_context(self._generator("first", self.players, passing))
            await self._joined(first)
            self._begin(f"{self.players} play", self.players)
            await trio.sleep(AFTER_S)
            self._begin(f"{self.joining} join", everyone)
            others = self.joining - self.crowd.size
            second = self._running.enter_context(self._generator("second", others, 0))
            async with trio.open_nursery() as joining:
                joining.start_soon(self._joined, second)
                joining.start_soon(self.crowd.join, nursery)
            self.not_joined += self.crowd.failed
            await trio.sleep(AFTER_S)
            self._begin(f"{self.minute_s:g} s go by", everyone)
            await trio.sleep(self.minute_s)
            self._begin(f"{self.crowd.size} leave", everyone - self.crowd.size)
            self.crowd.cut()
            await trio.sleep(AFTER_S)
            self._begin(f"{self.crowd.size} come back", everyone)
            await self.crowd.join(nursery)
            await trio.sleep(AFTER_S)
            await self._small_things(everyone)
            self._begin("end", everyone)
            nursery.cancel_scope.cancel()

    async def _small_things(self, everyone: int) -> None:
        """Run the phases that an operator or a few players cause while all others play."""
        self._begin("SIGHUP", everyone)
        os.kill(self.server.pid, signal.SIGHUP)
        await trio.sleep(AFTER_S)
        self._begin("a room is made", everyone + 1)
        player = await LightPlayer.join(
            self.server.plain_port, "annexe/1", "visitor", Annexe.schema()
        )
        await trio.sleep(AFTER_S)
        self._begin("and closed", everyone)
        await player.leave()
        await trio.sleep(EMPTY_ROOM_S + AFTER_S)
        self._begin("/metrics", everyone)
        for _ in range(SCRAPES):
            await trio.to_thread.run_sync(self.server.get, "/metrics")
            await trio.sleep(BETWEEN_SCRAPES_S)
        self._begin("TLS", everyone)
        for _ in range(OVER_TLS):
            await self._shake_hands()

    async def _shake_hands(self) -> None:
        stream = await trio.open_ssl_over_tcp_stream(
            "127.0.0.1", self.server.port, ssl_context=any_certificate()
        )
        await stream.do_handshake()
        await trio.aclose_forcefully(stream)

    def _begin(self, phase: str, players: int) -> None:
        """Begin a phase, in which so many play once all have come or gone."""
        stolen_s = measure.stolen_s(self.session.driver.cores.server)
        self.marks.append(Mark(phase, time.monotonic(), players, stolen_s))
        self.session.say(phase)

    def _generator(self, name: str, players: int, passing: int) -> Generator:
        """Return a load generator; its players and those of the other share no small room."""
        load = Load(players=players, passing=passing, warmup_s=0.0, window_s=PLAY_S)
        kind, size = WATCHED[self.setting.world].lower(), self.setting.room_size
        speech = mover_speech(f"{kind}/{name}{ROOM_PLACE}" if size else kind, size)
        return Generator(self.server.plain_port, speech, load, self.session.driver.cores.load)

    async def _joined(self, generator: Generator) -> None:
        """Wait until all players of a load generator have joined."""
        told = await trio.to_thread.run_sync(generator.wait_for, "joined")
        if not told["joined"]:
            raise BenchmarkError(f"nobody could join: {self.server.log()}")
        self.not_joined += told["failed"] + told["unfinished"]
