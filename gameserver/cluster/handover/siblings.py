"""One room of a node on its way to another node of the same host.

Owns both halves.  It is the handover of an upgrade (``giving.py``, ``arrival.py``) with two
differences: both nodes serve other rooms meanwhile, so neither is killed where a step fails, and
the claim in the directory passes to the other node right before "go".

A room plays on where it was, whatever fails before "taken": the giving node closes its end for
reading, and from then on "taken" cannot be sent.  The kernel decides which of the two came first.
"""

from __future__ import annotations

import contextlib
import socket
from typing import Final, Protocol

import structlog
import trio
from typing_extensions import override

from gameserver.cluster.descriptors import ChannelError, DescriptorChannel
from gameserver.cluster.handover.arrival import Arrival, Taken
from gameserver.cluster.handover.frozen_server import Freezing
from gameserver.cluster.handover.giving import FLUSH_DEADLINE_S, REHEARSE_DEADLINE_S, Giving
from gameserver.cluster.handover.messages import MAX_BODY_BYTES, HandoverFailed
from gameserver.errors import GameServerError
from gameserver.runtime.server import Server

log = structlog.get_logger(__name__)


class Claims(Protocol):
    """The claims of the giving node, for the room that goes."""

    async def pass_on(self, label: str) -> int:
        """Pass the claim to the other node, and return its fence; ``HandoverFailed`` if not."""

    async def take_back(self, label: str) -> None:
        """Take the claim back, if it was passed on."""


class Sibling:
    """The node that takes a room, as the giving node uses it: a ``Successor`` that lives on."""

    def __init__(self, sock: socket.socket) -> None:
        self.channel: Final = DescriptorChannel(sock, max_body_bytes=MAX_BODY_BYTES)

    async def cut_off(self) -> None:
        """Keep the other node from sending more; what it has sent can still be received."""
        self.channel.refuse_more()


class RoomGiving(Giving):
    """The handover of the room ``label`` to another node.

    ``secure_port`` is the port of that node over TLS, if it has one.
    """

    def __init__(
        self,
        server: Server,
        sibling: Sibling,
        label: str,
        claims: Claims,
        secure_port: int | None,
    ) -> None:
        super().__init__(server, sibling, Freezing(server, [label]))
        self._label: Final = label
        self._claims: Final = claims
        self._secure_port = secure_port

    @override
    async def _begin(self) -> None:
        await self._hear_ready([self._label])

    @override
    async def _settle(self) -> None:
        opened = self._server.lobby.find_room(self._label)
        with trio.move_on_after(REHEARSE_DEADLINE_S):
            if opened is not None:
                await opened.task.ready.wait()
        await self._flush(FLUSH_DEADLINE_S)
        opened = self._server.lobby.find_room(self._label)
        if opened is None or not opened.task.has_begun:
            raise HandoverFailed(f"{self._label} has ended, or has not started in time")

    @override
    async def _pass_claims(self) -> dict[str, int]:
        return {self._label: await self._claims.pass_on(self._label)}

    @override
    async def _take_claims_back(self) -> None:
        await self._claims.take_back(self._label)


async def take_room(server: Server, sock: socket.socket) -> Taken | None:
    """Take the room that another node gives over ``sock``; None if that node plays on with it.

    The caller goes on with what was taken at once.
    """
    channel = DescriptorChannel(sock, max_body_bytes=MAX_BODY_BYTES)
    with contextlib.closing(channel), contextlib.closing(Arrival(channel, same_owner=False)) as a:
        try:
            return await a.take(server)
        except ChannelError as error:
            log.info("another node keeps its room", why=str(error))
        except GameServerError as error:
            log.warning("a room of another node cannot go on here", why=str(error))
            with contextlib.suppress(ChannelError):
                await channel.send(["failed", str(error).splitlines()[0]])
    return None
