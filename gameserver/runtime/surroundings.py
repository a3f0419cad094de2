"""The surroundings of a server that is one node of several: sockets, other nodes, a supervisor.

Owns the protocol only; ``cluster/node.py`` implements it.  A server that is alone has none.
"""

from __future__ import annotations

import socket
from collections.abc import Collection, Sequence
from typing import Protocol, TypeVar

from gameserver.runtime.http.messages import Response
from gameserver.runtime.sessions.routing import Router

#: ``Server``, which knows this file.
S = TypeVar("S", contravariant=True)


class Surroundings(Protocol[S]):
    """The other processes of the same server, as one node sees them."""

    @property
    def host(self) -> tuple[str, int]:
        """The name of this host, the same for all of its nodes, and the number of this node."""

    @property
    def router(self) -> Router:
        """Decides on which node a client plays."""

    @property
    def plain_listeners(self) -> Sequence[socket.socket]:
        """The sockets of the port that all nodes share."""

    @property
    def tls_listeners(self) -> Sequence[socket.socket]:
        """The sockets of the TLS port that all nodes share; empty without a certificate."""

    @property
    def own_tls_listeners(self) -> Sequence[socket.socket]:
        """The sockets of the TLS port of this node alone."""

    @property
    def lock(self) -> int | None:
        """A descriptor of the data folder's lock, which all nodes hold together."""

    async def rooms(self, query: str) -> Response:
        """Answer ``/rooms`` for all nodes."""

    async def metrics(self) -> bytes:
        """Return the metrics of all nodes."""

    async def give_rooms(self, prefer: Collection[str]) -> int:
        """Hand rooms over to other nodes of this host, and return how many; none is made here.

        The nodes with the names ``prefer`` get them before others do.
        """

    def attend(self, server: S) -> None:
        """Note the server that runs in these surroundings, before it takes connections."""
