"""What is to be found behind the acceptor at a path: a handler of WebSockets, and its limits.

Owns the declaration only; ``acceptor.py`` opens the WebSocket and keeps the limits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs
import trio_websocket

from gameserver.protocol.allowance import Intake
from gameserver.protocol.fast_path import MAX_FRAGMENTS
from gameserver.runtime.admission.connection_limits import Peer
from gameserver.runtime.net.link import Link

Handler = Callable[[trio_websocket.WebSocketConnection, Link, Peer], Awaitable[None]]
"""A session: ``await handler(ws, link, peer)``; when it returns the connection is over.

By ``peer.deadline_s`` a session that wants a first message must have it. The handler closes with
``close_websocket`` if it wants a code of its own; ``ConnectionClosed`` may leave it.
"""

ORDINARY_INTAKE = Intake()


@attrs.frozen(kw_only=True)
class Endpoint:
    """What a WebSocket gets at a path: its handler and its limits.

    ``subprotocol``: the one that a client must offer; None takes any client and names none.
    ``fast path``: whether the handler may open the link's fast path in.
    """

    handler: Handler
    subprotocol: str | None = None
    max_message_bytes: int = 4096
    queue_messages: int = 4
    fast_path: bool = False
    max_fragments: int = MAX_FRAGMENTS
    """Of one message; one in more counts as a flood."""
    intake: Intake | None = ORDINARY_INTAKE
    """What a client may send; beyond it, it is closed with 4008. None: as much as it likes."""
