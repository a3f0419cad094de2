"""The supervisor of the nodes of one host: it starts them, restarts them, and ends them.

Owns the listening sockets, the directory of the host, and which node processes there should be.
``operations.py`` carries out the requests of an operator.  Imports no game and serves no client, so
little can fail in it.  If it is killed, its nodes play on, and the next supervisor takes them over
with their sockets.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

import structlog
import trio

from gameserver.cluster import unix_socket
from gameserver.cluster.control import ControlError, ControlSocket, control_path
from gameserver.cluster.directory.memory import MemoryDirectory
from gameserver.cluster.host_folder import HostFolder
from gameserver.cluster.host_sockets import Descriptor
from gameserver.cluster.node_process import NodeProcess
from gameserver.cluster.operations import DRAIN, UPGRADE, HostOperations, OperationFailed
from gameserver.cluster.registry import Registry
from gameserver.cluster.shared_counts import make_memory
from gameserver.cluster.unix_socket import UnixSocketError
from gameserver.config import Settings
from gameserver.errors import GameServerError
from gameserver.runtime.data_folder import DataFolder
from gameserver.runtime.net.activation import is_activated
from gameserver.runtime.net.listening import StartError, listen

log = structlog.get_logger(__name__)

#: The supervisor sees the end of a node as the end of its process, so a lease is only for a node
#: that is stuck.  A node that waits for a core must not lose its rooms to others.
LEASE_S: Final = 30.0
#: How long nodes of an earlier supervisor may take to register.
TAKEOVER_DEADLINE_S: Final = 10.0
#: Time after the grace period of a node before the node is killed.
KILL_AFTER_S: Final = 5.0
ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class FirstNodeFailed(GameServerError):
    """The first node ended before it served, and has said why; ``code`` is its exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the first node ended with exit code {code} before it served")
        self.code = code


class AllNodesCrash(GameServerError):
    """Every node is in a crash loop, so there is nothing left to supervise."""


