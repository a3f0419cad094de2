"""Names that people give themselves, made fit to be shown to others.

Owns cleaning and telling twins apart; shared by the games.  Pure.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

from gameserver.protocol.names import MAX_NAME_LENGTH


def cleaned(name: str) -> str:
    """Return ``name`` without what cannot be seen, its spaces single; may be empty."""
    normal = unicodedata.normalize("NFC", name)
    visible = "".join(c if c.isprintable() else " " for c in normal)
    return " ".join(visible.split())[:MAX_NAME_LENGTH].rstrip()


def unique_name(name: str, taken: Collection[str], *, fallback: str) -> str:
    """Return ``name`` cleaned (``fallback`` if that is empty), with a number if it is taken.

    Names that differ only in case count as the same.
    """
    wanted = cleaned(name) or fallback
    used = {other.casefold() for other in taken}
    candidate, number = wanted, 1
    while candidate.casefold() in used:
        number += 1
        suffix = f" {number}"
        candidate = wanted[: MAX_NAME_LENGTH - len(suffix)].rstrip() + suffix
    return candidate
