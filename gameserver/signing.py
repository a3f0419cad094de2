"""Texts that a server signs, and verifies when a client shows them.

Owns the signature of all tokens and tickets, with itsdangerous.  ``tokens.py``, ``seat_tickets.py``
and ``runtime/rooms/resume_tokens.py`` own what they sign, and when it is valid.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

from itsdangerous import BadData, TimestampSigner, URLSafeSerializer, URLSafeTimedSerializer

_SIGNATURE: Final = {"key_derivation": "hmac", "digest_method": hashlib.sha256}


class NotSigned(ValueError):
    """A text was not signed with any of the secrets.  The message holds no part of the text."""


class Signing:
    """Signs payloads of JSON values with the first of ``secrets``, and verifies with all.

    ``salt`` separates these signatures from those of any other use of the same secrets.
    """

    def __init__(self, secrets: Sequence[str], salt: str) -> None:
        self._serializer: URLSafeSerializer = URLSafeSerializer(
            _keys(secrets), salt=salt, signer_kwargs=_SIGNATURE
        )

    def sign(self, payload: Any) -> str:
        """Return the text that stands for ``payload``."""
        return _text(self._serializer.dumps(payload))

    def read(self, text: str) -> Any:
        """Return the payload of a text; ``NotSigned`` if there is none."""
        try:
            return self._serializer.loads(text)
        except (BadData, ValueError):
            raise NotSigned("the signature is wrong") from None


class TimedSigning:
    """Signs as ``Signing`` does, together with the time.  ``clock``: seconds since the epoch."""

    def __init__(self, secrets: Sequence[str], salt: str, clock: Callable[[], float]) -> None:
        self._serializer: URLSafeTimedSerializer = URLSafeTimedSerializer(
            _keys(secrets),
            salt=salt,
            signer=_TimestampSigner,
            signer_kwargs={"clock": clock, **_SIGNATURE},
        )

    def sign(self, payload: Any) -> str:
        """Return the text that stands for ``payload``, signed now."""
        return _text(self._serializer.dumps(payload))

    def read(self, text: str) -> tuple[Any, float]:
        """Return the payload of a text, and when it was signed; ``NotSigned`` if there is none."""
        try:
            payload, signed = self._serializer.loads(text, return_timestamp=True)
        except (BadData, ValueError):
            raise NotSigned("the signature is wrong") from None
        return payload, signed.timestamp()


class _TimestampSigner(TimestampSigner):
    """A signer that takes its time from ``clock``."""

    def __init__(self, *arguments: Any, clock: Callable[[], float], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock())


def _keys(secrets: Sequence[str]) -> list[str]:
    return list(reversed(secrets))  # itsdangerous signs with the last


def _text(dumped: str | bytes) -> str:
    return dumped if isinstance(dumped, str) else dumped.decode()
