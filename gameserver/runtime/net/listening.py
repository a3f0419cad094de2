"""Listening sockets, and the kernel's buffers of the connections that they accept.

Owns which options those sockets get.  Never accepts a connection: ``acceptor.py`` does.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from typing import Final

import trio

from gameserver.errors import GameServerError
from gameserver.runtime.net.activation import WrongSocket, take_activated

#: The most that the kernel may hold of a connection that we have not read.  Otherwise Linux grows
#: this buffer to megabytes for each fast sender (``tcp_rmem``).  Over a round trip of 300 ms it
#: still admits 160 KB a second, more than a player may send.
RECEIVE_BUFFER_BYTES: Final = 48 * 1024

#: The most that the kernel may hold of what a peer has not acknowledged.  Otherwise Linux grows
#: this buffer to megabytes too (``tcp_wmem``) for a peer with a large window that acknowledges
#: nothing.  Over a round trip of 300 ms it still lets 400 KB a second out.
SEND_BUFFER_BYTES: Final = 128 * 1024

#: The most of it that the kernel may hold unsent.  Without this limit a slow client's deltas are
#: seconds old before a post is ever refused.
NOT_SENT_LOW_WATER_BYTES: Final = 16 * 1024


class StartError(GameServerError):
    """The server cannot start; the text is one line for the operator."""


async def listen(host: str, port: int, setting: str) -> list[socket.socket]:
    """Return listening sockets; ``StartError`` names the ``setting`` of the port if it is taken.

    Sockets that the service manager has passed on for this setting take the place of new ones.
    """
    try:
        if activated := take_activated(setting):
            return [_set_up_listener(listener) for listener in activated]
    except WrongSocket as error:
        raise StartError(f"socket activation: {error}") from error
    try:
        return await open_listeners(host, port)
    except OSError as error:
        reason = str(error)
        if _is_in_use(error):
            flag = f"--{setting.replace('_', '-')}"
            reason = f"the port is in use; choose another with {flag}, or 0 for any free one"
        raise StartError(f"cannot listen on {host} port {port}: {reason}") from error


def _is_in_use(error: BaseException | None) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(map(_is_in_use, error.exceptions))
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return True
    return error is not None and _is_in_use(error.__cause__)


async def open_listeners(
    host: str | None, port: int, *, backlog: int = 1024
) -> list[socket.socket]:
    """Return listening TCP sockets for ``host`` (a name or an address; None: every interface).

    Raises ``OSError`` if the port is taken or the host is not this machine's.
    """
    opened = await trio.open_tcp_listeners(port, host=host, backlog=backlog)
    return [_set_up_listener(socket.socket(fileno=each.socket.detach())) for each in opened]


def _set_up_listener(listener: socket.socket) -> socket.socket:
    listener.settimeout(0)
    # Accepted sockets inherit both, from the first segment on.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    return listener


def set_up_accepted(sock: socket.socket) -> None:
    """Make an accepted socket non-blocking, and have small frames sent at once."""
    sock.settimeout(0)
    with contextlib.suppress(OSError):  # the peer is gone already, or a test has no TCP
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, NOT_SENT_LOW_WATER_BYTES)
