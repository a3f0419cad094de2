"""``netcode``: what a player sees, and hits, over each link of the lab.

Two parts, on one real server with real sockets.  *Links*: one player per profile, all in one
arena with bots.  *Aim*: for each round trip two who aim exactly at what their screens show,
one of them without lag compensation, all at the same time.
"""

from __future__ import annotations

import datetime
import math
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import attrs
import trio

from benchmarks import records
from benchmarks.machine import ROOT, BenchmarkError
from benchmarks.netcode.players import (
    ROOM_OF_LINKS,
    AimFigures,
    LinkFigures,
    Window,
    play_link,
    shoot,
    weave,
)
from benchmarks.netcode.results import AimRecord, LinkRecord
from benchmarks.netcode.rooms import MAX_PAIRS, Beat
from benchmarks.servers import OURSELVES, RunningServer, Setting, Started
from benchmarks.studies.session import Session
from clients.lab.profiles import profile_of
from gameserver.games.arena.model import UNIT
from gameserver.games.arena.rules import TICK_RATE

ROOMS: Final = ("benchmarks.netcode.rooms:Timed", "benchmarks.netcode.rooms:Range")
#: For company on the links: they shoot, are shot at, and fly about.
BOTS: Final = 8
#: Between joining and counting: the clock has seen a few pongs, the lead its jitter.
SETTLE_S: Final = 10.0
BOTS_GOODBYE_S: Final = 10.0


def run(
    session: Session, profiles: Sequence[str], rtts_ms: Sequence[int]
) -> tuple[list[LinkRecord], list[AimRecord]]:
    """Measure all ``profiles``, then all ``rtts_ms``, each for the session's window."""
    if 2 * len(rtts_ms) > MAX_PAIRS:
        raise BenchmarkError(f"at most {MAX_PAIRS // 2} round trips at a time")
    contender = attrs.evolve(OURSELVES, prepare=_start_rooms)
    setting = Setting(world="netcode", players=0, tick_rate=TICK_RATE)
    with RunningServer(contender, setting, session.driver.cores.server) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        with _bots(url):
            links = trio.run(_links, url, profiles, session)
        aims = trio.run(_aims, url, rtts_ms, session)
    kept: list[LinkRecord | AimRecord] = [*links, *aims]
    for record in kept:
        records.append(session.output, record)
    return links, aims


def _start_rooms(_setting: Setting) -> Started:
    command = [sys.executable, "-m", "gameserver", "serve", *ROOMS, "--port", "0"]
    return Started([*command, "--log-level", "warning"], {"PYTHONPATH": str(ROOT)})


@contextmanager
def _bots(url: str) -> Iterator[None]:
    """Run bots in the room of the links; they end with their standard input."""
    command = [sys.executable, "-m", "gameserver", "bots", url, "--room", ROOM_OF_LINKS]
    command += ["--count", str(BOTS), "--seed", "1", "--attached"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
    finally:
        try:
            process.communicate(timeout=BOTS_GOODBYE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _window(session: Session) -> Window:
    begin_s = trio.current_time() + SETTLE_S
    return Window(begin_s, begin_s + session.window_s)


# ---------------------------------------------------------------- links


async def _links(url: str, profiles: Sequence[str], session: Session) -> list[LinkRecord]:
    window = _window(session)
    found: dict[str, LinkFigures] = {}

    async def play(name: str) -> None:
        found[name] = await play_link(url, profile_of(name), window)

    session.say(f"{', '.join(profiles)}: {SETTLE_S + window.seconds:.0f} s")
    begun_s = time.process_time()
    async with trio.open_nursery() as nursery:
        for name in profiles:
            nursery.start_soon(play, name)
    origin = _origin(session, time.process_time() - begun_s)
    return [link_record(name, found[name], window.seconds, origin) for name in profiles]


def link_record(
    profile: str, figures: LinkFigures, seconds: float, origin: dict[str, Any]
) -> LinkRecord:
    """Return the record of what one player saw in ``seconds``; ``origin``: its other fields."""
    frames = sorted(shown.frames for shown in figures.shown)
    keys_ms = sorted(1000 * shown.seconds for shown in figures.shown)
    errors = clock_errors(figures.beats, figures.clock)
    error_ticks = _percentile(errors, 0.95)
    counts = figures.counts
    return LinkRecord(
        profile=profile,
        seconds=seconds,
        rtt_ms=_percentile(sorted(figures.rtts_us), 0.5) / 1000,
        keys=len(frames),
        key_frames_p50=_percentile(frames, 0.5),
        key_frames_max=_percentile(frames, 1.0),
        key_ms_p50=_percentile(keys_ms, 0.5),
        key_ms_p95=_percentile(keys_ms, 0.95),
        corrections=counts.corrections,
        correction_mean=counts.distance_sum / UNIT / counts.corrections
        if counts.corrections
        else 0.0,
        correction_worst=figures.correction_worst / UNIT,
        snaps=counts.snaps,
        underruns=counts.underruns,
        commands=figures.commands,
        late=figures.late,
        clock_error_ticks_p95=error_ticks,
        clock_error_ms_p95=1000 * error_ticks / TICK_RATE,
        stalls=counts.stalls,
        frames=figures.frames,
        frames_late=figures.frames_late,
        **origin,
    )


def clock_errors(beats: Sequence[Beat], clock: Sequence[tuple[float, float]]) -> list[float]:
    """Return how far off the believed ticks were, in ticks, ascending; empty without a beat.

    A tick begins at its time or, where the machine is busy, later: so the earliest of all the
    beats is the server's schedule.
    """
    if not beats:
        return []
    start_s = min(beat.at_us / 1e6 - beat.tick / TICK_RATE for beat in beats)
    return sorted(abs(tick - (at_s - start_s) * TICK_RATE) for at_s, tick in clock)


def _percentile(ordered: Sequence[float], part: float) -> float:
    """Return a percentile by nearest rank; NaN of nothing."""
    return ordered[round(part * (len(ordered) - 1))] if ordered else math.nan


# ---------------------------------------------------------------- aim


async def _aims(url: str, rtts_ms: Sequence[int], session: Session) -> list[AimRecord]:
    window = _window(session)
    settings = [(rtt_ms, compensated) for rtt_ms in rtts_ms for compensated in (True, False)]
    found: dict[int, AimFigures] = {}

    async def aim(pair: int) -> None:
        rtt_ms, compensated = settings[pair]
        profile = profile_of(f"{rtt_ms}ms")
        found[pair] = await shoot(url, pair, profile, compensated=compensated, window=window)

    told = ", ".join(f"{rtt_ms} ms" for rtt_ms in rtts_ms)
    session.say(f"aiming at {told}: {SETTLE_S + window.seconds:.0f} s")
    begun_s = time.process_time()
    async with trio.open_nursery() as targets:
        for pair in range(len(settings)):
            targets.start_soon(weave, url, pair)
        async with trio.open_nursery() as nursery:
            for pair in range(len(settings)):
                nursery.start_soon(aim, pair)
        targets.cancel_scope.cancel()
    origin = _origin(session, time.process_time() - begun_s)
    return [
        AimRecord(
            rtt_ms=rtt_ms,
            compensated=compensated,
            seconds=window.seconds,
            **attrs.asdict(found[pair]),
            **origin,
        )
        for pair, (rtt_ms, compensated) in enumerate(settings)
    ]


def _origin(session: Session, cpu_s: float) -> dict[str, Any]:
    """Return what all records of one part have in common."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    share = cpu_s / (SETTLE_S + session.window_s)
    return {"load_cpu_share": share, "machine": session.driver.machine, "when": now}
