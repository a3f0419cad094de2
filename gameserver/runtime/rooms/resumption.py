"""The resume tokens of one server: which of them are valid, and for which seat.

Owns the numbers of the tokens, and counts the outcomes of those that clients showed.  Never holds a
seat and never touches a room; ``roster.py`` does, and calls this at its transitions.

A token is valid once.  The welcome that answers it brings the next one, whose number is higher.
That welcome may be lost on its way, so the number that was shown is remembered until the client is
known to have the welcome (``confirm``).  If the connection is lost before that, the shown token is
valid again.  Meanwhile it is refused on another connection.  So two connections with one token
never take the seat from each other, and a token that is replayed later is refused.

A token with a higher number than the newest one is valid too.  Only this server signs tokens, so it
issued this one in ticks that a crash has undone.
"""

from __future__ import annotations

import enum
import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Generic, Protocol, TypeVar

import attrs

from gameserver.errors import JoinRefused
from gameserver.protocol.closing import CloseCode
from gameserver.runtime.rooms.resume_tokens import ResumeToken, ResumeTokens

#: Random bytes in the id of a life.
LIFE_BYTES: Final = 9
#: How many lives that are over are remembered, to count their tokens by cause.  Overflow policy
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
    #: The token is valid, but not in the room that was asked for.
    ELSEWHERE = "elsewhere"
    UNKNOWN = "unknown"


@attrs.define(eq=False)
class ResumeState:
    """The resume tokens of one player, by number."""

    #: Names the player's life in the room, from joining to leaving.
    life: str = attrs.field(factory=lambda: secrets.token_urlsafe(LIFE_BYTES))
    #: The token that the newest welcome carries.
    newest: int = 0
    #: The token that the present connection showed, until its client is known to have that welcome.
    shown: int | None = None
    #: The newest token of the former client of a player who has signed in elsewhere.
    replaced: int = 0
    #: Whether the client is known to have any welcome at all.
    welcomed: bool = False


