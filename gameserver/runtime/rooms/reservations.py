"""Reserved seats: for the members of a party, and for players who move.

Owns the reservations of one server: each holds a seat number of a room until its ticket is used or
has expired.  A ticket is valid once, and only in its room.  Never chooses a room and never talks to
a client.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
import trio

from gameserver.errors import JoinRefused
from gameserver.protocol.closing import CloseCode
from gameserver.runtime.rooms.room_task import RoomTask
from gameserver.seat_tickets import SeatTickets
from gameserver.simulation.matchable import options_named, options_of
from gameserver.tokens import Fault, TokenRefused

#: Most reserved seats of all rooms.  Overflow policy ``refuse``.
MAX_RESERVED: Final = 10_000
#: Remembered moves, for clients whose connection was lost before they heard of theirs.
MAX_REMEMBERED: Final = 1024
ID_BYTES: Final = 12


@attrs.frozen(eq=False)
class Reserved:
    """A reserved seat.

    ``identity``, ``options`` and ``moved_from`` (a room) are set for a player who moves.  For the
    members of a party, a back end may have set ``identity`` and ``options``; otherwise they bring
    their own.
    """

    task: RoomTask
    number: int
    identity: str | None
    options: Any
    moved_from: str | None
    expiry: trio.CancelScope
    #: When the reservation expires, by Trio's clock.
    until_s: float

    @property
    def has_options(self) -> bool:
        """Whether the seat has options already, so that those of the client do not count."""
        return self.options is not None or self.moved_from is not None


class Reservations:
    """The reserved seats of one server; their waits run in the nursery given to ``start``."""

    def __init__(self) -> None:
        # Only this process knows the reservations; other nodes of its host read whose they are.
        self._secret = secrets.token_urlsafe(32)
        self._tickets = SeatTickets([self._secret])
        self._open: dict[str, Reserved] = {}
        #: Those whose clients are just joining.
        self._claimed: dict[str, Reserved] = {}
        self._nursery: trio.Nursery | None = None
        #: The player's life in its former room → the new room, the ticket for the seat there, and
        #: whether another node of the host has it.
        self._moved: OrderedDict[str, tuple[str, str, bool]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many seats are reserved."""
        return len(self._open)

    def share(self, secret: str) -> None:
        """Sign tickets so that other nodes of the host can read their rooms; call this first."""
        self._secret = secret
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
        """Raise ``JoinRefused`` (4005) unless this many more seats may be reserved."""
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
        reservation = secrets.token_urlsafe(ID_BYTES)
        number = task.roster.reserve(None)
        until_s = trio.current_time() + valid_s
        self._add(
            reservation,
            Reserved(task, number, identity, options, moved_from, trio.CancelScope(), until_s),
        )
        return self._tickets.issue(reservation, task.label, valid_s)

    def _add(self, reservation: str, reserved: Reserved) -> None:
        assert self._nursery is not None, "start comes first"
        self._open[reservation] = reserved
        self._nursery.start_soon(self._expire, reservation, reserved)

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
        self._claimed[read.reservation] = reserved
        return reserved

    def claim_over(self, reserved: Reserved) -> None:
        """Note that the client of a claimed seat has joined, or given up."""
        for reservation, claimed in list(self._claimed.items()):
            if claimed is reserved:
                del self._claimed[reservation]

    def find(self, ticket: str | None) -> Reserved | None:
        """Return the seat of a ticket without using it up, or None if the ticket is not valid."""
        if ticket is None:
            return None
        try:
            return self._open.get(self._tickets.verify(ticket).reservation)
        except TokenRefused:
            return None

    async def _expire(self, reservation: str, reserved: Reserved) -> None:
        with reserved.expiry:
            await trio.sleep_until(reserved.until_s)
            if self._open.pop(reservation, None) is not None:
                reserved.task.roster.release(reserved.number)

    # ------------------------------------------------------------ from process to process

    def freeze(self, now_s: float) -> list[Any]:
        """Return the reservations as plain values; a client that is joining will join again."""
        rows = [
            [
                reservation,
                one.task.label,
                one.number,
                one.identity,
                None if one.options is None else options_named(type(one.task.room), one.options),
                one.moved_from,
                one.until_s - now_s,
            ]
            for reservation, one in (*self._open.items(), *self._claimed.items())
        ]
        return [self._secret, rows, [[life, *moved] for life, moved in self._moved.items()]]

    def go_on(self, frozen: Sequence[Any], tasks: Mapping[str, RoomTask], began_s: float) -> None:
        """Continue the reservations that another process froze at ``began_s``."""
        self._secret, rows, moves = frozen
        self._tickets = SeatTickets([self._secret])
        for reservation, label, number, identity, options, moved_from, until_in_s in rows:
            task = tasks[label]
            task.roster.take(number)
            read = None if options is None else options_of(type(task.room), options)
            self._add(
                reservation,
                Reserved(
                    task,
                    number,
                    identity,
                    read,
                    moved_from,
                    trio.CancelScope(),
                    began_s + until_in_s,
                ),
            )
        for life, room, ticket, elsewhere in moves:
            self.remember_move(life, room, ticket, elsewhere=elsewhere)

    def forget(self, task: RoomTask) -> None:
        """Forget the reserved seats of a room that another process has."""
        for reservation, reserved in list(self._open.items()):
            if reserved.task is task:
                reserved.expiry.cancel()
                del self._open[reservation]

    # ------------------------------------------------------------ remembered moves

    def remember_move(self, life: str, room: str, ticket: str, *, elsewhere: bool = False) -> None:
        """Remember the move of a player, by its life (``ResumeState``) in the room that it left.

        ``elsewhere``: another node of the host has reserved the seat.
        """
        self._moved[life] = room, ticket, elsewhere
        if len(self._moved) > MAX_REMEMBERED:
            self._moved.popitem(last=False)

    def find_move(self, life: str | None) -> tuple[str, str] | None:
        """Return room and ticket for a player who has moved, and is still expected."""
        if life is None or (moved := self._moved.pop(life, None)) is None:
            return None
        room, ticket, elsewhere = moved
        try:
            expected = self._tickets.verify(ticket).reservation in self._open or elsewhere
        except TokenRefused:
            expected = False
        if expected:
            self._moved[life] = moved  # this answer may be lost, too
        return (room, ticket) if expected else None
