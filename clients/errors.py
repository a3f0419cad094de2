"""The exceptions of a client: for the end of a connection to a game, and for a failed read.

Owns the classes only.  The first two carry the server's code and reason, and the action that the
protocol asks of the client (protocol README, "Close codes"), so that a caller can decide whether to
retry.
"""

from __future__ import annotations

from gameserver.errors import GameServerError, JoinRefused
from gameserver.protocol.closing import ClientAction, action_for
from gameserver.protocol.messages import Moved


class ConnectionLost(GameServerError):
    """The connection could not be made, or has ended.

    ``code`` is the close code, 1006 if there was none.  ``retry_after_s`` is the pause that the
    server asks for before the next attempt, and ``moved`` is the server to connect to instead;
    both are None if the server did not say.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        *,
        action: ClientAction | None = None,
        retry_after_s: float | None = None,
        moved: Moved | None = None,
    ) -> None:
        self.code = code
        self.reason = reason
        self.action = action_for(code) if action is None else action
        self.retry_after_s = retry_after_s
        self.moved = moved
        super().__init__(f"{code} {reason}".rstrip())


class Refused(JoinRefused):
    """The server refused the join; ``code`` and ``reason`` say why."""

    def __init__(self, code: int, reason: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(code, reason)
        self.action = action_for(code)
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"{self.code} {self.reason}".rstrip()


class ReadFailed(GameServerError):
    """A read of what the room's storage keeps has no answer; the text says why."""
