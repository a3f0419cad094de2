"""Routing as a session sees it: the node of a client, and how its connection gets there.

Owns the types only.  ``cluster/node_routing.py`` decides; a server that is alone has no router.
"""

from __future__ import annotations

from typing import Protocol

import attrs

from gameserver.protocol.messages import Hello
from gameserver.runtime.http.frozen_connection import FrozenConnection
from gameserver.runtime.rooms.join_request import JoinRequest


class HasFileno(Protocol):
    """An open socket."""

    def fileno(self) -> int:
        """Return its descriptor."""


@attrs.frozen(kw_only=True)
class Routed:
    """The origin of a connection: its client, or other nodes of the host.

    ``label`` is the room that was chosen for it, None for a client that has just connected.
    ``refused_by`` are the rooms that have refused the client, and ``hops`` how many nodes have
    passed it on.  ``used_token`` is the id of the sign-in token that it has used up for them.
    """

    label: str | None = None
    refused_by: tuple[str, ...] = ()
    hops: int = 0
    used_token: str | None = None


@attrs.frozen
class Here:
    """The client plays on this node, in the room ``label`` (``kind/name``)."""

    label: str


@attrs.frozen
class Elsewhere:
    """The client plays in the room ``label`` of another node of this host.

    ``index`` is the number of that node; ``secure_port`` its own port for wss, if it has one.
    """

    label: str
    index: int
    secure_port: int | None


@attrs.frozen
class Expected:
    """A client that another node has sent here, with the hello that the client sent there."""

    hello: bytes
    routed: Routed


class Router(Protocol):
    """Decides on which node of the host a client plays."""

    async def place(self, request: JoinRequest, hello: Hello, routed: Routed) -> Here | Elsewhere:
        """Return where the client plays; ``JoinRefused`` if no node can take it now."""

    def is_here(self, label: str) -> bool:
        """Whether a room plays on this node, or may be made here."""

    async def pass_on(
        self, there: Elsewhere, link: HasFileno, frozen: FrozenConnection, routed: Routed
    ) -> bool:
        """Pass a frozen connection to another node; False if this node still has it.

        After True the socket of this process must be closed, and not shut down.
        """

    async def announce(self, there: Elsewhere, expected: Expected) -> str | None:
        """Tell another node of a client that will connect there; return the ticket for it, or None.

        For connections that cannot be passed, because this node has encrypted them.
        """

    def take_expected(self, ticket: str) -> Expected | None:
        """Return the client of a ticket of ``announce``, once; None if the ticket is no such."""
