"""The resume tokens of one server: which of them are good, and for which seat.

Owns the tokens and the count of what became of those that clients showed.  Never holds a seat and
never touches a room; ``roster.py`` does, and calls this at its transitions.

A token is good once.  The welcome that answers it brings the next one, but that welcome may be
lost on its way.  So a ticket remembers the token that was shown until the client is known to have
the welcome (``confirm``).  If the connection is lost before that, the shown token is good again.
Meanwhile another connection that shows it gets nothing: two connections with one token never take
the seat from each other, and a token replayed later is only a wrong one.
"""

from __future__ import annotations

import enum
import secrets
from collections import Counter, OrderedDict
from typing import Final, Generic, Protocol, TypeVar

import attrs

from gameserver.errors import JoinRefused
from gameserver.protocol.closing import CloseCode

TOKEN_BYTES: Final = 18
#: How many tokens that are good no more are remembered, to count them by cause.  Overflow policy
#: ``drop-oldest``; a dropped one counts as unknown.  Few, because memory that fills up for a long
#: time looks like a leak.
REMEMBERED: Final = 1024
#: How long a second connection with the same token is told to wait for the first one's welcome.
RETRY_AFTER_S: Final = 1.0
#: The reason that the older of two connections gets, at once or when it comes back.
ELSEWHERE: Final = "signed in elsewhere"


class Showing(enum.Enum):
    """The outcome of a resume token that a client showed."""

    RESUMED = "resumed"
    #: Resumed while the older connection still looked alive.
    TAKEN_OVER = "taken_over"
    #: Another connection has just shown the same token.
    BUSY = "busy"
    #: The token was shown before, and the client has a newer one.
    USED = "used"
    #: The player has left, or was disconnected for too long.
    OVER = "over"
    #: The player signed in anew from elsewhere, and plays on there.
    SIGNED_IN_ELSEWHERE = "signed_in_elsewhere"
    #: The token is good, but not in the room that was asked for.
    ELSEWHERE = "elsewhere"
    UNKNOWN = "unknown"


@attrs.define(eq=False)
class Ticket:
    """The resume tokens of one player."""

    #: The token that the newest welcome carries.
    newest: str = ""
    #: The token that the present connection showed, until its client is known to have that welcome.
    shown: str | None = None
    #: Whether the client is known to have any welcome at all.
    welcomed: bool = False


class Bearer(Protocol):
    """A player in a room, as far as its tokens are concerned; ``roster.Member`` is the real one."""

    @property
    def ticket(self) -> Ticket:
        """The tokens of this player."""

    @property
    def label(self) -> str:
        """The label of the room (``kind/name``)."""

    @property
    def connected(self) -> bool:
        """Whether the player has a connection."""

    @property
    def may_resume(self) -> bool:
        """Whether the player has its seat, and may keep it."""


B = TypeVar("B", bound=Bearer)


class Resumption(Generic[B]):
    """The resume tokens of all rooms."""

    def __init__(self) -> None:
        self.counts: Counter[Showing] = Counter()
        self._bearers: dict[str, B] = {}
        self._ended: OrderedDict[str, Showing] = OrderedDict()

    def __len__(self) -> int:
        """Return how many tokens are good or may be again."""
        return len(self._bearers)

    def issue(self, bearer: B) -> None:
        """Give a token to a player who has just joined."""
        self._renew(bearer)

    def find(self, token: str | None, kind: str, name: str | None) -> B | None:
        """Return the player that ``token`` stands for, if it is good in the room asked for.

        ``name`` is that room's (None: any of ``kind``).  ``JoinRefused`` with 4013 while another
        connection that showed the same token may be getting its welcome; with 4012, for good, after
        the player signed in elsewhere.  Everything else is None, counted.
        """
        if token is None:
            return None
        bearer = self._bearers.get(token)
        if bearer is None or not bearer.may_resume:
            why = Showing.OVER if bearer else self._ended.get(token, Showing.UNKNOWN)
            self.counts[why] += 1
            if why is Showing.SIGNED_IN_ELSEWHERE:
                # This client reconnects by itself: joining afresh, it would take the seat back.
                raise JoinRefused(CloseCode.TAKEN_OVER, ELSEWHERE)
            return None
        its_kind, _, its_name = bearer.label.partition("/")
        if its_kind != kind or name not in (None, its_name):
            self.counts[Showing.ELSEWHERE] += 1
            return None
        if token == bearer.ticket.shown and bearer.connected:
            self.counts[Showing.BUSY] += 1
            raise JoinRefused(
                CloseCode.RESUMING, "this seat is just being resumed", retry_after_s=RETRY_AFTER_S
            )
        return bearer

    def use(self, bearer: B, token: str) -> None:
        """Use ``token`` up, by which ``bearer`` was found, and issue the next one."""
        ticket = bearer.ticket
        self.counts[Showing.TAKEN_OVER if bearer.connected else Showing.RESUMED] += 1
        for other in {ticket.newest, ticket.shown} - {None, token}:
            self._end(other, Showing.USED)
        ticket.shown = token
        self._renew(bearer)

    def hand_over(self, bearer: B) -> None:
        """Replace the tokens of a player who has signed in elsewhere, and plays on there."""
        ticket = bearer.ticket
        for token in (ticket.newest, ticket.shown):
            self._end(token, Showing.SIGNED_IN_ELSEWHERE)
        ticket.shown = None
        self._renew(bearer)

    def confirm(self, bearer: B) -> None:
        """Note that the client has the newest token: the one that it showed is good no more."""
        ticket = bearer.ticket
        ticket.welcomed = True
        if ticket.shown is not None:
            self._end(ticket.shown, Showing.USED)
            ticket.shown = None

    def void(self, bearer: B) -> None:
        """End the tokens of a player who has left."""
        for token in (bearer.ticket.newest, bearer.ticket.shown):
            self._end(token, Showing.OVER)

    def _renew(self, bearer: B) -> None:
        bearer.ticket.newest = token = secrets.token_urlsafe(TOKEN_BYTES)
        self._bearers[token] = bearer

    def _end(self, token: str | None, how: Showing) -> None:
        if token is not None and self._bearers.pop(token, None) is not None:
            self._ended[token] = how
            if len(self._ended) > REMEMBERED:
                self._ended.popitem(last=False)
