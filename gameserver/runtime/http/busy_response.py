"""The 503 for a connection over a limit, at the cost of three system calls.

Owns that answer, which is sent before anything is read, and the sockets that stay open for a moment
so that it arrives.  Spends no task, no buffer and no TLS on them.  Never decides which connection
is refused.
"""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from typing import Final

import trio

from gameserver.runtime.admission.connection_limits import RETRY_AFTER_S

#: The answer to any request on a port without TLS.
_TEXT: Final = b"The server is busy.\n"
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
#: Sockets that stay open until their peers have read the answer.  A socket that is closed with an
#: unread request in it is reset, and its peer loses the answer.  Overflow policy ``drop-oldest``:
#: the oldest is closed, which harms only the refused peer.
MAX_LINGERING: Final = 64
LINGER_S: Final = 1.0


class BusyResponse:
    """The sockets of one acceptor that were answered with 503."""

    def __init__(self) -> None:
        self._lingering: deque[tuple[float, socket.socket]] = deque()
        self._some = trio.Event()

    def refuse(self, sock: socket.socket, *, tls: bool) -> None:
        """Answer 503 and close soon; with TLS close at once, because no answer could be read."""
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
