"""The answer of ``/kinds``: the kinds of rooms, and which options a client may give for each.

Owns the form: msgpack, with fields described as those of a command in the schema, because a client
that is about to join has no schema yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgpack

from gameserver.model.options import named_fields
from gameserver.model.specs import CommandSpec
from gameserver.room import Room


def kind_list(kinds: Mapping[str, type[Room]]) -> bytes:
    """Return ``[name, max_players, requires_token, [field …]]`` of each kind, the default first."""
    rows = [
        [kind, room.max_players, room.requires_token, _options_of(room)]
        for kind, room in kinds.items()
    ]
    packed: bytes = msgpack.packb(rows)
    return packed


def _options_of(room: type[Room]) -> list[Any]:
    if room.options is None:
        return []
    fields = named_fields(room.options, "options").fields
    described: list[Any] = CommandSpec("options", tuple(fields.values())).describe()[1]
    return described
