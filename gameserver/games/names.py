"""Names that people give themselves, made fit to be shown to others.

Owns telling twins apart; shared by the games.  What a name may hold is the protocol's.  Pure.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from typing import Final

from gameserver import MAX_NAME_LENGTH, cleaned_name

#: Asks for the coloured form of an emoji, which most fonts draw anyhow.
_SELECTOR: Final = "\ufe0f"


def cleaned(name: str) -> str:
    """Return ``name`` without what cannot be seen, its spaces single; may be empty."""
    return cleaned_name(unicodedata.normalize("NFC", name))


def unique_name(name: str, taken: Collection[str], *, fallback: str) -> str:
    """Return ``name`` cleaned (``fallback`` if that is empty), with a number if it is taken.

    Names that differ only in case, or in the form of an emoji, count as the same.
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
