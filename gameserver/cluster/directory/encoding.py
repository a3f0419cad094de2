"""Listings as bytes: what a directory on a server holds, and what is read from there.

Owns the form, JSON, and the checks of all that is read: any program with access to the server may
have written it.  Nothing is executed, and nothing is larger than its limit.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any, Final

import attrs
import cattrs

from gameserver.cluster.directory.errors import DirectoryError
from gameserver.cluster.directory.listings import NodeListing, RoomListing, ShownRoom

#: Rooms in one page of a node, and the most bytes that such a page has once it is unpacked.
ROOMS_PER_PAGE: Final = 50
MAX_PAGE_BYTES: Final = 1 << 20
MAX_NODE_BYTES: Final = 1 << 16

_converter: Final = cattrs.Converter(forbid_extra_keys=False, detailed_validation=False)
for _plain in (str, int, bool):
    _converter.register_structure_hook(_plain, lambda value, kind: _checked(value, kind))
_converter.register_structure_hook(float, lambda value, _: float(_checked(value, (int, float))))


def _checked(value: Any, kind: Any) -> Any:
    """Return a value that has this type; cattrs alone would convert it."""
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError("a value of the wrong type")
    return value


def node_as_bytes(node: NodeListing) -> bytes:
    """Return the listing of a node."""
    return json.dumps(attrs.asdict(node), separators=(",", ":")).encode()


def read_node(data: Any) -> NodeListing:
    """Return the listing that ``node_as_bytes`` made."""
    try:
        if not isinstance(data, bytes) or len(data) > MAX_NODE_BYTES:
            raise TypeError("no listing")  # noqa: TRY301 - one message for all that can be wrong
        return _converter.structure(json.loads(data), NodeListing)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise DirectoryError("the directory holds the listing of a node in a wrong form") from None


def page_of(rooms: Sequence[RoomListing]) -> tuple[int, int, bytes]:
    """Return a page of rooms that lists show: first serial, number of rooms, and bytes."""
    rows = [[room.serial, room.label, room.players, room.shown] for room in rooms]
    packed = zlib.compress(json.dumps(rows, separators=(",", ":")).encode(), 1)
    return rooms[0].serial, len(rooms), packed


def read_page(node: str, data: Any) -> list[tuple[int, ShownRoom]]:
    """Return the rooms of a page of a node, with their serials."""
    try:
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(data, MAX_PAGE_BYTES)
        if not unpacking.eof:
            raise TypeError("too large")  # noqa: TRY301 - one message for all that can be wrong
        return [
            (
                _checked(serial, int),
                ShownRoom(
                    label=_checked(label, str),
                    node=node,
                    players=_checked(players, int),
                    shown=_checked(shown, dict),
                ),
            )
            for serial, label, players, shown in _checked(json.loads(text), list)
        ]
    except (ValueError, TypeError, RecursionError, zlib.error):
        raise DirectoryError("the directory holds a page of rooms in a wrong form") from None
