"""A proxy that puts a link of the lab in front of any server: ``gameserver lab``.

Owns listening, connecting to the server, carrying the bytes of each connection in both directions
through the conditioner, and the counts.  Works on the bytes of TCP, so it carries ws, wss and HTTP
alike.  Never decodes them.

Waiting bytes are bounded: for each connection and direction, by the window of the profile and one
read.  Then nothing more is read, and TCP makes the sender wait; the kernel's buffers are kept
small, so that this happens soon.  Too many connections are refused (overflow policy
``refuse-newest``, counted).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import attrs
import trio

from clients.lab.pipe import RECEIVE_BYTES, Pipe
from clients.lab.profiles import Profile
from clients.nursery import open_unwrapping_nursery
from gameserver.errors import GameServerError

#: Longest time for connecting to the server; then the player's connection is reset.
CONNECT_DEADLINE_S: Final = 10.0
MAX_CONNECTIONS: Final = 1024
#: The size of the kernel's buffers.
SOCKET_BUFFER_BYTES: Final = 32 * 1024
#: ``SO_LINGER`` on and zero: closing sends a reset (POSIX, ``setsockopt``; Linux, ``socket(7)``).
_LINGER_RESETS: Final = struct.pack("ii", 1, 0)


class LabError(GameServerError):
    """The lab cannot do what it is asked to; the message is one line."""


@attrs.frozen
class Endpoint:
    """A host and a port."""

    host: str
    port: int

    @classmethod
    def from_text(cls, text: str) -> Endpoint:
        """Read ``8000`` (on this machine), ``host:8000`` or ``[::1]:8000``; ``LabError``."""
        host, _, port = text.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise LabError(f"{text!r}: an IPv6 address stands in brackets, as in [::1]:8000")
        if not (port.isascii() and port.isdecimal() and int(port) <= 65535):
            raise LabError(f"{text!r} is neither a port nor host:port")
        return cls(host or "127.0.0.1", int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@attrs.define
class LabFigures:
    """Counts since the start, except ``open`` and ``waiting_bytes``, which are present values."""

    open: int = 0
    accepted: int = 0
    #: Connections beyond ``MAX_CONNECTIONS`` at a time.
    refused: int = 0
    #: Connections for which the server could not be reached in time.
    unreachable: int = 0
    #: Connections that either side reset or broke; the other side got a reset.
    broken: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    waiting_bytes: int = 0
    #: Segments that were lost, each a stall until its retransmission.
    stalls: int = 0


class Proxy:
    """Carries connections to ``to`` over ``profile``; ``seed`` decides all random numbers."""

    def __init__(self, profile: Profile, to: Endpoint, seed: str) -> None:
        self.profile: Final = profile
        self.to: Final = to
        self._seed = seed
        self._past = LabFigures()
        self._carried: set[_Carried] = set()

    def figures(self) -> LabFigures:
        """Return the figures as of now."""
        now = attrs.evolve(self._past, open=len(self._carried))
        for carried in self._carried:
            carried.count_into(now)
            now.waiting_bytes += carried.waiting_bytes
        return now

    def cut(self) -> int:
        """Reset every connection, as a failing network does; return how many there were."""
        carried = list(self._carried)
        for each in carried:
            each.life.cancel()
        return len(carried)

    async def carry(self, client: trio.SocketStream) -> None:
        """Carry one connection to its end; reset it if cancelled."""
        self._past.accepted += 1
        carried = _Carried(self.profile, f"{self._seed}/{self._past.accepted}")
        try:
            if len(self._carried) >= MAX_CONNECTIONS:
                self._past.refused += 1
            else:
                self._carried.add(carried)
                await self._carry_on(carried, client)
        finally:
            self._carried.discard(carried)
            carried.count_into(self._past)
            if not carried.whole:
                _reset_on_close(client)
            await trio.aclose_forcefully(client)

    async def _carry_on(self, carried: _Carried, client: trio.SocketStream) -> None:
        try:
            with trio.fail_after(CONNECT_DEADLINE_S):
                server = await trio.open_tcp_stream(self.to.host, self.to.port)
        except (OSError, trio.TooSlowError):
            self._past.unreachable += 1
            return
        try:
            with carried.life:
                await carried.run(client, server)
        finally:
            if not carried.whole:
                _reset_on_close(server)
            await trio.aclose_forcefully(server)
        self._past.broken += not carried.whole


class _Carried:
    """One connection.  ``whole``: both directions have ended."""

    def __init__(self, profile: Profile, seed: str) -> None:
        up, down = profile.conditioners(seed, begin_s=trio.current_time())
        self.whole = False
        self.life: Final = trio.CancelScope()
        self._up, self._down = Pipe(up), Pipe(down)
        self._bytes_up = 0
        self._bytes_down = 0

    @property
    def waiting_bytes(self) -> int:
        """Bytes on their way."""
        return self._up.conditioner.waiting_bytes + self._down.conditioner.waiting_bytes

    def count_into(self, figures: LabFigures) -> None:
        """Add the counts of this connection."""
        figures.bytes_up += self._bytes_up
        figures.bytes_down += self._bytes_down
        figures.stalls += self._up.conditioner.stalls + self._down.conditioner.stalls

    async def run(self, client: trio.SocketStream, server: trio.SocketStream) -> None:
        """Carry until both directions have ended, or one breaks."""
        for stream in (client, server):
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_read, client, self._up)
                nursery.start_soon(_read, server, self._down)
                nursery.start_soon(self._write_up, server)
                nursery.start_soon(self._write_down, client)
            self.whole = True
        except* trio.BrokenResourceError:
            pass  # one side broke; the other one is reset

    async def _write_up(self, server: trio.SocketStream) -> None:
        while data := await self._up.receive():
            await server.send_all(data)
            self._bytes_up += len(data)
        await server.send_eof()

    async def _write_down(self, client: trio.SocketStream) -> None:
        while data := await self._down.receive():
            await client.send_all(data)
            self._bytes_down += len(data)
        await client.send_eof()


async def _read(stream: trio.SocketStream, pipe: Pipe) -> None:
    while data := await stream.receive_some(RECEIVE_BYTES):
        await pipe.send(data)
    pipe.end()


def _reset_on_close(stream: trio.SocketStream) -> None:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESETS)


@asynccontextmanager
async def open_proxy(
    profile: Profile, *, listen: Endpoint, to: Endpoint, seed: str
) -> AsyncIterator[tuple[Proxy, int]]:
    """Listen and carry until the end of the block; yield the proxy and its port.

    ``LabError`` if it cannot listen.  Connections that are open at the end are reset.
    """
    try:
        listeners = await trio.open_tcp_listeners(listen.port, host=listen.host)
    except OSError as error:
        raise LabError(f"cannot listen on {listen}: {error.strerror or error}") from error
    proxy = Proxy(profile, to, seed)
    port: int = listeners[0].socket.getsockname()[1]
    async with open_unwrapping_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, proxy.carry, listeners)
        try:
            yield proxy, port
        finally:
            nursery.cancel_scope.cancel()
