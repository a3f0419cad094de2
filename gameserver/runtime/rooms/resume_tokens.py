"""Resume tokens as signed texts, so that any process with the secret can judge them.

Owns the contents of a token: the room, the *life* of a player in it (from joining to leaving), and
a number that grows with each token of that life.  ``resumption.py`` decides which numbers are
valid.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs

from gameserver.signing import NotSigned, Signing

SALT: Final = "gameserver.resume.v2"
#: The highest number that a token has: snapshots, which keep it, hold integers of 64 bits.
MAX_NUMBER: Final = (1 << 53) - 1


@attrs.frozen
class ResumeToken:
    """The contents of a token whose signature was verified."""

    label: str
    life: str
    number: int


class ResumeTokens:
    """Signs with the first secret, and verifies with all.  ``secrets`` may change meanwhile."""

    def __init__(self, secrets: Callable[[], Sequence[str]]) -> None:
        self._secrets = secrets

    def sign(self, token: ResumeToken) -> str:
        """Return the token as text."""
        return _signing(tuple(self._secrets())).sign(attrs.astuple(token))

    def read(self, text: str) -> ResumeToken | None:
        """Return the contents of a token, or None if its signature is wrong."""
        try:
            payload = _signing(tuple(self._secrets())).read(text)
        except NotSigned:
            return None
        return _checked(payload)


def _checked(payload: Any) -> ResumeToken | None:
    """Return the token; None if another version, or another program with the secret, signed it."""
    match payload:
        case [str(label), str(life), int(number)] if 0 < number <= MAX_NUMBER:
            return None if type(number) is bool else ResumeToken(label, life, number)
    return None


@functools.lru_cache(maxsize=4)
def _signing(secrets: tuple[str, ...]) -> Signing:
    return Signing(secrets, SALT)