class Supervisor:
    """The nodes of one host.

    ``command`` starts a node, with its folder and index behind it.  ``tell`` prints lines for the
    person at the terminal.
    """

    def __init__(
        self, command: Sequence[str], settings: Settings, tell: Callable[[Sequence[str]], None]
    ) -> None:
        self._command = command
        self._settings = settings
        self._tell = tell
        self.folder = HostFolder.of(settings)
        self._nodes = {index: NodeProcess(index) for index in range(settings.nodes)}
        #: Made by ``run``.
        self._registry: Registry
        #: The requests of the operator; None before the nodes serve.
        self._operations: HostOperations | None = None
        self._stopping = False
        self._all_crash = trio.Event()

    async def run(self) -> None:
        """Supervise until SIGINT or SIGTERM, then end all nodes.

        ``StartError``, ``DataFolderError`` or ``FirstNodeFailed`` if nothing can be served,
        ``AllNodesCrash`` if nothing can be served any more.
        """
        listener = self._bind()
        orphans = self.folder.living_nodes()
        directory = MemoryDirectory(settled=True, lease_s=LEASE_S)
        registry = self._registry = Registry(directory, self._nodes, self._tell)
        # The directory does not know the rooms of these nodes before they have renewed.
        registry.await_renewals(orphans)
        error: GameServerError | None = None
        watched = (*ENDING_SIGNALS, signal.SIGHUP, signal.SIGUSR2)
        with trio.open_signal_receiver(*watched) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(registry.serve, listener)
                nursery.start_soon(self._listen, signals, nursery)
                try:
                    await self._start(orphans, nursery)
                    nursery.start_soon(self._serve_operator, nursery)
                    await self._all_crash.wait()
                    error = AllNodesCrash("all nodes crash soon after their start; see the log")
                except GameServerError as raised:
                    error = raised
                    # Players on nodes of an earlier supervisor do not pay for a wrong setting.
                    await self._end(lambda node: node.process is not None)
                nursery.cancel_scope.cancel()
        listener.close()
        registry.sockets.close()
        if not self.folder.living_nodes():
            self.folder.remove()
        if error is not None:
            raise error

    def _bind(self) -> socket.socket:
        try:
            return unix_socket.bind(self.folder.supervisor)
        except UnixSocketError as error:
            if unix_socket.answers(self.folder.supervisor):
                place = self._settings.data or f"port {self._settings.port}"
                raise StartError(f"another supervisor of nodes runs for {place}") from error
            raise StartError(str(error)) from error

    async def _serve_operator(self, nursery: trio.Nursery) -> None:
        operations = self._operations = HostOperations(
            self._nodes, self.folder, self._settings.drain_s, nursery
        )
        port: int = self._registry.sockets.plain[0].getsockname()[1]
        try:
            control = ControlSocket.bind(control_path(self._settings.data, port))
        except (ControlError, OSError) as error:
            log.warning("there is no control socket; SIGUSR2 upgrades", reason=str(error))
            return
        with contextlib.closing(control):
            await control.serve({DRAIN: operations.drain_asked, UPGRADE: operations.upgrade_asked})

    # ------------------------------------------------------------ starting

    async def _start(self, orphans: Sequence[int], nursery: trio.Nursery) -> None:
        """Take over nodes of an earlier supervisor, then start those that are missing."""
        for index in orphans:
            self._nodes.setdefault(index, NodeProcess(index))
        await self._take_over(orphans)
        self._registry.ensure_secret()
        await self._open_missing()
        for index in orphans:
            node = self._nodes[index]
            if index >= self._settings.nodes:
                log.warning("a node is one too many and ends", node=node.name)
                node.over = True
                node.send(signal.SIGTERM)
            nursery.start_soon(self._keep, node)
        missing = [node for index, node in self._nodes.items() if index not in orphans]
        if missing and not orphans:
            await self._start_first(missing[0])
        for node in missing:
            nursery.start_soon(self._keep, node)

    async def _take_over(self, orphans: Sequence[int]) -> None:
        if not orphans:
            return
        with trio.move_on_after(TAKEOVER_DEADLINE_S):
            for index in orphans:
                await self._nodes[index].registered.wait()
            log.info("took over the nodes of an earlier supervisor", nodes=len(orphans))
            return
        raise StartError("nodes of an earlier supervisor answer, but do not register; end them")

    async def _open_missing(self) -> None:
        settings, sockets = self._settings, self._registry.sockets
        if settings.data is not None and sockets.lock is None:
            with contextlib.closing(DataFolder.open(settings.data)) as folder:
                folder.secret()  # made here, so that no two nodes make one
                sockets.lock = Descriptor(os.dup(folder.lock))
        if sockets.counts is None:
            sockets.counts = Descriptor(make_memory())
        if sockets.plain:
            _check_port(sockets.plain, settings.port, "port")
        else:
            sockets.plain = await listen(settings.host, settings.port, "port")
        if settings.certificate is None:
            return
        if sockets.tls:
            _check_port(sockets.tls, settings.tls_port, "tls_port")
        else:
            sockets.tls = await listen(settings.host, settings.tls_port, "tls_port")
        for index in self._nodes:
            if index not in sockets.own_tls:
                port = settings.tls_port and settings.tls_port + 1 + index
                sockets.own_tls[index] = await listen(settings.host, port, "tls_port")

    async def _start_first(self, node: NodeProcess) -> None:
        """Start one node and return when it serves: a broken game is then told only once."""
        process = await self._spawn(node)
        async with trio.open_nursery() as first:
            first.start_soon(_then_cancel, node.ready.wait, first.cancel_scope)
            first.start_soon(_then_cancel, process.wait, first.cancel_scope)
        if not node.ready.is_set():
            raise FirstNodeFailed(process.returncode or 1)

    # ------------------------------------------------------------ the life of a node

    async def _spawn(self, node: NodeProcess) -> trio.Process:
        """Start the process of a node; ``StartError`` if the system has none to give."""
        try:
            node.process = await trio.lowlevel.open_process(
                [*self._command, f"--of={self.folder.path}", f"--index={node.index}"],
                stdin=subprocess.DEVNULL,
                # Another session, so that Ctrl-C reaches only this process, which ends the nodes.
                start_new_session=True,
            )
        except OSError as error:
            raise StartError(f"{node.name} cannot be started: {error.strerror}") from error
        node.pid = node.process.pid
        return node.process

    async def _keep(self, node: NodeProcess) -> None:
        """Start a node whenever it has no process, until it crashes too often or all is over."""
        while not self._stopping:
            begun_s = trio.current_time()
            code: int | str | None
            try:
                if node.pid is None:
                    await self._spawn(node)
                code = await node.wait()
            except StartError as error:
                code = str(error)
            run = node.forget_process()
            if run is not None:
                await self._registry.forget_run(run)
            if self._stopping or node.over:
                return
            if node.renewing:
                node.renewing = False
                continue
            pause_s = node.restarts.pause_s(trio.current_time() - begun_s)
            if pause_s is None:
                self._give_up(node)
                return
            log.error("a node died and starts again", node=node.name, code=code, in_s=pause_s)
            await trio.sleep(pause_s)

    def _give_up(self, node: NodeProcess) -> None:
        node.over = True
        log.error(
            "a node dies again and again and is not started any more; restart the server when the "
            "cause is fixed",
            node=node.name,
            deaths=node.restarts.deaths,
        )
        if all(each.over for each in self._nodes.values()):
            self._all_crash.set()

    # ------------------------------------------------------------ signals and the end

    async def _listen(self, signals: AsyncIterator[int], nursery: trio.Nursery) -> None:
        async for number in signals:
            if number == signal.SIGHUP:
                # A node that is not ready reads its files only now, and a signal would end it.
                self._send_all(signal.SIGHUP, lambda node: node.ready.is_set())
            elif number == signal.SIGUSR2:
                nursery.start_soon(self._upgrade)
            elif not self._stopping:
                self._stopping = True
                nursery.start_soon(_then_cancel, self._end, nursery.cancel_scope)
            else:
                self._send_all(signal.SIGKILL)

    async def _upgrade(self) -> None:
        """Upgrade as SIGUSR2 asks."""
        if self._operations is None:
            log.warning("upgrade failed", reason="the nodes do not serve yet")
            return
        try:
            await self._operations.upgrade()
        except OperationFailed as failure:
            log.warning("upgrade failed", reason=str(failure))

    async def _end(self, which: Callable[[NodeProcess], bool] = lambda _: True) -> None:
        """End nodes: at first with time for their players, then at once."""
        self._stopping = True
        self._send_all(signal.SIGTERM, which)
        longest_s = self._settings.drain_s + self._settings.grace_s + KILL_AFTER_S
        with trio.move_on_after(longest_s) as patience:
            await self._wait_for(which)
        if patience.cancelled_caught:
            log.error("nodes did not end in time and are killed")
            self._send_all(signal.SIGKILL, which)
            await self._wait_for(which)

    def _send_all(
        self, number: signal.Signals, to: Callable[[NodeProcess], bool] = lambda _: True
    ) -> None:
        for node in filter(to, self._nodes.values()):
            node.send(number)

    async def _wait_for(self, which: Callable[[NodeProcess], bool]) -> None:
        for node in filter(which, self._nodes.values()):
            await node.wait()


async def _then_cancel(wait: Callable[[], Awaitable[object]], scope: trio.CancelScope) -> None:
    await wait()
    scope.cancel()


def _check_port(listeners: Sequence[socket.socket], wanted: int, setting: str) -> None:
    """Refuse to go on with listeners of an earlier supervisor that listened elsewhere."""
    used = listeners[0].getsockname()[1]
    if wanted not in (0, used) and not is_activated():
        raise StartError(
            f"nodes of an earlier supervisor still serve {setting} {used}, not {wanted}; end them, "
            "or start with their settings"
        )
