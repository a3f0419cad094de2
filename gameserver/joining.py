"""``Joining``: a client that asks to join a room, as ``Room.on_auth`` sees it.

Owns the attributes only.  ``runtime/sessions/entrance.py`` makes one, once the room is chosen and
the options have been checked; ``Rehearsal`` may make one too.
"""

from __future__ import annotations

from typing import Any

import attrs

from gameserver.identity import Verified


@attrs.frozen(kw_only=True)
class Joining:
    """A client that asks to join.

    ``options`` is an instance of the room's options class, None if the room has none.  ``token`` is
    the text that the client sent, which only the game can check.  In a room that requires a token
    the server has verified it, and ``verified`` has its content.  ``moved_from`` is the room that
    the player comes from (``Player.move_to``): then ``verified`` is the player's identity, if it
    had one, and there is no token.
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
