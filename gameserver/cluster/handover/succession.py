"""The line of processes that one server is in: the process before it, and the one after it.

Owns an upgrade from its request to the end of this process: the control socket and SIGUSR2 ask for
it, ``giving.py`` carries it out, and the main process of a service becomes its keeper.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import attrs
import structlog
import trio

from gameserver.cluster.control import ControlError, ControlSocket, Request, control_path
from gameserver.cluster.handover import keeper
from gameserver.cluster.handover.asking import REQUEST, Upgraded
from gameserver.cluster.handover.early_failure import VARIABLE
from gameserver.cluster.handover.giving import ServerGiving, Stage
from gameserver.cluster.handover.messages import MAX_BODY_BYTES, HandoverFailed
from gameserver.cluster.handover.successor import ChildProcess, Command
from gameserver.cluster.handover.taking import Taking, channel_of, reason_of
from gameserver.runtime.server import Server

log = structlog.get_logger(__name__)

#: Holds the descriptor by which a server tells its keeper who takes over.
KEEPER_VARIABLE: Final = "GAMESERVER_KEEPER"
#: For the answers to requests that came here while the other process took over.
LAST_ANSWERS_S: Final = 1.0


class ProcessLine:
    """The place of this process in the line; made by ``joined``."""

    def __init__(self, predecessor: Taking | None) -> None:
        self.predecessor: Final = predecessor
        self._command: Final = Command()
        self._asking, self._asked = trio.open_memory_channel[None](1)
        self._upgrading = trio.Lock()
        self._over = trio.Event()
        #: Set when no request is left to answer here.
        self._answered = trio.Event()
        self._server: Server | None = None
        self._control: ControlSocket | None = None
        #: The pipe to the keeper: where numbers are read, if this process is the main one, and
        #: written.
        self._keeper: tuple[int, int] | None = None
        self._successor: int | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def joined(cls) -> AsyncIterator[ProcessLine]:
        """Join the line; if this process then fails to serve, its predecessor is told why."""
        descriptor = os.environ.pop(VARIABLE, None)
        if descriptor is None:
            yield cls(None)
            return
        channel = channel_of(int(descriptor), MAX_BODY_BYTES)
        predecessor = await Taking.begin(channel)
        try:
            yield cls(predecessor)
        except Exception as error:
            await predecessor.tell_failure(reason_of(error))
            raise

    # ------------------------------------------------------------ while it serves

    def ask(self) -> None:
        """Begin an upgrade, as SIGUSR2 asks for."""
        with contextlib.suppress(trio.WouldBlock):
            self._asking.send_nowait(None)

    def pass_on(self, number: int) -> bool:
        """Pass a signal on to the process that has taken over; False if none has."""
        if self._successor is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._successor, number)
        return True

    @property
    def handed_over(self) -> bool:
        """Whether another process has taken over."""
        return self._successor is not None

    async def attend(self, server: Server) -> None:
        """Wait for requests while ``server`` serves; return once another process has it."""
        self._server = server
        self._control = self._open_control(server)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._obey_signals)
                if self._control is not None:
                    nursery.start_soon(self._answer_requests, self._control)
                await self._over.wait()
                if self._control is not None:
                    self._control.stop_accepting()
                    with trio.move_on_after(LAST_ANSWERS_S):
                        await self._answered.wait()
                nursery.cancel_scope.cancel()
        finally:
            if self._control is not None:
                self._control.close()

    def _open_control(self, server: Server) -> ControlSocket | None:
        path = control_path(server.settings.data, server.port)
        try:
            if self.predecessor is not None and self.predecessor.control is not None:
                return ControlSocket.inherit(path, self.predecessor.control)
            return ControlSocket.bind(path)
        except (ControlError, OSError) as error:
            log.warning("there is no control socket; SIGUSR2 upgrades", reason=str(error))
            return None

    async def _answer_requests(self, control: ControlSocket) -> None:
        await control.serve({REQUEST: self._upgrade_asked})
        self._answered.set()

    async def _obey_signals(self) -> None:
        async for _ in self._asked:
            with contextlib.suppress(HandoverFailed):
                await self._upgrade()
                self._over.set()

    async def _upgrade_asked(self, request: Request) -> None:
        told = await self._upgrade()
        try:
            await request.send(attrs.asdict(told))
        finally:
            self._over.set()

    async def _upgrade(self) -> Upgraded:
        """Hand everything over to a new process; ``HandoverFailed`` says why this one serves on."""
        if self._upgrading.locked():
            raise HandoverFailed("an upgrade is under way")
        async with self._upgrading:
            if self._successor is not None:
                raise HandoverFailed("a new process has taken over already")
            try:
                return await self._hand_over()
            except HandoverFailed as failure:
                if not self._over.is_set():
                    log.warning("upgrade failed; this process serves on", reason=str(failure))
                raise
            except Exception:
                log.exception("upgrade failed by a bug; this process serves on")
                raise HandoverFailed("a bug of the server; its log says which") from None

    async def _hand_over(self) -> Upgraded:
        assert self._server is not None, "attend comes first"
        log.info("upgrading", players=self._server.players)
        if self._keeper is None:
            self._keeper = _keeper_pipe()
        child = await ChildProcess.start(self._command, self._keeper[1:])
        control = None if self._control is None else self._control.hand_over()
        giving = ServerGiving(self._server, child, control)
        try:
            given = await giving.run()
        except BaseException:
            if giving.stage is Stage.GONE:
                self._over.set()
            elif self._control is not None:
                self._control.keep()
            raise
        self._successor = child.pid
        if self._control is not None:
            self._control.stop_accepting()
        told = Upgraded(
            child.pid, given.rooms, given.players, given.coming_back, round(given.frozen_ms, 1)
        )
        log.info("upgraded", **attrs.asdict(told))
        return told

    # ------------------------------------------------------------ after it has served

    def end(self) -> None:
        """End this process' part, once all that stayed here is over.

        The main process becomes the keeper of the server that took over, and so never returns; any
        other tells the keeper that there is.
        """
        if self._successor is None or self._keeper is None:
            return
        reads, writes = self._keeper
        if reads < 0:
            os.write(writes, b"%d\n" % self._successor)
            return
        os.close(writes)
        os.set_inheritable(reads, True)  # noqa: FBT003 - it takes no keywords
        sys.stdout.flush()
        sys.stderr.flush()
        path = str(Path(keeper.__file__).resolve())
        arguments = [sys.executable, "-I", "-S", path, str(self._successor), str(reads)]
        os.execv(sys.executable, arguments)


def _keeper_pipe() -> tuple[int, int]:
    """Return the ends of the pipe to the keeper: one that there is (−1, writes), or a new pipe."""
    told = os.environ.get(KEEPER_VARIABLE)
    if told is not None:
        return -1, int(told)
    reads, writes = os.pipe()
    os.environ[KEEPER_VARIABLE] = str(writes)
    return reads, writes
