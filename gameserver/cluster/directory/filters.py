"""The names of indexes: under which of them a room is listed, and which one a join asks.

Owns the text of an index name.  Pure.  A room is listed under every subset of its filter values, so
a join finds the rooms that fit in one index, whichever values it asks for.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any, Final

#: The most filters of a kind in a directory: with n filters, a room is in 2 ** n indexes.
MAX_FILTERS: Final = 4


def index_name(kind: str, wanted: Mapping[str, Any]) -> str:
    """Return the name of the index of rooms of ``kind`` that have all ``wanted`` values."""
    if not wanted:
        return kind
    return f"{kind}?{json.dumps(dict(sorted(wanted.items())), separators=(',', ':'))}"


def index_names(kind: str, values: Mapping[str, Any]) -> list[str]:
    """Return the names of all indexes of a room with these values."""
    items = sorted(values.items())
    return [
        index_name(kind, dict(chosen))
        for size in range(len(items) + 1)
        for chosen in itertools.combinations(items, size)
    ]
