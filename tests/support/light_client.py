"""A client that costs next to nothing: it joins, answers pings, and notes the ticks of deltas.

For crowds.  It has no replica and checks nothing; ``clients`` has whole clients.
"""

from __future__ import annotations

import struct
from typing import Final

import msgpack
import trio

from gameserver.protocol.messages import Bye, Welcome, decode_from_server
from tests.support.attack_bytes import UPGRADE, hello, masked

_BINARY: Final = 0x82
_CLOSE: Final = 0x88
_PING: Final = 0x89
_PONG: Final = 0x8A
_DELTA: Final = 18


class LightClient:
    """One connection.  ``room`` is that of the welcome."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._data = bytearray()
        self.room = ""

    @classmethod
    async def join(cls, port: int, room: str, name: str = "ann") -> LightClient:
        """Connect and join; ``AssertionError`` with the reason if the server refuses."""
        client = cls(await trio.open_tcp_stream("127.0.0.1", port))
        try:
            await client._stream.send_all(UPGRADE)
            while b"\r\n\r\n" not in client._data:
                await client._receive()
            head, _, rest = client._data.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 "), bytes(head)
            client._data = bytearray(rest)
            await client._stream.send_all(masked(hello(name, room=room)))
            while not client.room:
                message = decode_from_server(await client._next_message())
                assert not isinstance(message, Bye), message
                if isinstance(message, Welcome):
                    client.room = message.room
        except BaseException:
            await trio.aclose_forcefully(client._stream)
            raise
        return client

    async def next_ticks(self, count: int) -> list[int]:
        """Return the ticks of the next deltas; fails if the connection ends before."""
        ticks: list[int] = []
        while len(ticks) < count:
            message = await self._next_message()
            if message[1] == _DELTA:
                ticks.append(_tick_of(message))
        return ticks

    async def close(self) -> None:
        """Leave, so that the seat is not held."""
        with trio.move_on_after(5, shield=True):
            try:
                await self._stream.send_all(masked((1000).to_bytes(2, "big"), _CLOSE))
                while await self._stream.receive_some():
                    pass
            except trio.BrokenResourceError:
                pass
        await trio.aclose_forcefully(self._stream)

    async def _next_message(self) -> bytes:
        while True:
            while (frame := self._take_frame()) is None:
                await self._receive()
            first, payload = frame
            if first == _BINARY:
                return payload
            if first == _PING:
                await self._stream.send_all(masked(payload, _PONG))
            assert first != _CLOSE, f"closed with {int.from_bytes(payload[:2], 'big')}"

    def _take_frame(self) -> tuple[int, bytes] | None:
        """Return the first byte and the payload of the next frame, if it is whole."""
        data = self._data
        if len(data) < 4:
            return None
        size, at = data[1], 2
        if size == 126:
            size, at = struct.unpack_from("!H", data, 2)[0], 4
        elif size == 127:
            if len(data) < 10:
                return None
            size, at = struct.unpack_from("!Q", data, 2)[0], 10
        if len(data) < at + size:
            return None
        first, payload = data[0], bytes(data[at : at + size])
        del data[: at + size]
        return first, payload

    async def _receive(self) -> None:
        data = await self._stream.receive_some()
        assert data, "the connection was lost"
        self._data += data


def _tick_of(delta: bytes) -> int:
    """Return the tick of a delta: what follows its kind."""
    unpacker = msgpack.Unpacker()
    unpacker.feed(delta[:16])
    unpacker.read_array_header()
    unpacker.unpack()
    tick: int = unpacker.unpack()
    return tick
