"""Who may come back to which seat: the resume tokens of one server.

Owns the tokens, which of them are good, and the count of what became of those that were shown.
Never holds a seat and never touches a room: the ``Ticket`` says where one is, and ``RoomTask``
holds it.

A token is good once.  The welcome that answers it brings the next one, but may be lost on its way;
so the ticket remembers the token that was shown until the client is known to have got that welcome
(``confirm``).  Should the connection be lost before, the old token is good again.  Meanwhile
nobody else gets anything for it, so two connections with one token never take the seat from each
other, and a token that is replayed later is only a wrong one.
"""

from __future__ import annotations

import enum
import secrets
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Final

import attrs

from gameserver.errors import JoinRefused
from gameserver.protocol.closing import CloseCode

if TYPE_CHECKING:
    from gameserver.player import Player
    from gameserver.runtime.rooms.room_task import RoomTask
    from gameserver.simulation.stepper import Seated

TOKEN_BYTES: Final = 18
#: The ends of tokens that are remembered to be counted by; overflow policy ``drop-oldest``, what
#: is dropped counts as unknown.  Few, since memory that fills up for long looks like a leak.
REMEMBERED: Final = 1024
#: For the connection that came first with a token to get its welcome.
RETRY_AFTER_S: Final = 1.0
#: What the older of two connections is told, at once or when it comes back.
ELSEWHERE: Final = "signed in elsewhere"


class Showing(enum.Enum):
    """What became of a resume token that was shown."""

    RESUMED = "resumed"
    #: Resumed while the older connection still looked alive.
    TAKEN_OVER = "taken_over"
    #: Another connection has just shown the same.
    BUSY = "busy"
    #: It was shown before, and the client has a newer one.
    USED = "used"
    #: The player has left, or was away for too long.
    OVER = "over"
    #: Its player signed in anew from elsewhere, and plays on there.
    SIGNED_IN_ELSEWHERE = "signed_in_elsewhere"
    #: It is good, but not in the room that was asked for.
    ELSEWHERE = "elsewhere"
    UNKNOWN = "unknown"


@attrs.define(eq=False)
class Ticket:
    """The right to come back to one seat."""

    task: RoomTask
    seated: Seated
    #: What the newest welcome carries.
    token: str = ""
    #: What the present connection showed, until it is known to have that welcome.
    shown: str | None = None
    #: Whether the client is known to have got any welcome at all.
    welcomed: bool = False

    @property
    def player(self) -> Player:
        """The player in that seat."""
        return self.seated.player

    @property
    def stands(self) -> bool:
        """Whether the player still has the seat, and may keep it."""
        player, task = self.player, self.task
        is_seated = task.room.players.get(player.seat) is player
        return is_seated and task.ended is None and player.kicked is None


class Resumption:
    """The resume tokens of all rooms."""

    def __init__(self) -> None:
        self.counts: Counter[Showing] = Counter()
        self._tickets: dict[str, Ticket] = {}
        self._of: dict[Player, Ticket] = {}
        self._ended: OrderedDict[str, Showing] = OrderedDict()

    def __len__(self) -> int:
        """Return how many tokens are good or may be again."""
        return len(self._tickets)

    def issue(self, task: RoomTask, seated: Seated) -> Ticket:
        """Return the ticket of a player who has just joined."""
        ticket = self._of[seated.player] = Ticket(task, seated)
        self._renew(ticket)
        return ticket

    def of(self, player: Player) -> Ticket:
        """Return the ticket of one who plays."""
        return self._of[player]

    def find(self, token: str | None, kind: str, name: str | None) -> Ticket | None:
        """Return the ticket that ``token`` stands for, if it is good in the room asked for.

        ``name`` is that room's (None: any of ``kind``).  ``JoinRefused`` (4013) while another
        connection that showed the same may be getting its welcome, or for good (4012) after the
        player signed in elsewhere.  All else is None, counted.
        """
        if token is None:
            return None
        ticket = self._tickets.get(token)
        if ticket is None or not ticket.stands:
            why = Showing.OVER if ticket else self._ended.get(token, Showing.UNKNOWN)
            self.counts[why] += 1
            if why is Showing.SIGNED_IN_ELSEWHERE:
                # Comes back by itself, and would take the seat from where its player now is.
                raise JoinRefused(CloseCode.TAKEN_OVER, ELSEWHERE)
            return None
        its_kind, _, its_name = ticket.task.label.partition("/")
        if its_kind != kind or name not in (None, its_name):
            self.counts[Showing.ELSEWHERE] += 1
            return None
        if token == ticket.shown and ticket.player.connected:
            self.counts[Showing.BUSY] += 1
            raise JoinRefused(
                CloseCode.RESUMING, "this seat is just being resumed", retry_after_s=RETRY_AFTER_S
            )
        return ticket

    def use(self, ticket: Ticket, token: str) -> None:
        """Use ``token`` up, by which ``ticket`` was found, and give the ticket its next one."""
        taken_over = ticket.player.connected
        self.counts[Showing.TAKEN_OVER if taken_over else Showing.RESUMED] += 1
        for other in {ticket.token, ticket.shown} - {None, token}:
            self._end(other, Showing.USED)
        ticket.shown = token
        self._renew(ticket)

    def hand_over(self, ticket: Ticket) -> None:
        """Give ``ticket`` another token: its player has signed in elsewhere, and goes on there."""
        for token in (ticket.token, ticket.shown):
            self._end(token, Showing.SIGNED_IN_ELSEWHERE)
        ticket.shown = None
        self._renew(ticket)

    def confirm(self, ticket: Ticket) -> None:
        """Note that the client has the newest token: the one before it is good no more."""
        ticket.welcomed = True
        if ticket.shown is not None:
            self._end(ticket.shown, Showing.USED)
            ticket.shown = None

    def void(self, ticket: Ticket) -> None:
        """Note that the player has left: nobody comes back to that seat."""
        for token in (ticket.token, ticket.shown):
            self._end(token, Showing.OVER)
        self._of.pop(ticket.player, None)

    def _renew(self, ticket: Ticket) -> None:
        ticket.token = secrets.token_urlsafe(TOKEN_BYTES)
        self._tickets[ticket.token] = ticket

    def _end(self, token: str | None, how: Showing) -> None:
        if token is not None and self._tickets.pop(token, None) is not None:
            self._ended[token] = how
            if len(self._ended) > REMEMBERED:
                self._ended.popitem(last=False)
