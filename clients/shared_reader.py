"""Reads the sockets of many clients of one program: one task instead of one per client.

Owns one epoll set (Linux) of plain sockets, each registered once.  A delta then costs a read, and
a share of one wake-up.  Where epoll is missing, and for TLS or a link of the lab, each client's own
task reads: slower, the same behaviour.
"""

from __future__ import annotations

import select
import sys
from typing import Final

import trio

from clients.client_stream import ClientStream

#: The most sockets that are read in one turn; then other tasks get a turn.
TURN: Final = 64


class SharedReader:
    """The reader of the clients that are opened with it; ``run`` must run as long as they do."""

    def __init__(self) -> None:
        self._streams: dict[int, ClientStream] = {}
        self._epoll = select.epoll() if sys.platform == "linux" else None

    def __len__(self) -> int:
        return len(self._streams)

    def add(self, stream: ClientStream) -> None:
        """Read ``stream`` from now on, if it is a plain socket."""
        descriptor = stream.descriptor
        if self._epoll is None or descriptor < 0 or stream.ended.is_set():
            return
        self._epoll.register(descriptor, select.EPOLLIN)
        self._streams[descriptor] = stream
        stream.share(self)

    def remove(self, stream: ClientStream) -> None:
        """Read ``stream`` no more; must come before its socket is closed.  Idempotent."""
        descriptor = stream.descriptor
        if self._epoll is not None and self._streams.get(descriptor) is stream:
            del self._streams[descriptor]
            self._epoll.unregister(descriptor)

    async def run(self) -> None:
        """Read what arrives, for ever."""
        if self._epoll is None:
            await trio.sleep_forever()
        assert self._epoll is not None
        try:
            while True:
                await trio.lowlevel.wait_readable(self._epoll.fileno())
                for descriptor, _ in self._epoll.poll(0, TURN):
                    stream = self._streams.get(descriptor)
                    if stream is not None:
                        stream.read_now()
        finally:
            self._epoll.close()
            self._epoll = None
