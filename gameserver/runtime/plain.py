"""Two endpoints for WebSocket clients that do not speak the game's protocol.

Owns ``/echo`` (every message comes back unchanged) and ``/chat`` (every text goes to everyone in
the chat).  Both answer the text ``__ping__`` with ``__pong__``.  Never knows a game, and no client
ever waits for another one.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import attrs
import trio

from gameserver.protocol.closing import CloseCode
from gameserver.runtime.http.endpoint import Endpoint

if TYPE_CHECKING:
    from gameserver.runtime.admission.connection_limits import Peer
    from gameserver.runtime.net.websocket import WebSocket

ECHO_MESSAGE_BYTES = 64 * 1024
CHAT_MESSAGE_BYTES = 4 * 1024
#: How many texts wait for one slow reader.  Overflow policy ``drop-oldest``: the oldest is dropped
#: and counted, and the reader is told how many it missed.
CHAT_QUEUE_MESSAGES = 64

#: A client whose machine has vanished is noticed after the sum of these two.
PING_EVERY_S = 20.0
PONG_TIMEOUT_S = 20.0


def plain_endpoints() -> dict[str, Endpoint]:
    """Return ``/echo`` and ``/chat`` for an acceptor; the chat lives as long as they do."""
    return {
        "/echo": Endpoint(handler=echo, max_message_bytes=ECHO_MESSAGE_BYTES),
        "/chat": Endpoint(handler=Chat().join, max_message_bytes=CHAT_MESSAGE_BYTES),
    }


async def echo(ws: WebSocket, peer: Peer) -> None:  # noqa: ARG001
    """Send back every message until the client leaves."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_keep_alive, ws)
        while True:
            message = await ws.receive()
            await ws.send("__pong__" if message == "__ping__" else message)


async def _keep_alive(ws: WebSocket) -> None:
    """Ping the client, and drop it if a pong does not come in time."""
    while True:
        await trio.sleep(PING_EVERY_S)
        with trio.move_on_after(PONG_TIMEOUT_S) as patience:
            await ws.ping()
        if patience.cancelled_caught:
            ws.drop()
            return


@attrs.define(eq=False)
class _Member:
    """One client of the chat, and the texts that wait for it."""

    waiting: deque[str] = attrs.field(factory=deque)
    arrived: trio.Event = attrs.field(factory=trio.Event)
    #: Texts dropped since the client was last told.
    untold: int = 0


class Chat:
    """A chat; ``join`` is the handler of its endpoint.

    ``dropped`` counts the texts that slow readers have missed.
    """

    def __init__(self, *, queue_messages: int = CHAT_QUEUE_MESSAGES) -> None:
        self._queue_messages = queue_messages
        self._members: set[_Member] = set()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._members)

    async def join(self, ws: WebSocket, peer: Peer) -> None:  # noqa: ARG002
        """Take part until the client leaves or sends bytes (close 1003)."""
        member = _Member()
        self._members.add(member)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, ws, member)
                nursery.start_soon(_keep_alive, ws)
                await self._read(ws, member)
                await ws.close(CloseCode.UNSUPPORTED_DATA, "only text is spoken here")
                nursery.cancel_scope.cancel()
        finally:
            self._members.discard(member)

    async def _read(self, ws: WebSocket, member: _Member) -> None:
        """Pass on texts until bytes arrive."""
        while isinstance(message := await ws.receive(), str):
            if message == "__ping__":
                self._put(member, "__pong__")
            else:
                for each in self._members:
                    self._put(each, message)

    def _put(self, member: _Member, text: str) -> None:
        if len(member.waiting) >= self._queue_messages:
            member.waiting.popleft()
            member.untold += 1
            self.dropped += 1
        member.waiting.append(text)
        member.arrived.set()

    async def _write(self, ws: WebSocket, member: _Member) -> None:
        while True:
            await member.arrived.wait()
            member.arrived = trio.Event()
            while member.waiting:
                if member.untold:
                    untold, member.untold = member.untold, 0
                    await ws.send(f"[{untold} earlier messages were dropped here]")
                await ws.send(member.waiting.popleft())
