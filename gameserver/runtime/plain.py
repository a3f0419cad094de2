"""The two endpoints for WebSocket clients that know nothing of our protocol.

Owns ``/echo`` (every message comes back as it was) and ``/chat`` (every text goes to
everyone there). On both the text ``__ping__`` is answered ``__pong__``. Holds no game state and
waits for no client on another's behalf.
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
#: What waits for one slow reader; beyond it the oldest text is dropped, counted and told.
CHAT_QUEUE_MESSAGES = 64


PING_EVERY_S = 20.0
#: A client whose machine vanished is noticed after these two together.
PONG_TIMEOUT_S = 20.0


def plain_endpoints() -> dict[str, Endpoint]:
    """``/echo`` and ``/chat`` for an acceptor; the chat room lives as long as they do."""
    return {
        "/echo": Endpoint(handler=echo, max_message_bytes=ECHO_MESSAGE_BYTES),
        "/chat": Endpoint(handler=Chat().join, max_message_bytes=CHAT_MESSAGE_BYTES),
    }


async def echo(ws: WebSocket, peer: Peer) -> None:  # noqa: ARG001
    """Return every message until the client goes."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_keep_alive, ws)
        while True:
            message = await ws.receive()
            await ws.send("__pong__" if message == "__ping__" else message)


async def _keep_alive(ws: WebSocket) -> None:
    """Drop a client that does not answer a ping frame in time."""
    while True:
        await trio.sleep(PING_EVERY_S)
        with trio.move_on_after(PONG_TIMEOUT_S) as patience:
            await ws.ping()
        if patience.cancelled_caught:
            ws.drop()
            return


@attrs.define(eq=False)
class _Member:
    """One client of the chat: the texts that wait to be sent to it."""

    waiting: deque[str] = attrs.field(factory=deque)
    arrived: trio.Event = attrs.field(factory=trio.Event)
    #: Texts dropped since the client was last told.
    untold: int = 0


class Chat:
    """A room of texts; ``join`` is the handler of its endpoint.

    ``dropped`` counts the texts that slow readers missed.
    """

    def __init__(self, *, queue_messages: int = CHAT_QUEUE_MESSAGES) -> None:
        self._queue_messages = queue_messages
        self._members: set[_Member] = set()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._members)

    async def join(self, ws: WebSocket, peer: Peer) -> None:  # noqa: ARG002
        """Take part until the client goes or sends bytes (close 1003)."""
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
        """Hand on texts until bytes arrive."""
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
