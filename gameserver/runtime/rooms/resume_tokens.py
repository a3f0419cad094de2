"""Signing resume tokens, so that any process with the secret can judge them.

Owns the contents of a token: the room, the *life* of a player in it (from joining to leaving), and
a number that grows with each token of that life.  ``resumption.py`` decides which numbers are
valid.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs
from itsdangerous import BadData, URLSafeSerializer

#: Separates these signatures from those of any other use of the same secret.
_SALT = "gameserver.resume.v2"
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
        text = _serializer(tuple(self._secrets())).dumps(attrs.astuple(token))
        return text if isinstance(text, str) else text.decode()

    def read(self, text: str) -> ResumeToken | None:
        """Return the contents of a token, or None if its signature is wrong."""
        try:
            payload = _serializer(tuple(self._secrets())).loads(text)
        except (BadData, ValueError, RecursionError):
            return None
        return _checked(payload)


def _checked(payload: Any) -> ResumeToken | None:
    """Return the token; None if another version, or another program with the secret, signed it."""
    match payload:
        case [str(label), str(life), int(number)] if 0 < number <= MAX_NUMBER:
            return None if type(number) is bool else ResumeToken(label, life, number)
    return None


@functools.lru_cache(maxsize=4)
def _serializer(secrets: tuple[str, ...]) -> URLSafeSerializer:
    return URLSafeSerializer(
        list(reversed(secrets)),  # itsdangerous signs with the last
        salt=_SALT,
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )
