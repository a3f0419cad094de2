"""Move tickets: what a player who is sent to another node shows there.

Owns the form of a ticket, its signature, and its time.  A ticket names the node and the room that
it is for, the life (``ResumeState``) whose seat it is about, and the identity that the first node
has verified.  For a player whom the game moves (``Player.move_to``) it names the room that the
player comes from, and holds the options: then it admits the player.  Never knows whether a ticket
was used; ``router.py`` does.
"""

from __future__ import annotations

import secrets as chance
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from gameserver.signing import NotSigned, Signing

#: How long a ticket is valid.
VALID_S: Final = 30.0
ID_BYTES: Final = 9
_SALT: Final = "gameserver.move-ticket.v2"


@attrs.frozen(kw_only=True)
class MoveTicket:
    """The content of a ticket; ``expires_s`` is in seconds since the epoch.

    ``moved_from`` and ``options`` (by name) are set for a player whom the game moves.
    ``used_token`` is the id of the sign-in token that the player has used up on its way.
    """

    id: str
    node: str
    room: str
    life: str | None = None
    identity: str | None = None
    expires_s: float
    moved_from: str | None = None
    options: Mapping[str, Any] | None = None
    used_token: str | None = None


class MoveTickets:
    """Issues and reads tickets.  ``secrets``: the first signs, all verify; they may change."""

    def __init__(
        self, secrets: Callable[[], Sequence[str]], clock: Callable[[], float] = time.time
    ) -> None:
        self._secrets = secrets
        self._clock = clock

    def issue(
        self,
        node: str,
        room: str,
        *,
        life: str | None = None,
        identity: str | None = None,
        moved_from: str | None = None,
        options: Mapping[str, Any] | None = None,
        used_token: str | None = None,
    ) -> str:
        """Return a ticket for a room of a node, valid for ``VALID_S``."""
        expires_s = self._clock() + VALID_S
        named = None if options is None else dict(options)
        id_ = chance.token_urlsafe(ID_BYTES)
        ticket = [id_, node, room, life, identity, expires_s, moved_from, named, used_token]
        return Signing(self._secrets(), _SALT).sign(ticket)

    def content(self, text: str | None) -> MoveTicket | None:
        """Return the content of a ticket that one of us signed, valid still or not; else None."""
        if text is None:
            return None
        try:
            return _checked(Signing(self._secrets(), _SALT).read(text))
        except NotSigned:
            return None

    def read(self, text: str | None) -> MoveTicket | None:
        """Return the content of a ticket that one of us signed and is valid still, or None."""
        ticket = self.content(text)
        return None if ticket is None or self._clock() > ticket.expires_s else ticket


def _checked(payload: Any) -> MoveTicket | None:
    match payload:
        case [
            str(id_),
            str(node),
            str(room),
            (str() | None) as life,
            (str() | None) as identity,
            (int() | float()) as expires_s,
            (str() | None) as moved_from,
            (dict() | None) as options,
            (str() | None) as used_token,
        ]:
            return MoveTicket(
                id=id_,
                node=node,
                room=room,
                life=life,
                identity=identity,
                expires_s=expires_s,
                moved_from=moved_from,
                options=options,
                used_token=used_token,
            )
    return None
