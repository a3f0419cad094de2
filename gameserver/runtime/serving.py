"""Serving as a program does: from the trial of the rooms to the signal that ends it.

Owns what is opened around a server and in which order, and what each signal does.  Never touches
a connection or a room.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

import structlog
import trio

from gameserver import accelerated
from gameserver.cluster.directory.contract import Directory
from gameserver.config import Settings
from gameserver.errors import GameServerError
from gameserver.room import Room
from gameserver.runtime.data_folder import lock_data
from gameserver.runtime.membership.joining import check_others, make_membership, open_directory
from gameserver.runtime.open_files import within_open_files
from gameserver.runtime.reloading import ask_again, reload_when_asked
from gameserver.runtime.server import Server
from gameserver.runtime.succession import Predecessor, Succession
from gameserver.runtime.surroundings import Surroundings
from gameserver.trial import TrialFailed, try_room

log = structlog.get_logger(__name__)

ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextlib.asynccontextmanager
async def open_server(
    kinds: Mapping[str, type[Room]],
    settings: Settings | None = None,
    *,
    server_class: type[Server] = Server,
    directory: Directory | None = None,
) -> AsyncIterator[Server]:
    """Serve rooms of these ``kinds`` (name → class; the first is the default) in this block.

    ``directory`` takes the place of the one that the settings name.  Leaving the block stops the
    server gracefully.  ``StartError``, ``ConfigError`` or ``CertificateError`` if it cannot start.
    """
    async with open_in(
        kinds, settings or Settings(), None, server_class=server_class, directory=directory
    ) as server:
        yield server


@contextlib.asynccontextmanager
async def open_in(
    kinds: Mapping[str, type[Room]],
    settings: Settings,
    surroundings: Surroundings[Server] | None,
    *,
    server_class: type[Server] = Server,
    directory: Directory | None = None,
    predecessor: Predecessor[Server] | None = None,
) -> AsyncIterator[Server]:
    """Serve as ``open_server`` does, alone or among other nodes, or after a ``predecessor``."""
    lock = None if surroundings is None else surroundings.lock
    if predecessor is not None:
        lock = predecessor.lock
    with lock_data(within_open_files(settings), kinds, lock) as (with_data, held_lock):
        server = server_class(kinds, with_data, surroundings)
        server.data_lock = held_lock
        server.has_leases = predecessor is None
        host = None if surroundings is None else surroundings.host
        async with _running(server, directory, predecessor, host):
            yield server


@contextlib.asynccontextmanager
async def _running(
    server: Server,
    directory: Directory | None,
    predecessor: Predecessor[Server] | None,
    host: tuple[str, int] | None,
) -> AsyncIterator[None]:
    refusal: GameServerError | None = None
    async with contextlib.AsyncExitStack() as opened:
        await server.open_storage(None if predecessor is None else predecessor.owner)
        opened.push_async_callback(server.close_storage)
        if directory is None and server.settings.directory is not None:
            directory = await opened.enter_async_context(open_directory(server.settings))
        if directory is not None:
            node = None if predecessor is None else predecessor.node
            server.membership = make_membership(
                directory, server.lobby, server.settings, host=host, node=node
            )
            await check_others(server.membership)
        ports = await server.open_ports() if predecessor is None else ()
        async with trio.open_nursery() as nursery:
            try:
                if predecessor is None:
                    await server.start(ports, nursery)
                else:
                    refusal = await _taken_over(predecessor, server, nursery)
                if refusal is None:
                    yield
            finally:
                await server.stop()
                nursery.cancel_scope.cancel()
        if refusal is not None:  # raised here, where no nursery wraps it
            raise refusal


async def _taken_over(
    predecessor: Predecessor[Server], server: Server, nursery: trio.Nursery
) -> GameServerError | None:
    """Take over, or return why that is not possible."""
    try:
        await predecessor.give_to(server, nursery)
    except GameServerError as error:
        return error
    return None


async def serve(
    kinds: Mapping[str, type[Room]],
    settings: Settings | None = None,
    beside: Callable[[Server], Awaitable[None]] | None = None,
    surroundings: Surroundings[Server] | None = None,
    *,
    server_class: type[Server] = Server,
    succession: Succession[Server] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, then stop gracefully; a second signal ends all at once.

    ``surroundings`` are those of a node among others (``cluster/node.py``); by default the server
    is alone, whatever the setting ``nodes`` says.

    With the setting ``drain_s`` the first SIGTERM drains the server before it stops.
    Each room class is tried before (``gameserver.trial``): ``TrialFailed`` says what to correct.
    SIGHUP reads certificate and secrets again from their files, and never ends the server.
    ``beside`` is called with the running server, and cancelled when the stopping begins.
    With a ``succession`` the server goes on from another process, and SIGUSR2 hands it over to the
    next one; then this returns.  Without one, SIGUSR2 only leaves a line in the log.
    """
    settings = settings or Settings()
    # In a thread, where a hook of a game cannot use Trio in the name of this task.
    await trio.to_thread.run_sync(try_rooms, list(kinds.values()))
    reloading = [signal.SIGHUP] if hasattr(signal, "SIGHUP") else []  # Windows has none
    # Received in any case: by default this signal ends a process.
    upgrading = [signal.SIGUSR2] if hasattr(signal, "SIGUSR2") else []
    error: Exception | None = None
    with trio.open_signal_receiver(*ENDING_SIGNALS, *reloading, *upgrading) as signals:
        async with trio.open_nursery() as listening:
            serving = _Serving(server_class, succession)
            listening.start_soon(serving.listen, signals, reloading, upgrading)
            try:
                await serving.run(kinds, settings, beside, surroundings)
            except Exception as raised:  # noqa: BLE001 - raised again, where no nursery wraps it
                error = raised
            listening.cancel_scope.cancel()
    if error is not None:
        raise error


