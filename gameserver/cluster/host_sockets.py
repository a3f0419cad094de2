"""The descriptors that all processes of one server share, each with a copy of its own.

Owns their form in a message, and closing them.  Whichever process is left can hand all of them to a
new supervisor: the ports stay open, and the data folder stays locked.

All nodes accept from the same listening sockets, not from one each (``SO_REUSEPORT``): the kernel's
queue of connections belongs to the socket, so a node that dies takes no queued connection along,
and a busy node takes fewer of them than an idle one.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from typing import Any, Final

import attrs

from gameserver.cluster.descriptors import ChannelError, HasFileno, Received

_PLAIN: Final = "port"
_TLS: Final = "tls_port"
#: The TLS port of one node, by its index.
_OWN_TLS: Final = "own_tls_port"
_LOCK: Final = "lock"
_COUNTS: Final = "counts"


@attrs.define(eq=False)
class Descriptor:
    """An open file that is no socket."""

    descriptor: int

    def fileno(self) -> int:
        """Return the descriptor."""
        return self.descriptor


@attrs.define(eq=False)
class HostSockets:
    """Listening sockets (several where a host name has several addresses), and two files."""

    plain: list[socket.socket] = attrs.field(factory=list)
    tls: list[socket.socket] = attrs.field(factory=list)
    #: Node index → the sockets of its own TLS port, which ``moved`` names.
    own_tls: dict[int, list[socket.socket]] = attrs.field(factory=dict)
    #: The lock of the data folder: it is held while any process has this descriptor open.
    lock: Descriptor | None = None
    #: The memory of ``shared_counts.py``.
    counts: Descriptor | None = None

    def _roles(self) -> Iterator[tuple[str, int, HasFileno]]:
        yield from ((_PLAIN, 0, sock) for sock in self.plain)
        yield from ((_TLS, 0, sock) for sock in self.tls)
        for index, socks in self.own_tls.items():
            yield from ((_OWN_TLS, index, sock) for sock in socks)
        if self.lock is not None:
            yield _LOCK, 0, self.lock
        if self.counts is not None:
            yield _COUNTS, 0, self.counts

    def to_message(self) -> tuple[list[Any], list[HasFileno]]:
        """Return a part of a body, and the descriptors for it."""
        roles = list(self._roles())
        return [[role, index] for role, index, _ in roles], [each for *_, each in roles]

    @classmethod
    def take(cls, roles: Sequence[Any], received: Received) -> HostSockets:
        """Take the descriptors of a message; ``ChannelError`` if they are not what it says."""
        sockets = cls()
        try:
            for each in roles:
                sockets._take_one(each, received)
        except ChannelError:
            sockets.close()
            raise
        return sockets

    def _take_one(self, role: Any, received: Received) -> None:
        match role:
            case ["port", _]:
                self.plain.append(received.take_socket())
            case ["tls_port", _]:
                self.tls.append(received.take_socket())
            case ["own_tls_port", int(index)]:
                self.own_tls.setdefault(index, []).append(received.take_socket())
            case ["lock", _]:
                self.lock = Descriptor(received.take())
            case ["counts", _]:
                self.counts = Descriptor(received.take())
            case _:
                raise ChannelError("a process of this host has sockets of an unknown kind")

    def for_node(self, index: int) -> HostSockets:
        """Return the same sockets without the TLS ports of other nodes."""
        own = {index: self.own_tls[index]} if index in self.own_tls else {}
        return attrs.evolve(self, own_tls=own)

    def adopt(self, other: HostSockets) -> None:
        """Keep from ``other`` what is missing here, and close the rest of it."""
        for name in ("plain", "tls"):
            if not getattr(self, name):
                setattr(self, name, getattr(other, name))
                setattr(other, name, [])
        for index in [index for index in other.own_tls if index not in self.own_tls]:
            self.own_tls[index] = other.own_tls.pop(index)
        for name in ("lock", "counts"):
            if getattr(self, name) is None:
                setattr(self, name, getattr(other, name))
                setattr(other, name, None)
        other.close()

    def close(self) -> None:
        """Close this process' copies."""
        for sock in (
            *self.plain,
            *self.tls,
            *(s for socks in self.own_tls.values() for s in socks),
        ):
            sock.close()
        for file in (self.lock, self.counts):
            if file is not None:
                os.close(file.descriptor)
        self.plain, self.tls, self.own_tls, self.lock, self.counts = [], [], {}, None, None
