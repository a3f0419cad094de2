"""One node as its supervisor sees it: a process, and whether it has registered and serves.

Owns waiting for its end and signals to it, also where an earlier supervisor has started it.  Never
starts it again: ``supervisor.py`` does.
"""

from __future__ import annotations

import contextlib
import os
import signal

import attrs
import trio

from gameserver.cluster.restarts import Restarts


@attrs.define(eq=False)
class NodeProcess:
    """A node that should run, and its present process, if there is one."""

    index: int
    #: Names the present run in the directory; set when it registers.
    run: str | None = None
    pid: int | None = None
    #: None for a process that an earlier supervisor has started.
    process: trio.Process | None = None
    registered: trio.Event = attrs.field(factory=trio.Event)
    ready: trio.Event = attrs.field(factory=trio.Event)
    #: Set at the end of the present process.
    ended: trio.Event = attrs.field(factory=trio.Event)
    restarts: Restarts = attrs.field(factory=Restarts)
    #: Whether it must not be started again.
    over: bool = False
    #: Whether its end is part of an upgrade, so that it starts again at once.
    renewing: bool = False

    @property
    def name(self) -> str:
        """Its name in the log and in metrics."""
        return f"n{self.index}"

    @property
    def serves(self) -> bool:
        """Whether it takes players now."""
        return self.ready.is_set() and not self.over

    async def until_ready(self) -> bool:
        """Wait until the present process serves, or has ended; whether it serves."""
        ready, ended = self.ready, self.ended
        async with trio.open_nursery() as nursery:
            for event in (ready, ended):
                nursery.start_soon(_cancel_after, event, nursery.cancel_scope)
        return ready.is_set()

    async def wait(self) -> int | None:
        """Wait until the process has ended; return its exit code, if that can be known."""
        if self.process is not None:
            return await self.process.wait()
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                pidfd = os.pidfd_open(self.pid)
                try:
                    await trio.lowlevel.wait_readable(pidfd)
                finally:
                    os.close(pidfd)
        return None

    def forget_process(self) -> str | None:
        """Note that the process has ended, and return its name in the directory."""
        run, self.run, self.pid, self.process = self.run, None, None, None
        self.ended.set()
        self.registered, self.ready, self.ended = trio.Event(), trio.Event(), trio.Event()
        return run

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process, if there is one."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


async def _cancel_after(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()