class _Serving:
    """A server between its start and the signal that ends it, whichever of them is under way."""

    def __init__(self, server_class: type[Server], succession: Succession[Server] | None) -> None:
        self._server_class = server_class
        self._succession = succession
        #: How long the server, once it serves, is drained before it stops, and whether it is now.
        self._drain_s = 0.0
        self._draining = trio.Event()
        #: The scope that a signal cancels: the start, and then the tasks beside the server.
        self._scope = trio.CancelScope()
        self._asking, self._asked = trio.open_memory_channel[None](1)

    async def listen(
        self, signals: AsyncIterator[int], reloading: Sequence[int], upgrading: Sequence[int]
    ) -> None:
        """Ask for a reload or an upgrade, or end the server, as signals say."""
        while (number := await anext(signals)) in (*reloading, *upgrading):
            if number in reloading:
                ask_again(self._asking)
            elif self._succession is not None:
                self._succession.ask()
            else:
                log.warning("this server cannot be upgraded in place; restart it instead")
        passed_on = self._succession is not None and self._succession.pass_on(number)
        if number == signal.SIGTERM and self._drain_s > 0 and not passed_on:
            self._draining.set()
            await anext(signals)
        for each in ENDING_SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        self._scope.cancel()

    async def run(
        self,
        kinds: Mapping[str, type[Room]],
        settings: Settings,
        beside: Callable[[Server], Awaitable[None]] | None,
        surroundings: Surroundings[Server] | None,
    ) -> None:
        """Serve until the signal."""
        with self._scope:
            async with open_in(
                kinds,
                settings,
                surroundings,
                server_class=self._server_class,
                predecessor=None if self._succession is None else self._succession.predecessor,
            ) as server:
                log.info("the hot path runs", implementation=accelerated.described())
                if settings.collecting == "young":
                    server.follow_gc_policy()
                async with trio.open_nursery() as nursery:
                    self._scope = nursery.cancel_scope
                    self._drain_s = settings.drain_s
                    nursery.start_soon(self._drain_when_asked, server)
                    if beside is not None:
                        nursery.start_soon(beside, server)
                    nursery.start_soon(reload_when_asked, self._asked, server.reload)
                    if self._succession is None:
                        await trio.sleep_forever()
                    else:
                        await self._succession.attend(server)
                        nursery.cancel_scope.cancel()

    async def _drain_when_asked(self, server: Server) -> None:
        await self._draining.wait()
        await server.drain(self._drain_s)
        self._scope.cancel()


def try_rooms(rooms: Iterable[type[Room]]) -> None:
    """Raise ``TrialFailed`` with the mistakes of all rooms."""
    lines: list[str] = []
    for room in rooms:
        if not (isinstance(room, type) and issubclass(room, Room)):
            continue  # the lobby refuses it
        try:
            try_room(room)
        except TrialFailed as failure:
            lines += failure.lines
    if lines:
        raise TrialFailed(lines)
