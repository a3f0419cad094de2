"""One process of the crowd, started by ``crowd.py``.

Owns the number of its bots, which the parent sets, and its measurements.  Orders come on
standard input, a JSON object a line: ``{"crowd": 12}`` sets the number of its bots, ``{"window":
3}`` begins a measurement.  Reports go to standard output, a line each half second, and at once
after a ``{"report": 3}`` of the window.  Ends when standard input ends.
"""

from __future__ import annotations

import json
import signal
import sys
from typing import Any, Final

import attrs
import trio

from clients.bots.bot import Persona
from clients.bots.swarm import Swarm, tls_context
from clients.bots.swarm_processes import Assignment
from gameserver.load.times import Times
from gameserver.ops.core_time import CoreTime

REPORT_EVERY_S: Final = 0.5
#: The pause between two joins.
JOIN_EVERY_S: Final = 0.02


class Generator:
    """The bots of one process, as many as the parent wants at the moment."""

    def __init__(self, assignment: Assignment) -> None:
        self._times = Times()
        context = tls_context(assignment.url, assignment.ca_file)
        self._swarm = Swarm(assignment, context, self._note)
        self._crew: list[Persona] = list(self._swarm.crew())
        self._first = assignment.first
        self._window = 0
        self._target = 0
        self._changed = trio.Event()
        self._scopes: list[trio.CancelScope] = []

    def _note(self, time_s: float) -> None:
        self._times.add(time_s)

    async def run(self, orders: trio.abc.ReceiveStream) -> None:
        """Play until there are no more orders."""
        async with self._swarm.machinery(), trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_size)
            nursery.start_soon(self._keep_reporting)
            rest = b""
            async for data in orders:
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._obey(json.loads(line))
            nursery.cancel_scope.cancel()
        self._report()  # perhaps a bot has raised

    def _obey(self, order: dict[str, Any]) -> None:
        if (crowd := order.get("crowd")) is not None:
            self._target = min(crowd, len(self._crew))
            self._changed.set()
        if (window := order.get("window")) is not None:
            self._window = window
            self._times = Times()
            for playing in self._swarm.playing:
                if playing.answers is not None:
                    playing.answers.begin()
        if order.get("report") is not None:
            for playing in self._swarm.playing:
                if playing.answers is not None:
                    playing.answers.give_up(trio.current_time())
            self._report()

    async def _keep_size(self) -> None:
        async with trio.open_nursery() as nursery:
            while True:
                self._changed = trio.Event()
                while len(self._scopes) > self._target:
                    self._scopes.pop().cancel()
                while len(self._scopes) < self._target:
                    number = len(self._scopes)
                    scope = trio.CancelScope()
                    self._scopes.append(scope)
                    nursery.start_soon(self._live, scope, number)
                    await trio.sleep(JOIN_EVERY_S)
                await self._changed.wait()

    async def _live(self, scope: trio.CancelScope, number: int) -> None:
        with scope:
            await self._swarm.live(self._first + number, self._crew[number])

    async def _keep_reporting(self) -> None:
        while True:
            self._report()
            await trio.sleep(REPORT_EVERY_S)

    def _report(self) -> None:
        core = CoreTime.own()
        report = {
            "window": self._window,
            "figures": attrs.asdict(self._swarm.figures()),
            "times": self._times.encode() if len(self._times) else None,
            "core": None if core is None else attrs.asdict(core),
            "at_s": trio.current_time(),
        }
        # The parent reads at once; if it has ended, standard input has ended too.
        sys.stdout.write(json.dumps(report) + "\n")
        sys.stdout.flush()


async def main(assignment: Assignment) -> None:
    """Play and report until standard input ends."""
    async with trio.lowlevel.FdStream(sys.stdin.fileno()) as orders:
        await Generator(assignment).run(orders)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    trio.run(main, Assignment.from_json(sys.argv[1]))
