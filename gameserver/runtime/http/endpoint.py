"""An endpoint: the handler of the WebSockets at a path, and their limits.

Owns the declaration only; ``acceptor.py`` opens the WebSocket and enforces the limits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

import attrs

from gameserver.protocol.allowance import Intake
from gameserver.protocol.fast_path import MAX_FRAGMENTS
from gameserver.runtime.admission.connection_limits import Peer
from gameserver.runtime.net.websocket import WebSocket

#: A session: ``await handler(ws, peer)``; when it returns the connection is over. A session that
#: wants a first message must have it by ``peer.deadline_s``. The handler calls ``ws.close`` if it
#: wants a close code of its own; ``WebSocketClosed`` may leave it.
Handler = Callable[[WebSocket, Peer], Awaitable[None]]

ORDINARY_INTAKE = Intake()


@attrs.frozen(kw_only=True)
class Endpoint:
    """The handler of the WebSockets at a path, and their limits.

    ``subprotocol``: the one that a client must offer; None accepts any client and selects none.
    ``fast_path``: whether the handler may call ``WebSocket.on_message``.
    """

    handler: Handler
    subprotocol: str | None = None
    max_message_bytes: int = 4096
    queue_messages: int = 4
    fast_path: bool = False
    #: Of one message; a message in more fragments counts as a flood.
    max_fragments: int = MAX_FRAGMENTS
    #: The most that a client may send; one that sends more is closed with 4008. None: no limit.
    intake: Intake | None = ORDINARY_INTAKE
    #: The endpoints of former subprotocols, for clients that do not offer ``subprotocol``.
    former: tuple[Endpoint, ...] = ()

    def offered_by(self, subprotocols: Collection[str]) -> Endpoint | None:
        """Return the endpoint of a client that offers these subprotocols, or None."""
        if self.subprotocol is None or self.subprotocol in subprotocols:
            return self
        return next((each for each in self.former if each.offered_by(subprotocols)), None)
