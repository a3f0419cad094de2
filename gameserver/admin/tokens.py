"""The tokens of operators.

Owns reading them and comparing a token with all of them in constant time.  Never logs a token.
"""

from __future__ import annotations

import hashlib
import hmac

import structlog

from gameserver.config import ConfigError, Settings, admin_tokens_in

log = structlog.get_logger(__name__)


def has_tokens(settings: Settings) -> bool:
    """Whether there may be operators, and so an admin port."""
    return settings.admin_token is not None or settings.admin_token_file is not None


def tokens_of(settings: Settings) -> dict[str, str]:
    """Return the tokens with the names of their operators.

    ``ConfigError`` if the file of tokens cannot be used.
    """
    file = settings.admin_token_file
    if file is None:
        return admin_tokens_in(settings.admin_token or "")
    try:
        return admin_tokens_in(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the admin tokens in {file}") from error
    except ValueError as error:
        raise ConfigError(f"{file} {error}") from None


class Operators:
    """The operators of one server."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def check(self) -> None:
        """Raise ``ConfigError`` if the tokens cannot be read."""
        tokens_of(self._settings)

    def of(self, token: str | bytes | None) -> str | None:
        """Return the name of the operator whose token this is, or None.

        A file of tokens is read anew each time, so a token that was removed is refused at once.
        """
        try:
            known = tokens_of(self._settings)
        except ConfigError as error:
            log.warning("nobody is an operator now", reason=str(error))
            return None
        given = _digest(token or b"")
        found = None
        for one, name in known.items():  # all of them, so that the time tells nothing
            if hmac.compare_digest(_digest(one), given):
                found = name
        return found


def _digest(token: str | bytes) -> bytes:
    data = token.encode(errors="surrogatepass") if isinstance(token, str) else token
    return hashlib.sha256(data).digest()
