"""The new process' half of a handover: it starts beside the old one, loads, and takes over.

Owns the order of its steps.  It touches no socket of a client before the old process has said "go",
and says "taken" right before it does.  If the old process ends before "go", this one ends too; once
it has said "taken", it serves even if the other one fails.
"""

from __future__ import annotations

import contextlib
import gc
import os
import socket
from collections.abc import Iterator, Sequence
from typing import Final

import structlog
import trio

from gameserver.cluster.descriptors import ChannelError, DescriptorChannel
from gameserver.cluster.handover.arrival import SILENCE_DEADLINE_S, Arrival
from gameserver.cluster.handover.messages import FORMAT, HandoverFailed, expect
from gameserver.errors import GameServerError
from gameserver.runtime.server import Server

log = structlog.get_logger(__name__)


class Taking:
    """The old process at the other end of ``channel``, which has sent its listeners."""

    def __init__(
        self,
        channel: DescriptorChannel,
        plain_listeners: Sequence[socket.socket],
        tls_listeners: Sequence[socket.socket],
        lock: int | None,
        control: socket.socket | None,
        owner: str | None = None,
        node: str | None = None,
    ) -> None:
        self._channel: Final = channel
        self.plain_listeners: Final = plain_listeners
        self.tls_listeners: Final = tls_listeners
        self.lock: Final = lock
        #: The listening control socket, if there was one.
        self.control: Final = control
        self.owner: Final = owner
        self.node: Final = node

    @classmethod
    async def begin(cls, channel: DescriptorChannel) -> Taking:
        """Receive the listeners; ``HandoverFailed`` if the two versions do not fit."""
        try:
            with await channel.receive(within_s=SILENCE_DEADLINE_S) as received:
                format_, *begin = expect(received, "begin")
                if format_ != FORMAT:
                    raise HandoverFailed(
                        f"handovers have format {format_} there and {FORMAT} here: restart instead"
                    )
                plain, tls, lock, control, owner, node = begin
                return cls(
                    channel,
                    [received.take_socket() for _ in range(plain)],
                    [received.take_socket() for _ in range(tls)],
                    received.take() if lock else None,
                    received.take_socket() if control else None,
                    owner,
                    node,
                )
        except (ChannelError, ValueError) as error:
            raise HandoverFailed(f"the old process sent no listeners: {error}") from error

    async def tell_failure(self, reason: str) -> None:
        """Tell the old process in one line why this one ends."""
        try:
            await self._channel.send(["failed", reason.splitlines()[0] if reason else "unknown"])
        except ChannelError:
            log.warning("the old process does not hear why this one ends", reason=reason)
        self._channel.close()

    async def give_to(self, server: Server, nursery: trio.Nursery) -> None:
        """Have ``server`` begin and go on with everything; see ``Predecessor``."""
        try:
            await self._take(server, nursery)
        except ChannelError as error:
            self._close_listeners()
            raise HandoverFailed(f"the old process ended: {error}") from error
        except BaseException:
            self._close_listeners()
            raise
        self._channel.close()

    def _close_listeners(self) -> None:
        for listener in (*self.plain_listeners, *self.tls_listeners):
            listener.close()
        if self.control is not None:
            self.control.close()

    async def _take(self, server: Server, nursery: trio.Nursery) -> None:
        self._check_names(server)
        ports = await server.inherit_ports(self.plain_listeners, self.tls_listeners)
        server.begin(nursery)
        arrival = Arrival(self._channel, same_owner=True)
        with _uncollected(), contextlib.closing(arrival):
            taken = await arrival.take(server)
            taken.arriving.restore()
            await server.accept(ports)
            await taken.arriving.adopt(taken.sockets)
        server.join_directory()
        log.info("took over", players=server.players, rooms=len(taken.arriving.rooms))

    def _check_names(self, server: Server) -> None:
        """Raise ``HandoverFailed`` where the settings of the new process make it somebody else."""
        if self.owner != server.owner:
            raise HandoverFailed("durable rooms would be kept in another place: restart instead")
        if self.node != server.node:
            raise HandoverFailed("the directory is set anew: restart instead")


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Collect no garbage: a full collection between two ticks takes as long as some ticks."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def channel_of(descriptor: int, max_body_bytes: int) -> DescriptorChannel:
    """Return the channel whose descriptor this process was started with."""
    os.set_inheritable(descriptor, False)  # noqa: FBT003 - it takes no keywords
    return DescriptorChannel(socket.socket(fileno=descriptor), max_body_bytes=max_body_bytes)


def reason_of(error: BaseException) -> str:
    """Return one line that says why the new version cannot serve."""
    if isinstance(error, GameServerError):
        return str(error).splitlines()[0]
    return f"{type(error).__name__}: {error}".splitlines()[0]
