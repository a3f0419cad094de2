"""Every exception that gameserver raises on purpose.

Owns the split that the whole code base relies on: *local* errors are bugs of the
game or of this library, *remote* errors are what a peer did wrong.  A remote error
ends one connection with a documented close code; it never touches anyone else.
Imports nothing of this package.
"""

from __future__ import annotations


class GameServerError(Exception):
    """Base of all errors raised by gameserver and its clients."""


class LocalProtocolError(GameServerError):
    """Our side, or the game, tried to do something that the protocol forbids.

    Raised for wrong declarations (at class creation), for spawning undeclared
    entities, and for field values that their declared type cannot hold.
    """


class RemoteProtocolError(GameServerError):
    """The peer sent bytes that are not a valid message.

    The only exception that decoding ever raises, whatever the bytes.  The receiver
    closes the connection with close code 4000 and ``str(error)`` as the reason.
    """


class JoinRefused(GameServerError):
    """A player may not join; ``code`` is the close code that the client receives.

    ``retry_after_s``: how many seconds the client shall wait before it tries again, or None.

    Raised by the lobby (room full, unknown kind, bad name) and by a game's
    ``on_auth``.  Codes are listed in ``gameserver/protocol/README.md``.
    """

    def __init__(self, code: int, reason: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.retry_after_s = retry_after_s


class SnapshotError(GameServerError):
    """Bytes that are no snapshot which this game can load; its text is one line.

    The text names the offset of the damage, or the class and field that do not fit, and why.
    Loading raises nothing else, whatever the bytes, and leaves nothing half loaded.
    """


class Interrupted(GameServerError):
    """The result of a background call that was lost: its room went on in another process."""

    def __init__(self, text: str = "the room went on in another process") -> None:
        super().__init__(text)


class TooManyCalls(GameServerError):
    """The result of a background call that was not made: too many of the room are in flight."""

    def __init__(self, text: str = "too many background calls are in flight") -> None:
        super().__init__(text)


class JournalError(GameServerError):
    """A journal that cannot be read or played; its text is one line.

    The text names the offset of the damage, or what does not fit the game, and why.
    """
