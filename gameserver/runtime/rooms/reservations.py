"""Reserved seats: for the members of a party, and for players who move.

Owns the reservations of one server: each holds a seat number of a room until its ticket is used or
has expired.  A ticket is valid once, and only in its room.  Never chooses a room and never talks to
a client.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import Any, Final

import attrs
import trio

from gameserver.errors import JoinRefused
from gameserver.protocol.closing import CloseCode
from gameserver.runtime.rooms.room_task import RoomTask
from gameserver.seat_tickets import SeatTickets
from gameserver.tokens import Fault, TokenRefused

#: Most reserved seats of all rooms.  Overflow policy ``refuse``.
MAX_RESERVED: Final = 10_000
#: The longest reservation: a reserved seat is empty meanwhile.
MAX_VALID_S: Final = 600.0
#: Remembered moves, for clients whose connection was lost before they heard of theirs.
MAX_REMEMBERED: Final = 1024
ID_BYTES: Final = 12


@attrs.frozen(eq=False)
class Reserved:
    """A reserved seat.

    ``identity``, ``options`` and ``moved_from`` (a room) are set for a player who moves.  The
    members of a party bring their own identity and options.
    """

    task: RoomTask
    number: int
    identity: str | None
    options: Any
    moved_from: str | None
    expiry: trio.CancelScope


class Reservations:
    """The reserved seats of one server; their waits run in the nursery given to ``start``."""

    def __init__(self) -> None:
        # Only this process knows the reservations; other nodes of its host read whose they are.
        self._tickets = SeatTickets([secrets.token_urlsafe(32)])
        self._open: dict[str, Reserved] = {}
        self._nursery: trio.Nursery | None = None
        #: The player's life in its former room → the new room, and the ticket for the seat there.
        self._moved: OrderedDict[str, tuple[str, str]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many seats are reserved."""
        return len(self._open)

    def share(self, secret: str) -> None:
        """Sign tickets so that the other nodes of the host can tell their rooms; comes first."""
        self._tickets = SeatTickets([secret])

    def room_of(self, ticket: str) -> str | None:
        """Return the room of a ticket that any node of the host gave out, or None."""
        try:
            return self._tickets.verify(ticket).room
        except TokenRefused:
            return None

    def start(self, nursery: trio.Nursery) -> None:
        """Let reservations expire, in ``nursery``, from now on."""
        self._nursery = nursery

    def check_limit(self, count: int) -> None:
        """Raise ``JoinRefused`` (4005) unless so many more seats may be reserved."""
        if len(self._open) + count > MAX_RESERVED:
            raise JoinRefused(CloseCode.ROOM_FULL, "too many seats are reserved right now")

    def reserve(
        self,
        task: RoomTask,
        valid_s: float,
        *,
        identity: str | None = None,
        options: Any = None,
        moved_from: str | None = None,
    ) -> str:
        """Reserve a seat in a room that has a free one, and return the ticket for it.

        ``check_limit`` must have been called.
        """
        assert self._nursery is not None, "start comes first"
        reservation = secrets.token_urlsafe(ID_BYTES)
        number = task.roster.reserve(None)
        reserved = Reserved(task, number, identity, options, moved_from, trio.CancelScope())
        self._open[reservation] = reserved
        self._nursery.start_soon(self._expire, reservation, reserved, valid_s)
        return self._tickets.issue(reservation, task.label, valid_s)

    def claim(self, ticket: str, kind: str, name: str | None) -> Reserved:
        """Use up a ticket for the room asked for; its seat must be released after the join.

        ``TokenRefused`` for a ticket that is forged, expired, used, or of another room.
        """
        read = self._tickets.verify(ticket)
        its_kind, _, its_name = read.room.partition("/")
        if its_kind != kind or name not in (None, its_name):
            raise TokenRefused(Fault.FORGED, f"the ticket is for {read.room}")
        reserved = self._open.pop(read.reservation, None)
        if reserved is None:
            raise TokenRefused(Fault.USED, "the ticket was used before")
        reserved.expiry.cancel()
        return reserved

    def find(self, ticket: str | None) -> Reserved | None:
        """Return the seat of a ticket without using it up, or None if the ticket is not valid."""
        if ticket is None:
            return None
        try:
            return self._open.get(self._tickets.verify(ticket).reservation)
        except TokenRefused:
            return None

    async def _expire(self, reservation: str, reserved: Reserved, valid_s: float) -> None:
        with reserved.expiry:
            await trio.sleep(valid_s)
            if self._open.pop(reservation, None) is not None:
                reserved.task.roster.release(reserved.number)

    # ------------------------------------------------------------ remembered moves

    def remember_move(self, life: str, room: str, ticket: str) -> None:
        """Remember the move of a player, by its life (``ResumeState``) in the room that it left."""
        self._moved[life] = room, ticket
        if len(self._moved) > MAX_REMEMBERED:
            self._moved.popitem(last=False)

    def find_move(self, life: str | None) -> tuple[str, str] | None:
        """Return room and ticket for a player who has moved, and is still expected."""
        if life is None or (moved := self._moved.pop(life, None)) is None:
            return None
        try:
            expected = self._tickets.verify(moved[1]).reservation in self._open
        except TokenRefused:
            expected = False
        if expected:
            self._moved[life] = moved  # this answer may be lost, too
        return moved if expected else None
