"""``Joining``: a client that asks to join a room, as ``Room.on_auth`` sees it.

Owns its attributes, and the check of a password.  ``runtime/sessions/entrance.py`` makes one, once
the room is chosen and the options have been checked; ``Rehearsal`` may make one too.
"""

from __future__ import annotations

import hmac
from typing import Any

import attrs

from gameserver.errors import JoinRefused
from gameserver.identity import Verified
from gameserver.protocol.closing import CloseCode


@attrs.frozen(kw_only=True)
class Joining:
    """A client that asks to join.

    ``options`` is an instance of the room's options class, None if the room has none.  ``token`` is
    the text that the client sent, which only the game can check.  In a room that requires a token
    the server has verified it, and ``verified`` has its content.  ``moved_from`` is the room that
    the player comes from (``Player.move_to``): then ``verified`` is the player's identity, if it
    had one, and there is no token.  The same holds for a player for whom a back end has reserved a
    seat with an identity.
    """

    name: str
    options: Any = None
    token: str | None = None
    verified: Verified | None = None
    moved_from: str | None = None

    @property
    def identity(self) -> str | None:
        """The identity that the server has verified; None if it has verified none."""
        return None if self.verified is None else self.verified.identity


def check_password(given: str, wanted: str) -> None:
    """Raise ``JoinRefused`` (4007) unless ``given``, the text of a client, is ``wanted``.

    For ``Room.on_auth``.  The time that this takes tells nothing of ``wanted``.
    """
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        raise JoinRefused(CloseCode.REFUSED, "that is not the password")
