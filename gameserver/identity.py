"""Who somebody is, once that has been proven, and which proofs have been used.

Owns the identity that a signed token stands for, and the memory that makes tokens one-time.
Pure: times are arguments.  Never reads a token: that is ``tokens.py``.
"""

from __future__ import annotations

import heapq
from typing import Final

import attrs

#: Overflow policy ``refuse``: with so many tokens used and not yet expired no further one is
#: taken, for a token that is forgotten could be used twice.  Joins a second times the age that
#: tokens may have must stay below it.
MAX_USED_TOKENS: Final = 200_000


@attrs.frozen
class Verified:
    """An identity that the server has verified: it comes from a token that our secret signed.

    ``expires_s`` is when the token does, in seconds since the epoch.
    """

    identity: str
    token_id: str
    expires_s: float


class UsedTokens:
    """The tokens that were used, each until it would have expired anyway.

    All times are those of a steady clock: by one that is set ahead and back a token would be
    forgotten while it is still good.
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

    def _forget_expired(self, now_s: float) -> None:
        while self._by_expiry and self._by_expiry[0][0] < now_s:
            self._ids.discard(heapq.heappop(self._by_expiry)[1])
