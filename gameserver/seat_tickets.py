"""Seat tickets: signed texts, each of which stands for one reserved seat, until it expires.

Owns issuing and verifying.  A ticket names its reservation, the room, and the
time when it expires; all else about the reservation stays at the server.  Never knows whether it
was used; ``runtime/rooms/reservations.py`` does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs

from gameserver.signing import Signing
from gameserver.tokens import Fault, TokenRefused

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
        self._signing = Signing(secrets, _SALT)

    def issue(self, reservation: str, room: str, valid_s: float) -> str:
        """Return the ticket of a reservation in the room ``kind/name``."""
        return self._signing.sign([reservation, room, self._clock() + valid_s])

    def verify(self, ticket: str) -> SeatTicket:
        """Return the content of ``ticket``; ``TokenRefused`` if it is not valid."""
        try:
            read = _checked(self._signing.read(ticket))
        except ValueError:
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
