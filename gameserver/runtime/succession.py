"""The processes before and after a server, which have the same rooms.

Owns the protocols only; ``cluster/handover`` implements them.  A server that starts afresh has no
predecessor, and one that only a signal ends has no successor.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Protocol, TypeVar

import trio

#: ``Server``, which knows this file.
S = TypeVar("S", contravariant=True)


class Predecessor(Protocol[S]):
    """The process from which a server takes its ports, its rooms and its connections."""

    @property
    def lock(self) -> int | None:
        """A descriptor of the data folder's lock."""

    @property
    def plain_listeners(self) -> Sequence[socket.socket]:
        """The listening sockets of the port."""

    @property
    def tls_listeners(self) -> Sequence[socket.socket]:
        """The listening sockets of the TLS port; empty if there was none."""

    @property
    def owner(self) -> str | None:
        """The name by which it claims durable rooms in the storage; None if it keeps none there."""

    @property
    def node(self) -> str | None:
        """The name by which the directory knows it; None without a directory."""

    async def give_to(self, server: S, nursery: trio.Nursery) -> None:
        """Have ``server`` begin in ``nursery`` and go on with everything.

        Returns once it serves; raises a ``GameServerError`` where the predecessor serves on.
        """


class Succession(Protocol[S]):
    """Both ends of the line of processes that a server is in."""

    @property
    def predecessor(self) -> Predecessor[S] | None:
        """The process before, which has told its ports; None: the server starts afresh."""

    async def attend(self, server: S) -> None:
        """Wait for the operator's requests while ``server`` serves; return if it is handed over."""

    def pass_on(self, number: int) -> bool:
        """Pass an ending signal on to the process that has taken over; False if none has."""

    def ask(self) -> None:
        """Begin an upgrade, as a signal asks for."""
