"""Names that players choose, cleaned and made unique before other players see them.

Owns the rule that makes equal names different; the games share it.  The protocol says which
characters a name may hold.  Pure.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from typing import Final

from gameserver import MAX_NAME_LENGTH, cleaned_name

#: The variation selector that asks for the coloured form of an emoji; most fonts draw it anyway.
_SELECTOR: Final = "\ufe0f"


def cleaned(name: str) -> str:
    """Return ``name`` without invisible characters and with single spaces; it may be empty."""
    return cleaned_name(unicodedata.normalize("NFC", name))


def unique_name(name: str, taken: Collection[str], *, fallback: str) -> str:
    """Return ``name`` cleaned, with a number appended if it is taken.

    A name that is empty after cleaning becomes ``fallback``.  Names that differ only in case, or in
    the form of an emoji, count as equal.
    """
    wanted = cleaned(name) or fallback
    used = set(map(_looks, taken))
    candidate, number = wanted, 1
    while _looks(candidate) in used:
        number += 1
        suffix = f" {number}"
        candidate = cleaned_name(wanted[: MAX_NAME_LENGTH - len(suffix)]) + suffix
    return candidate


def _looks(name: str) -> str:
    return name.casefold().replace(_SELECTOR, "")
