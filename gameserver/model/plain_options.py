"""Options as they travel: by field name, with plain values.

Owns the translation of an instance, or of a map with enum members, without knowledge of the class
that will read them.  ``options.py`` reads and checks them.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

import attrs

#: Options by name, or an instance of the room's options class.
Options = Mapping[str, Any] | attrs.AttrsInstance


def plain_options(options: Options) -> dict[str, Any]:
    """Return options by name; an enum is the name of its member, a tuple an array."""
    if not isinstance(options, Mapping):
        options = attrs.asdict(options, recurse=False)
    return {name: _plain(value) for name, value in options.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value]
    return value
