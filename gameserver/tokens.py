"""Signed sign-in tokens: a login service issues them to players, and the server verifies them.

Owns issuing and verifying.  A token holds an identity, the time when it was issued, and an id, so
that it can be used only once.  Never decides which clients need a token: that
is ``runtime/admission/sign_in.py``.  No error message repeats a token or a secret.

The login service may be any program that has the secret::

    from gameserver.tokens import Tokens
    token = Tokens([secret]).issue("account-17")
"""

from __future__ import annotations

import enum
import secrets as chance
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from gameserver.errors import GameServerError, LocalProtocolError
from gameserver.identity import Verified
from gameserver.signing import TimedSigning

#: Keeps a token short enough for a hello (1,024 bytes).
MAX_IDENTITY_BYTES: Final = 256
#: How far the clock of the login service may be ahead of ours.
CLOCK_SKEW_S: Final = 30.0
TOKEN_ID_BYTES: Final = 12
_SALT: Final = "gameserver.token.v1"


class Fault(enum.StrEnum):
    """The fault of a token; the label in the metrics."""

    MISSING = "missing"
    FORGED = "forged"
    EXPIRED = "expired"
    FUTURE = "future"
    USED = "used"
    MEMORY = "memory"


class TokenRefused(GameServerError):
    """A token is not accepted; ``fault`` says why.  The message holds no part of the token."""

    def __init__(self, fault: Fault, text: str) -> None:
        super().__init__(text)
        self.fault = fault


class Tokens:
    """Issues and verifies tokens.

    The first of ``secrets`` signs, and all of them verify.  So a new secret can be put in front
    while tokens of the old one are still in use.  ``clock`` returns seconds since the epoch.
    """

    def __init__(
        self,
        secrets: Sequence[str],
        *,
        valid_s: float = 300.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not secrets:
            raise LocalProtocolError("tokens need a secret")
        self._valid_s = valid_s
        self._clock = clock
        self._signing = TimedSigning(secrets, _SALT, clock)

    def issue(self, identity: str) -> str:
        """Return a new token for ``identity``, which is 1 to 256 bytes of UTF-8."""
        if not 0 < len(identity.encode()) <= MAX_IDENTITY_BYTES:
            raise LocalProtocolError(f"an identity is 1 to {MAX_IDENTITY_BYTES} bytes of UTF-8")
        return self._signing.sign([identity, chance.token_urlsafe(TOKEN_ID_BYTES)])

    def verify(self, token: str) -> Verified:
        """Return the identity in ``token``; ``TokenRefused`` if it is not valid."""
        try:
            payload, issued_s = self._signing.read(token)
            identity, token_id = _checked(payload)
        except ValueError:
            raise TokenRefused(Fault.FORGED, "the token is not one of ours") from None
        age_s = self._clock() - issued_s
        if age_s > self._valid_s:
            raise TokenRefused(Fault.EXPIRED, "the token has expired")
        if age_s < -CLOCK_SKEW_S:
            raise TokenRefused(Fault.FUTURE, "the token was made in the future")
        return Verified(identity, token_id, expires_s=issued_s + self._valid_s)


def _checked(payload: Any) -> tuple[str, str]:
    """Return identity and id of a signed payload; ``ValueError`` if it is no token's payload."""
    if not (isinstance(payload, list) and len(payload) == 2):
        raise ValueError("not of this form")
    identity, token_id = payload
    if not (isinstance(identity, str) and isinstance(token_id, str) and identity and token_id):
        raise ValueError("not of this form")
    return identity, token_id
