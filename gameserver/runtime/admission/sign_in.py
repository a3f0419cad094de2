"""Sign-in tokens: which joins need one, whether it is valid, and that it is used only once.

Owns the server's secrets, the memory of used tokens, and the count of refused tokens by fault.
Never asks the game anything, and never logs or repeats a token.
"""

from __future__ import annotations

import secrets as chance
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import structlog

from gameserver.config import ConfigError, Settings, secrets_of
from gameserver.errors import JoinRefused
from gameserver.identity import UsedTokens, Verified
from gameserver.protocol.closing import CloseCode
from gameserver.room import Room
from gameserver.tokens import CLOCK_SKEW_S, Fault, TokenRefused, Tokens

log = structlog.get_logger(__name__)


class SignIn:
    """The tokens of one server.

    ``ConfigError`` if a room of ``kinds`` requires tokens, or all bots need one, and there is no
    secret; or if the file of secrets cannot be used.
    """

    def __init__(
        self,
        kinds: Mapping[str, type[Room]],
        settings: Settings,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._steady = steady
        self._used = UsedTokens()
        #: Signs tokens that only this server reads, where no secret is set.
        self._own_secret = (chance.token_urlsafe(),)
        self.secrets, self._tokens = self._read()
        self.refused: Counter[Fault] = Counter()
        #: Uses a token up at all nodes of a cluster, by its id and for a time in seconds; False if
        #: it was used before.
        self.use_in_cluster: Callable[[str, float], Awaitable[bool]] = _used_here_only
        if self._tokens is None:
            _check_that_none_is_needed(kinds, settings)

    def read_again(self) -> Callable[[], None]:
        """Read the file of secrets, which may take long; return a function that applies the result.

        If the file cannot be used, the function logs why, and the old secrets stay.
        """
        try:
            secrets, tokens = self._read()
        except ConfigError as error:
            return partial(log.warning, "the secrets stay as they were", problem=str(error))
        return partial(self._use_secrets, secrets, tokens)

    def _use_secrets(self, secrets: Sequence[str], tokens: Tokens | None) -> None:
        self.secrets, self._tokens = secrets, tokens
        log.info("secrets read again", file=str(self._settings.secret_file))

    def _read(self) -> tuple[Sequence[str], Tokens | None]:
        secrets = secrets_of(self._settings)
        if not secrets:
            return self._own_secret, None
        return secrets, Tokens(secrets, valid_s=self._settings.token_valid_s, clock=self._clock)

    def verify(self, token: str | None, room: type[Room], *, is_bot: bool) -> Verified | None:
        """Return the identity that the token of a hello proves; None if no token is needed.

        ``JoinRefused`` (4007) if a token is needed and this one is invalid.  ``use`` uses it up.
        """
        if not (room.requires_token or (is_bot and self._settings.bots_need_token)):
            return None
        assert self._tokens is not None, "checked at the start, and reading again keeps some"
        if token is None:
            raise self.counted(TokenRefused(Fault.MISSING, "a token is needed here"))
        try:
            return self._tokens.verify(token)
        except TokenRefused as refusal:
            raise self.counted(refusal) from None

    def use(self, verified: Verified) -> None:
        """Use a token up; ``JoinRefused`` (4007) if it was used before."""
        now_s = self._steady()
        if self._used.is_full(now_s):
            raise self.counted(TokenRefused(Fault.MEMORY, "too many sign-ins right now"))
        expires_s = now_s + verified.expires_s - self._clock()
        if not self._used.use(verified.token_id, expires_s + CLOCK_SKEW_S):
            raise self.counted(TokenRefused(Fault.USED, "the token was used before"))

    async def use_everywhere(self, verified: Verified) -> None:
        """Use a token up, in the whole cluster; ``JoinRefused`` (4007) if it was used before."""
        self.use(verified)
        valid_s = verified.expires_s - self._clock() + CLOCK_SKEW_S
        if not await self.use_in_cluster(verified.token_id, valid_s):
            raise self.counted(TokenRefused(Fault.USED, "the token was used before"))

    def forget(self, verified: Verified) -> None:
        """Let a token be used again: its client has not got in, and shows it to another process."""
        self._used.forget(verified.token_id)

    def freeze(self) -> list[Any]:
        """Return what another process needs to judge the tokens of this one, as plain values."""
        return [self._own_secret[0], self._used.freeze(self._steady())]

    def share(self, secret: str) -> None:
        """Sign as the other nodes of the host do, where no secret is set."""
        if self.secrets == self._own_secret:
            self.secrets = (secret,)
        self._own_secret = (secret,)

    def go_on(self, frozen: Sequence[Any], elapsed_s: float) -> None:
        """Judge as another process did, which froze ``elapsed_s`` ago."""
        own_secret, used = frozen
        self.share(own_secret)
        self._used.go_on(used, self._steady() - elapsed_s)

    def counted(self, refusal: TokenRefused) -> JoinRefused:
        """Count a refused token or ticket, and return what its client is told."""
        self.refused[refusal.fault] += 1
        return JoinRefused(CloseCode.REFUSED, str(refusal))


async def _used_here_only(_token_id: str, _valid_s: float) -> bool:
    """Accept a token: there are no other nodes."""
    return True


def _check_that_none_is_needed(kinds: Mapping[str, type[Room]], settings: Settings) -> None:
    needing = [f"the room {kind}" for kind, room in kinds.items() if room.requires_token]
    if settings.bots_need_token:
        needing.append("bots_need_token")
    if needing:
        raise ConfigError(
            f"{needing[0]} requires tokens, so there must be a secret that signs them: "
            "set GAMESERVER_SECRET, or secret_file to a file that holds one"
        )
