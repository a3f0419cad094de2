"""A game connection between two processes, as a value: its WebSocket, and who the peer is.

Owns the form of the value only.  ``Acceptor.adopt`` goes on with it in the other process.
"""

from __future__ import annotations

from typing import Any

import attrs

from gameserver.errors import RemoteProtocolError
from gameserver.runtime.admission.connection_limits import FrozenPeer
from gameserver.runtime.net.frozen import FrozenWebSocket


@attrs.frozen
class FrozenConnection:
    """A connection with everything that it had begun."""

    websocket: FrozenWebSocket
    peer: FrozenPeer

    def to_plain(self) -> list[Any]:
        """Return it as a list that msgpack can pack."""
        return [self.websocket.to_plain(), list(attrs.astuple(self.peer))]

    @classmethod
    def from_plain(cls, plain: Any) -> FrozenConnection:
        """Return it from ``to_plain``'s list; ``RemoteProtocolError`` if it is none."""
        match plain:
            case [
                list(websocket),
                [
                    str(name),
                    str() | None as connected_from,
                    str() | None as address,
                    str() | None as counted_as,
                    bool(is_bot),
                    bool(joined),
                    float(deadline_in_s),
                ],
            ]:
                peer = FrozenPeer(
                    name, connected_from, address, counted_as, is_bot, joined, deadline_in_s
                )
                return cls(FrozenWebSocket.from_plain(websocket), peer)
        raise RemoteProtocolError("this is no frozen connection")
