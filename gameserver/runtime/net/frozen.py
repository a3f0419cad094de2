"""A WebSocket between two processes, as a value: what the other process needs beside the socket.

Owns the form of the value only; ``WebSocket.freeze`` makes it, and ``WebSocket.adopt`` goes on from
it.  The socket itself travels as a descriptor (``cluster/descriptors.py``).
"""

from __future__ import annotations

from typing import Any

import attrs

from gameserver.errors import RemoteProtocolError


@attrs.frozen(kw_only=True)
class FrozenWebSocket:
    """An open WebSocket with everything that it had begun."""

    #: The request by which it was opened, as ``Upgrade.head``, and the selected subprotocol.
    head: bytes
    subprotocol: str | None
    #: Frames of the peer that its session has not taken, from the beginning of a frame; the last
    #: one may be incomplete.
    received: bytes = b""
    #: Bytes that must go out before anything else: the rest of a frame, and whole frames.
    unsent: bytes = b""
    bytes_in: int = 0
    bytes_out: int = 0
    #: How many frames and bytes the peer may send at once; None: its bursts.
    allowances: tuple[float, float] | None = None

    def to_plain(self) -> list[Any]:
        """Return it as a list that msgpack can pack."""
        return list(attrs.astuple(self))

    @classmethod
    def from_plain(cls, plain: Any) -> FrozenWebSocket:
        """Return it from ``to_plain``'s list; ``RemoteProtocolError`` if it is none."""
        match plain:
            case [
                bytes(head),
                str() | None as subprotocol,
                bytes(received),
                bytes(unsent),
                int(bytes_in),
                int(bytes_out),
                [float(), float()] | None as allowances,
            ]:
                return cls(
                    head=head,
                    subprotocol=subprotocol,
                    received=received,
                    unsent=unsent,
                    bytes_in=bytes_in,
                    bytes_out=bytes_out,
                    allowances=None if allowances is None else (allowances[0], allowances[1]),
                )
        raise RemoteProtocolError("this is no frozen WebSocket")