class Bearer(Protocol):
    """A player in a room, as far as its tokens are concerned; ``roster.Member`` is the real one."""

    @property
    def resume_state(self) -> ResumeState:
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
    """The resume tokens of all rooms; ``tokens`` signs them."""

    def __init__(self, tokens: ResumeTokens) -> None:
        self.counts: Counter[Showing] = Counter()
        self._tokens: Final = tokens
        #: Life → its player, while it is in a room.
        self._bearers: dict[str, B] = {}
        #: Called with a life and the number of its newest token, when its player has come back.
        self.on_used: Callable[[str, int], None] = lambda _life, _number: None
        #: Life → the number of its newest token, as the other nodes of a cluster know it.
        self._expected: dict[str, int] = {}
        #: Lives that are over.
        self._ended: OrderedDict[str, ResumeState] = OrderedDict()

    def __len__(self) -> int:
        """Return how many players may resume."""
        return len(self._bearers)

    def issue(self, bearer: B) -> None:
        """Give a token to a player who has just joined, or was recovered."""
        state = bearer.resume_state
        self._bearers[state.life] = bearer
        state.newest += 1
        known = self._expected.pop(state.life, 0)
        if known > state.newest:
            # Its last return was undone by a crash; that its welcome had arrived is not known.
            state.newest, state.shown = known, known - 1

    def expect(self, newest: Mapping[str, int]) -> None:
        """Note the newest tokens of lives that are about to be recovered, as others know them."""
        self._expected = dict(newest)

    def hand_on(self, bearer: B) -> None:
        """Have ``bearer`` take the place of the player who had its tokens, with the same state."""
        self._bearers[bearer.resume_state.life] = bearer

    def freeze_ended(self) -> list[tuple[str, int, int | None, int]]:
        """Return the lives that are over, the oldest first, for another process."""
        return [(s.life, s.newest, s.shown, s.replaced) for s in self._ended.values()]

    def go_on_with_ended(self, ended: Iterable[tuple[str, int, int | None, int]]) -> None:
        """Remember the lives that were over in another process."""
        for life, newest, shown, replaced in ended:
            self._ended[life] = ResumeState(life, newest, shown, replaced)

    def token_of(self, bearer: B) -> str:
        """Return the newest token of a player, for its welcome."""
        state = bearer.resume_state
        return self._tokens.sign(ResumeToken(bearer.label, state.life, state.newest))

    def find(self, text: str | None, kind: str, name: str | None) -> B | None:
        """Return the player of a token, if it is valid in the room asked for; else count it.

        ``name`` is the name of that room (None: any of ``kind``).  Raises ``JoinRefused`` with 4013
        while another connection that showed the same token may be getting its welcome, and with
        4012 after the player signed in elsewhere.
        """
        if text is None:
            return None
        token = self._tokens.read(text)
        if token is None:
            return self._refuse(Showing.UNKNOWN)
        bearer = self._bearers.get(token.life)
        if bearer is None:
            return self._refuse(self._how_ended(token))
        if (fault := self._fault(bearer, token)) is not None:
            return self._refuse(fault)
        its_kind, _, its_name = bearer.label.partition("/")
        if its_kind != kind or name not in (None, its_name):
            return self._refuse(Showing.ELSEWHERE)
        if token.number == bearer.resume_state.shown and bearer.connected:
            self.counts[Showing.BUSY] += 1
            raise JoinRefused(
                CloseCode.RESUMING, "this seat is just being resumed", retry_after_s=RETRY_AFTER_S
            )
        return bearer

    def use(self, bearer: B, text: str) -> None:
        """Use up the token by which ``bearer`` was found, and issue the next one."""
        token = self._tokens.read(text)
        assert token is not None, "it was found by this token"
        state = bearer.resume_state
        self.counts[Showing.TAKEN_OVER if bearer.connected else Showing.RESUMED] += 1
        state.shown = token.number
        state.newest = max(state.newest, token.number) + 1
        self.on_used(state.life, state.newest)

    def read(self, text: str | None) -> ResumeToken | None:
        """Return the contents of a token, whichever server signed it with one of our secrets."""
        return None if text is None else self._tokens.read(text)

    def hand_over(self, bearer: B) -> None:
        """Replace the tokens of a player who has signed in elsewhere, and plays on there."""
        state = bearer.resume_state
        state.replaced = state.newest
        state.shown = None
        state.newest += 1

    def confirm(self, bearer: B) -> None:
        """Note that the client has the newest token: the one that it showed is no longer valid."""
        bearer.resume_state.welcomed = True
        bearer.resume_state.shown = None

    def void(self, bearer: B) -> None:
        """End the tokens of a player who has left."""
        state = bearer.resume_state
        if self._bearers.pop(state.life, None) is not None:
            self._ended[state.life] = state
            if len(self._ended) > REMEMBERED:
                self._ended.popitem(last=False)

    def label_of(self, text: str | None) -> str | None:
        """Return the label of the room that a token is for; None if nobody here signed it."""
        token = None if text is None else self._tokens.read(text)
        return None if token is None else token.label

    def left_by(self, text: str | None) -> str | None:
        """Return the life of a player who has left, if this is the token that its client has."""
        token = None if text is None else self._tokens.read(text)
        state = None if token is None else self._ended.get(token.life)
        if token is None or state is None:
            return None
        newest = token.number > state.replaced and token.number in (state.newest, state.shown)
        return token.life if newest else None

    def _refuse(self, why: Showing) -> B | None:
        """Count a token that is not valid; return None."""
        self.counts[why] += 1
        if why is Showing.SIGNED_IN_ELSEWHERE:
            # This client reconnects by itself: joining afresh, it would take the seat back.
            raise JoinRefused(CloseCode.TAKEN_OVER, ELSEWHERE)
        return None

    def _fault(self, bearer: B, token: ResumeToken) -> Showing | None:
        """Return why a token of a player in a room is not valid, or None."""
        state = bearer.resume_state
        if token.number <= state.replaced:
            return Showing.SIGNED_IN_ELSEWHERE
        if token.number < state.newest and token.number != state.shown:
            return Showing.USED
        return None if bearer.may_resume else Showing.OVER

    def _how_ended(self, token: ResumeToken) -> Showing:
        """Return why a token is not valid whose player is in no room."""
        state = self._ended.get(token.life)
        if state is None:
            return Showing.UNKNOWN
        return Showing.SIGNED_IN_ELSEWHERE if token.number <= state.replaced else Showing.OVER
