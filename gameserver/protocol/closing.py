"""Close codes, and what a client does after each.

Owns the Python form of the table in README.md, "Close codes"; a test compares the two.  Never
closes a connection; the runtime and the clients do.
"""

from __future__ import annotations

import enum
from typing import Final

#: RFC 6455, 5.5 and 5.5.1: a control frame carries 125 bytes, two of which are the code.
MAX_REASON_BYTES: Final = 123
#: RFC 6455, 7.4.1: never sent; reported for a close frame without a code.
NO_STATUS: Final = 1005
#: RFC 6455, 7.4.1: never sent; reported for a connection that ended without a close frame.
CONNECTION_LOST: Final = 1006


class CloseCode(enum.IntEnum):
    """Why a connection was closed."""

    NORMAL = 1000
    GOING_AWAY = 1001
    UNSUPPORTED_DATA = 1003
    TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    PROTOCOL_ERROR = 4000
    TOO_SLOW = 4001
    VERSION = 4002
    SCHEMA = 4003
    NO_SUCH_ROOM = 4004
    ROOM_FULL = 4005
    BAD_NAME = 4006
    REFUSED = 4007
    RATE = 4008
    PING_TIMEOUT = 4009
    KICKED = 4010
    ROOM_CLOSED = 4011
    TAKEN_OVER = 4012
    RESUMING = 4013
    OPTIONS = 4014
    MOVED = 4015
    BANNED = 4016


class ClientAction(enum.Enum):
    """The action that a client must take after a close."""

    #: Reconnect automatically, after growing pauses, with its resume token.
    RESUME = "resume"
    #: Ask the player, or get a new token, before it reconnects.
    SIGN_IN_AGAIN = "sign in again"
    #: Do not reconnect automatically.
    STOP = "stop"


_ACTIONS: Final[dict[int, ClientAction]] = {
    CloseCode.GOING_AWAY: ClientAction.RESUME,
    NO_STATUS: ClientAction.RESUME,
    CONNECTION_LOST: ClientAction.RESUME,
    CloseCode.INTERNAL_ERROR: ClientAction.RESUME,
    # Sent by proxies in between: service restart, try again later, bad gateway
    # (IANA's "WebSocket Close Code Number Registry").
    1012: ClientAction.RESUME,
    1013: ClientAction.RESUME,
    1014: ClientAction.RESUME,
    CloseCode.TOO_SLOW: ClientAction.RESUME,
    CloseCode.ROOM_FULL: ClientAction.RESUME,
    CloseCode.BAD_NAME: ClientAction.SIGN_IN_AGAIN,
    CloseCode.REFUSED: ClientAction.SIGN_IN_AGAIN,
    CloseCode.RATE: ClientAction.RESUME,
    CloseCode.PING_TIMEOUT: ClientAction.RESUME,
    CloseCode.ROOM_CLOSED: ClientAction.SIGN_IN_AGAIN,
    CloseCode.RESUMING: ClientAction.RESUME,
}


def action_for(code: int) -> ClientAction:
    """Return what a client does after a close with ``code``.

    An undocumented code means *stop*, because the client cannot judge what reconnecting would do.
    """
    return _ACTIONS.get(code, ClientAction.STOP)


def close_reason(text: str) -> str:
    """Return ``text`` in the form that a close frame may carry.

    Characters that cannot be printed (control characters, line breaks, lone surrogates) become
    spaces.  The text is truncated between two characters to at most ``MAX_REASON_BYTES`` of UTF-8.
    """
    # A character takes at least a byte, so not more of them than that can remain.
    clean = "".join(c if c.isprintable() else " " for c in text[:MAX_REASON_BYTES])
    return clean.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
