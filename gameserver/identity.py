"""Verified identities, and the tokens that have been used.

Owns ``Verified``, the content of a valid token, and the memory that makes each token valid only
once.  Pure: times are arguments.  Never reads a token: that is ``tokens.py``.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Final

import attrs

#: How many used tokens are remembered until they expire.  Overflow policy ``refuse``: no further
#: token is accepted then, since a forgotten token could be used twice.  Joins per second times the
#: seconds for which a token is valid must stay below this.
MAX_USED_TOKENS: Final = 200_000


@attrs.frozen
class Verified:
    """An identity from a token that the server's secret signed.

    ``expires_s`` is the time at which the token expires, in seconds since the epoch.
    """

    identity: str
    token_id: str
    expires_s: float


class UsedTokens:
    """The tokens that were used, each until it expires.

    All times must come from a steady clock.  A clock that is set ahead and back would let a token
    be forgotten while it is still valid.
    """

    def __init__(self, most: int = MAX_USED_TOKENS) -> None:
        self._most = most
        self._ids: set[str] = set()
        self._by_expiry: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._ids)

    def is_full(self, now_s: float) -> bool:
        """Whether no further token can be remembered."""
        self._forget_expired(now_s)
        return len(self._ids) >= self._most

    def use(self, token_id: str, expires_s: float) -> bool:
        """Remember that a token was used; False if it had been already."""
        if token_id in self._ids:
            return False
        self._ids.add(token_id)
        heapq.heappush(self._by_expiry, (expires_s, token_id))
        return True

    def forget(self, token_id: str) -> None:
        """Let a token be used again that nobody got in with."""
        self._ids.discard(token_id)

    def freeze(self, now_s: float) -> list[tuple[str, float]]:
        """Return the used tokens, and in how many seconds each expires, for another process."""
        return [(one, at_s - now_s) for at_s, one in self._by_expiry if one in self._ids]

    def go_on(self, frozen: Iterable[tuple[str, float]], began_s: float) -> None:
        """Remember the tokens that were used in another process, which froze at ``began_s``."""
        for token_id, expires_in_s in frozen:
            self.use(token_id, began_s + expires_in_s)

    def _forget_expired(self, now_s: float) -> None:
        while self._by_expiry and self._by_expiry[0][0] < now_s:
            self._ids.discard(heapq.heappop(self._by_expiry)[1])
