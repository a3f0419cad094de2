"""An honest player that costs next to nothing: of what comes it looks at tick numbers only.

Owns one connection of that kind, over Trio's own stream.  A measure of delay must not be made of
the delays of the one who measures: whole clients, fifty in a process, would be.  Whether the state
is right is for the few whole clients beside these (``honest.py``).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import msgpack
import trio

from clients.errors import ConnectionLost
from gameserver.model.schema import Schema
from gameserver.protocol.closing import CONNECTION_LOST, CloseCode
from gameserver.protocol.messages import Ack, CommandMessage, Welcome, decode_from_server
from tests.support.attack_bytes import UPGRADE, hello, masked

_BINARY: Final = 0x82
CLOSE: Final = 0x88
PING: Final = 0x89
PONG: Final = 0x8A
#: Kinds of messages (protocol README).
_WELCOME: Final = 17
_DELTA: Final = 18
_RECEIVE_BYTES: Final = 65536
_OPEN_WITHIN_S: Final = 10.0
#: ``SO_LINGER`` on and zero: closing sends a reset (Linux, ``socket(7)``).
LINGER_RESETS: Final = struct.pack("ii", 1, 0)


class LightPlayer:
    """One connection; ``on_delta`` is called with each delta's tick, as soon as it was read."""

    def __init__(self, stream: trio.SocketStream, schema: Schema) -> None:
        #: The resume token, which brings it back to its seat over another connection.
        self.resume_token = ""
        self.seat = 0
        self.stream: Final = stream
        self._schema = schema
        self._read = b""
        self._seq = 0
        self._sending = trio.Lock()

    @classmethod
    async def join(
        cls, port: int, room: str, name: str, schema: Schema, *, resume: str | None = None
    ) -> LightPlayer:
        """Connect and join, or ``resume`` with that token; ``ConnectionLost`` if that cannot be."""
        with trio.move_on_after(_OPEN_WITHIN_S):
            try:
                player = cls(await trio.open_tcp_stream("127.0.0.1", port), schema)
            except OSError as error:
                raise ConnectionLost(CONNECTION_LOST, f"cannot connect: {error}") from error
            try:
                await player._enter(hello(name, room=room, resume=resume))
            except BaseException:
                await player.leave()
                raise
            return player
        raise ConnectionLost(CONNECTION_LOST, "no welcome in time")

    async def _enter(self, message: bytes) -> None:
        await self._send(UPGRADE)
        while b"\r\n\r\n" not in self._read:
            await self._receive()
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 "):
            raise ConnectionLost(CONNECTION_LOST, head[:40].decode(errors="replace"))
        await self._send(masked(message))
        while (message := await self._next_message())[1] != _WELCOME:
            pass
        welcome = decode_from_server(message)
        assert isinstance(welcome, Welcome)
        self.resume_token = welcome.resume
        self.seat = welcome.seat

    async def read(self, on_delta: Callable[[int], None]) -> None:
        """Read until the connection ends, which raises ``ConnectionLost``."""
        while True:
            message = await self._next_message()
            if message[1] == _DELTA:
                on_delta(tick_of(message))

    async def command(self, command: Any) -> None:
        """Send ``command`` for the next free tick."""
        kind, spec = self._schema.command(type(command).__name__)
        self._seq += 1
        values = list(spec.to_wire(command))
        message = CommandMessage(self._seq, tick=0, rendered=0, acked=0, kind=kind, values=values)
        await self._send(masked(message.encode()))

    async def acknowledge(self, tick: int) -> None:
        """Acknowledge the delta of ``tick``."""
        await self._send(masked(Ack(tick).encode()))

    async def read_arrived(self) -> int:
        """Wait until something has come and return the tick of the newest delta, 0 for none."""
        newest = 0
        await self._receive()
        while (message := await self._next_arrived()) is not None:
            if message[1] == _DELTA:
                newest = tick_of(message)
        return newest

    def cut(self) -> None:
        """Reset the connection, as a failing network does."""
        self.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESETS)
        self.stream.socket.close()

    async def leave(self) -> None:
        """Send a close frame and close the socket, without waiting for an answer."""
        code = CloseCode.NORMAL.to_bytes(2, "big")
        with trio.move_on_after(1.0, shield=True), suppress(ConnectionLost):
            await self._send(masked(code, CLOSE))
        await trio.aclose_forcefully(self.stream)

    async def _next_message(self) -> bytes:
        """Return the next binary message; answer pings before it."""
        while (message := await self._next_arrived()) is None:
            await self._receive()
        return message

    async def _next_arrived(self) -> bytes | None:
        """Return the next whole binary message that has arrived, or None."""
        while (frame := first_frame(self._read)) is not None:
            first, payload, used = frame
            self._read = self._read[used:]
            if first == _BINARY:
                return payload
            if first == PING:
                await self._send(masked(payload, PONG))
            elif first == CLOSE:
                code = int.from_bytes(payload[:2], "big")
                raise ConnectionLost(code, payload[2:].decode(errors="replace"))
        return None

    async def _receive(self) -> None:
        try:
            data = await self.stream.receive_some(_RECEIVE_BYTES)
        except trio.BrokenResourceError:
            data = b""
        if not data:
            raise ConnectionLost(CONNECTION_LOST, "the connection was lost")
        self._read += data

    async def _send(self, data: bytes) -> None:
        try:
            async with self._sending:
                await self.stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise ConnectionLost(CONNECTION_LOST, "the connection was lost") from None


def first_frame(data: bytes) -> tuple[int, bytes, int] | None:
    """Return first byte, payload and length of a server's first frame; None: not whole yet."""
    if len(data) < 2:
        return None
    length, at = data[1] & 0x7F, 2
    if length > 125:
        at = 4 if length == 126 else 10
        length = int.from_bytes(data[2:at], "big")
    end = at + length
    return None if len(data) < end else (data[0], data[at:end], end)


def tick_of(delta: bytes) -> int:
    """Return the tick of a delta: what follows its kind."""
    unpacker = msgpack.Unpacker()
    unpacker.feed(delta[:16])
    unpacker.read_array_header()
    unpacker.unpack()
    tick: int = unpacker.unpack()
    return tick
