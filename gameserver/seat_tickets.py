"""Seat tickets: signed texts, each of which stands for one reserved seat, until it expires.

Owns signing and verifying, with itsdangerous.  A ticket names its reservation, the room, and the
time when it expires; all else about the reservation stays at the server.  Never knows whether it
was used; ``runtime/rooms/reservations.py`` does.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs
from itsdangerous import BadData, URLSafeSerializer

from gameserver.tokens import Fault, TokenRefused

#: Separates these signatures from those of any other use of the same secret.
_SALT: Final = "gameserver.seat-ticket.v1"


@attrs.frozen
class SeatTicket:
    """The content of a valid ticket; ``expires_s`` is in seconds since the epoch."""

    reservation: str
    room: str
    expires_s: float


class SeatTickets:
    """Issues and verifies seat tickets.  The first of ``secrets`` signs, and all verify."""

    def __init__(self, secrets: Sequence[str], clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._serializer: URLSafeSerializer = URLSafeSerializer(
            list(reversed(secrets)),  # itsdangerous signs with the last
            salt=_SALT,
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    def issue(self, reservation: str, room: str, valid_s: float) -> str:
        """Return the ticket of a reservation in the room ``kind/name``."""
        ticket = self._serializer.dumps([reservation, room, self._clock() + valid_s])
        return ticket if isinstance(ticket, str) else ticket.decode()

    def verify(self, ticket: str) -> SeatTicket:
        """Return the content of ``ticket``; ``TokenRefused`` if it is not valid."""
        try:
            read = _checked(self._serializer.loads(ticket))
        except (BadData, ValueError):
            raise TokenRefused(Fault.FORGED, "the ticket is not one of ours") from None
        if self._clock() > read.expires_s:
            raise TokenRefused(Fault.EXPIRED, "the ticket has expired")
        return read


def _checked(payload: Any) -> SeatTicket:
    if not (isinstance(payload, list) and len(payload) == 3):
        raise ValueError("not of this form")
    reservation, room, expires_s = payload
    fits = isinstance(reservation, str) and isinstance(room, str)
    if not (fits and isinstance(expires_s, (int, float))):
        raise ValueError("not of this form")
    return SeatTicket(reservation, room, expires_s)
