"""What rooms may be called.

Owns the rule of README.md, "hello", that has a close code of its own.  Never knows which rooms
there are.  What players may be called is ``texts.py``.
"""

from __future__ import annotations

import re
from typing import Final

from gameserver.errors import JoinRefused
from gameserver.protocol.closing import CloseCode

_ROOM_REQUEST: Final = re.compile(r"([a-z0-9_-]{1,32})(?:/([a-z0-9_-]{1,32}))?")


def parse_room_request(request: str) -> tuple[str, str | None]:
    """Return the room kind and the room's name that ``hello.room`` asks for.

    ``""`` asks for the server's first kind and returns ``("", None)``; ``"kind"`` asks for any
    room of it: ``(kind, None)``.  ``JoinRefused`` with close code 4004 for anything else that
    is not ``"kind/name"``.
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
