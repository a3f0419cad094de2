"""Saying no to a connection at the cost of three system calls.

Owns the answer that one over a cap gets before anything was read of it, and the sockets that
stay open for a moment so that it arrives.  No task, no buffer and no TLS is spent on them.  Never
decides who is turned away.
"""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from typing import Final

import trio

from gameserver.runtime.admission.connection_limits import RETRY_AFTER_S

#: The answer on a port without TLS, whatever the request may be.
_TEXT: Final = b"Too many are here already.\n"
BUSY_ANSWER: Final = b"\r\n".join(
    [
        b"HTTP/1.1 503 Service Unavailable",
        b"Content-Type: text/plain; charset=utf-8",
        b"Retry-After: %d" % RETRY_AFTER_S,
        b"Content-Length: %d" % len(_TEXT),
        b"Connection: close",
        b"",
        _TEXT,
    ]
)
#: Sockets that are kept until their peers have read the answer: closed at once, with a request
#: unread in them, they would be reset and the answer lost.  Overflow policy ``drop-oldest``: the
#: oldest is closed then, which harms none but the one turned away.
MAX_LINGERING: Final = 64
LINGER_S: Final = 1.0


class BusyResponse:
    """The sockets of one acceptor whose peers were told to come later."""

    def __init__(self) -> None:
        self._lingering: deque[tuple[float, socket.socket]] = deque()
        self._some = trio.Event()

    def turn_away(self, sock: socket.socket, *, tls: bool) -> None:
        """Answer 503, and close soon; with TLS close at once, for no answer can be read."""
        if tls:
            sock.close()
            return
        with contextlib.suppress(OSError):  # gone already
            sock.settimeout(0)
            sock.send(BUSY_ANSWER)
            sock.shutdown(socket.SHUT_WR)
        self._lingering.append((trio.current_time() + LINGER_S, sock))
        if len(self._lingering) > MAX_LINGERING:
            self._lingering.popleft()[1].close()
        self._some.set()

    async def run(self) -> None:
        """Close the sockets when their time is over; until cancelled, and then all of them."""
        try:
            while True:
                await self._some.wait()
                while self._lingering:
                    await trio.sleep_until(self._lingering[0][0])
                    self._close_those_due()
                self._some = trio.Event()
        finally:
            while self._lingering:
                self._lingering.popleft()[1].close()

    def _close_those_due(self) -> None:
        now_s = trio.current_time()
        while self._lingering and self._lingering[0][0] <= now_s:
            self._lingering.popleft()[1].close()
