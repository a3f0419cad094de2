"""What a server has around it where it is one node of several: sockets, other nodes, a supervisor.

Owns the protocol only; ``cluster/node.py`` implements it.  A server that is alone has none.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Protocol

from gameserver.config import Settings
from gameserver.ops.metrics import ServerFigures
from gameserver.runtime.admission.connection_limits import ConnectionLimits
from gameserver.runtime.http.frozen_connection import FrozenConnection
from gameserver.runtime.http.messages import Response
from gameserver.runtime.rooms.lobby import Lobby
from gameserver.runtime.sessions.routing import Routed, Router


class NodeServer(Protocol):
    """The server of one node, as far as its surroundings use it."""

    lobby: Lobby
    settings: Settings
    connection_limits: ConnectionLimits

    @property
    def ready(self) -> bool:
        """Whether it takes connections and players."""

    def adopt(self, sock: socket.socket, frozen: FrozenConnection, routed: Routed) -> None:
        """Go on with a connection that another node has passed on, and own its socket."""

    def own_rooms(self, query: str) -> Response:
        """Answer ``/rooms`` for the rooms of this process."""

    async def gather_figures(self) -> ServerFigures:
        """Return everything that is counted; other tasks have their turn meanwhile."""


class Surroundings(Protocol):
    """The other processes of the same server, as one node sees them."""

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

    def attend(self, server: NodeServer) -> None:
        """Note the server that runs in these surroundings, before it takes connections."""
