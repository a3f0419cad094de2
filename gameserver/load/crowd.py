"""The whole crowd: its processes, their orders and their reports.

Owns starting and ending the processes, and adding up what they measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import attrs
import trio

from clients.bots.figures import Figures, total
from clients.bots.swarm_processes import END_DEADLINE_S, Assignment
from clients.nursery import open_unwrapping_nursery
from gameserver.errors import LocalProtocolError, RemoteProtocolError
from gameserver.load.times import Times
from gameserver.ops.core_time import CoreShare, CoreTime

#: The longest line of a report; a longer one is an error.
MAX_LINE_BYTES: Final = 1 << 22


@attrs.frozen
class Report:
    """The newest report of one process."""

    window: int
    figures: Figures
    times: str | None
    core: CoreTime | None
    at_s: float

    @classmethod
    def from_line(cls, line: bytes) -> Report:
        """Read a line of a generator."""
        told: dict[str, Any] = json.loads(line)
        core = told["core"]
        return cls(
            told["window"],
            Figures.from_json(json.dumps(told["figures"])),
            told["times"],
            None if core is None else CoreTime(**core),
            told["at_s"],
        )


@attrs.frozen
class Measured:
    """The figures of the whole crowd in one window."""

    figures: Figures
    times: Times
    shares: list[CoreShare]


class _Process:
    """One generator."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self.newest: Report | None = None
        self.news = trio.Event()
        #: Set when it writes nothing more.
        self.ended = trio.Event()

    async def order(self, **order: int) -> None:
        assert self.process.stdin is not None
        try:
            await self.process.stdin.send_all(json.dumps(order).encode() + b"\n")
        except trio.BrokenResourceError:
            await self.ended.wait()
            self.check()

    def check(self) -> None:
        """Raise ``LocalProtocolError`` if the process has ended: it runs until it is told to."""
        if self.ended.is_set():
            errors = {} if self.newest is None else self.newest.figures.errors
            raise LocalProtocolError(next(iter(errors), "a load generator has ended"))

    async def read(self) -> None:
        assert self.process.stdout is not None
        rest = b""
        async for data in self.process.stdout:
            *lines, rest = (rest + data).split(b"\n")
            if len(rest) > MAX_LINE_BYTES:
                raise RemoteProtocolError("a load generator wrote a line that is too long")
            for line in lines:
                self.newest = Report.from_line(line)
                self._tell()
        self.ended.set()
        self._tell()

    def _tell(self) -> None:
        self.news.set()
        self.news = trio.Event()


class Crowd:
    """Bots in several processes, as many as ``resize`` says; ``open_crowd`` makes it."""

    def __init__(self, processes: Sequence[_Process]) -> None:
        self._processes = processes
        self._window = 0

    async def resize(self, size: int) -> None:
        """Let ``size`` bots play."""
        count = len(self._processes)
        for number, process in enumerate(self._processes):
            await process.order(crowd=size // count + (number < size % count))

    def figures(self) -> Figures:
        """Return the present figures of all processes.

        ``LocalProtocolError`` says why one has ended: a bot has raised.
        """
        for process in self._processes:
            process.check()
        return total([p.newest.figures for p in self._processes if p.newest is not None])

    async def measure(self, window_s: float) -> Measured:
        """Measure for ``window_s``."""
        self._window += 1
        for process in self._processes:
            await process.order(window=self._window)
        before = await self._reports()
        await trio.sleep(window_s)
        after = await self._reports()
        times = Times()
        for report in after:
            if report.times is not None:
                times.merge(report.times)
        shares = [
            CoreShare.between(one.core, other.core, other.at_s - one.at_s)
            for one, other in zip(before, after, strict=True)
        ]
        figures = total([report.figures for report in after])
        old = total([report.figures for report in before])
        for name in ("joins", "reconnects", "deltas", "commands", "checksum_failures", "late"):
            setattr(figures, name, getattr(figures, name) - getattr(old, name))
        figures.errors -= old.errors
        return Measured(figures, times, shares)

    async def _reports(self) -> list[Report]:
        """Ask all processes for a report of this window, and wait for it."""
        for process in self._processes:
            process.newest = None
            await process.order(report=self._window)
        for process in self._processes:
            while process.newest is None or process.newest.window != self._window:
                process.check()
                await process.news.wait()
        return [process.newest for process in self._processes if process.newest is not None]


@asynccontextmanager
async def open_crowd(
    whole: Assignment, processes: int, cores: Collection[int] | None
) -> AsyncIterator[Crowd]:
    """Start the processes, on these cores; end them after the block."""
    async with open_unwrapping_nursery() as nursery:
        started = []
        try:
            for part in whole.split(processes):
                process = _Process(await _start(part, cores))
                started.append(process)
                nursery.start_soon(process.read)
            yield Crowd(started)
        finally:
            with trio.move_on_after(END_DEADLINE_S, shield=True):
                for one in started:
                    assert one.process.stdin is not None
                    await one.process.stdin.aclose()
                for one in started:
                    await one.process.wait()
            for one in started:
                if one.process.returncode is None:
                    one.process.kill()
            nursery.cancel_scope.cancel()


async def _start(part: Assignment, cores: Collection[int] | None) -> trio.Process:
    pinned = None if cores is None else partial(os.sched_setaffinity, 0, cores)
    return await trio.lowlevel.open_process(
        [sys.executable, "-m", "gameserver.load.generator", part.to_json()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=pinned,
    )
