"""The request in a hello: a kind of room, perhaps its name, options, and filters.

Owns reading these parts of a hello, and the close codes of their errors.  Never knows which rooms
there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import attrs

from gameserver.errors import JoinRefused, RemoteProtocolError
from gameserver.protocol.closing import MAX_REASON_BYTES, CloseCode
from gameserver.protocol.names import parse_room_request
from gameserver.room import Room
from gameserver.simulation.matchable import filters_of, options_of

#: How many room kinds the refusal of an unknown kind names.
MAX_KINDS_TOLD: Final = 5


@attrs.frozen
class JoinRequest:
    """The room that a client asks for.  With ``name`` None any room of the kind will do.

    ``options`` is an instance of the room's options class.  ``wanted`` holds the values that the
    listing of a room must have for the server to choose it.
    """

    kind: str
    name: str | None = None
    options: Any = None
    wanted: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def room(self) -> str:
        """The room as a hello names it, without filters: ``arena`` or ``arena/final``."""
        return self.kind if self.name is None else f"{self.kind}/{self.name}"

    def fits(self, kind: str, name: str) -> bool:
        """Whether the room asked for can be this one."""
        return kind == self.kind and self.name in (None, name)


def read_join_request(
    kinds: Mapping[str, type[Room]],
    room: str,
    options: Mapping[str, Any] | None = None,
    filter_: Mapping[str, Any] | None = None,
    *,
    whole: bool = True,
) -> JoinRequest:
    """Return the request in the fields of a hello; ``JoinRefused`` with 4004 or 4014 if wrong.

    The first of ``kinds`` is the default.  If not ``whole``, ``options`` stays None, since the
    options come from elsewhere.
    """
    kind, name = parse_room_request(room)
    kind = kind or next(iter(kinds))
    if kind not in kinds:
        raise JoinRefused(CloseCode.NO_SUCH_ROOM, _no_such_room(kind, list(kinds)))
    read = read_options(kinds[kind], options or {}) if whole else None
    try:
        wanted = filters_of(kinds[kind], read, filter_ or {})
    except RemoteProtocolError as error:
        raise JoinRefused(CloseCode.OPTIONS, str(error)) from error
    return JoinRequest(kind, name, read, wanted)


def split_filters(room: str) -> tuple[str, dict[str, str]]:
    """Return a room and the filters after it: ``arena?mode=RANKED`` has one."""
    name, _, query = room.partition("?")
    return name, dict(parse_qsl(query))


def read_options(room: type[Room], options: Mapping[str, Any]) -> Any:
    """Return options that came by name; ``JoinRefused`` with 4014 if they are wrong."""
    try:
        return options_of(room, options)
    except RemoteProtocolError as error:
        raise JoinRefused(CloseCode.OPTIONS, str(error)) from error


def _no_such_room(kind: str, kinds: list[str]) -> str:
    """Return the refusal of an unknown kind, with as many known kinds as fit a close frame."""
    for count in range(min(len(kinds), MAX_KINDS_TOLD), 0, -1):
        told = ", ".join(kinds[:count]) + (", …" if count < len(kinds) else "")
        text = f"no such room: {kind}; rooms here: {told}"
        if len(text.encode()) <= MAX_REASON_BYTES:
            break
    return text
