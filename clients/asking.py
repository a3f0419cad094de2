"""What a client asks for when it joins: the room, options and filters, in the form of a hello.

Owns the translation only; the server checks everything.
"""

from __future__ import annotations

import enum
import urllib.parse
from collections.abc import Mapping
from typing import Any

import attrs

from gameserver.errors import LocalProtocolError
from gameserver.protocol.from_client import FilterValue
from gameserver.protocol.messages import MAX_FILTERS, MAX_OPTIONS

#: Options by name, or an instance of the room's options class.
Options = Mapping[str, Any] | attrs.AttrsInstance


@attrs.frozen
class Asked:
    """The room, the options and the filter of a hello."""

    room: str
    options: dict[str, Any] | None
    filter: dict[str, FilterValue] | None


def asked(room: str, options: Options | None, filters: Mapping[str, Any] | None) -> Asked:
    """Return what to write into the hello.

    ``room`` may end in a query, as in ``arena?mode=RANKED``; its fields are filters.
    ``LocalProtocolError`` for more than a hello holds.
    """
    name, _, query = room.partition("?")
    wanted = {**dict(urllib.parse.parse_qsl(query)), **_named(filters or {})}
    given = _named(options or {})
    if len(given) > MAX_OPTIONS or len(wanted) > MAX_FILTERS:
        raise LocalProtocolError(f"at most {MAX_OPTIONS} options and {MAX_FILTERS} filters")
    return Asked(name, given or None, wanted or None)


def _named(values: Options) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        values = attrs.asdict(values, recurse=False)
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value]
    return value
