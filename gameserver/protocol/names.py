"""The names that rooms may have.

Owns the rule for names in README.md, "hello".  Never knows which rooms exist.  ``texts.py`` has the
rule for the names of players.
"""

from __future__ import annotations

import re
from typing import Final

from gameserver.errors import JoinRefused
from gameserver.protocol.closing import CloseCode

_ROOM_REQUEST: Final = re.compile(r"([a-z0-9_-]{1,32})(?:/([a-z0-9_-]{1,32}))?")


def parse_room_request(request: str) -> tuple[str, str | None]:
    """Return the room kind and the room's name that ``hello.room`` asks for.

    ``""`` asks for the server's first kind and gives ``("", None)``.  ``"kind"`` asks for any room
    of that kind and gives ``(kind, None)``.  Anything else that is not ``"kind/name"`` raises
    ``JoinRefused`` with close code 4004.
    """
    if not request:
        return "", None
    match = _ROOM_REQUEST.fullmatch(request)
    if match is None:
        raise JoinRefused(
            CloseCode.NO_SUCH_ROOM,
            "a room is kind or kind/name, each of 1 to 32 characters of a-z 0-9 - _",
        )
    return match[1], match[2]
