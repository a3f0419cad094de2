"""The request of a client that joins: room, options and filters, in the form of a hello.

Owns the translation only; the server checks everything.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from typing import Any

import attrs

from gameserver.errors import LocalProtocolError
from gameserver.model.plain_options import Options, plain_options
from gameserver.protocol.from_client import FilterValue
from gameserver.protocol.messages import MAX_FILTERS, MAX_OPTIONS

__all__ = ["Asked", "Options", "asked"]


@attrs.frozen
class Asked:
    """The room, the options and the filter of a hello."""

    room: str
    options: dict[str, Any] | None
    filter: dict[str, FilterValue] | None


def asked(room: str, options: Options | None, filters: Mapping[str, Any] | None) -> Asked:
    """Return the fields of the hello.

    ``room`` may end in a query, as in ``arena?mode=RANKED``; its fields are filters.
    ``LocalProtocolError`` for more fields than a hello holds.
    """
    name, _, query = room.partition("?")
    wanted = {
        **dict(urllib.parse.parse_qsl(query, keep_blank_values=True)),
        **plain_options(filters or {}),
    }
    given = plain_options(options or {})
    if len(given) > MAX_OPTIONS or len(wanted) > MAX_FILTERS:
        raise LocalProtocolError(f"at most {MAX_OPTIONS} options and {MAX_FILTERS} filters")
    return Asked(name, given or None, wanted or None)
