"""The limits of names and values in storage.

Owns the checks that every operation makes before it reaches a database, so that both engines
refuse the same input with the same words.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import attrs
import msgpack

#: Characters of a collection, key, board or room name.
MAX_NAME: Final = 128
#: Characters of an owner, and of the name of a player; an identity has at most 256 bytes.
MAX_TEXT: Final = 256
#: PostgreSQL refuses NUL, and UTF-8 has no surrogates.
_REFUSED: Final = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff]")
#: Bytes of one value, encoded.
MAX_VALUE_BYTES: Final = 256 * 1024
#: The most rows that one read returns.
MAX_ROWS: Final = 1000
#: Scores are integers that JavaScript holds exactly.
MAX_SCORE: Final = 2**53 - 1


def checked_name(what: str, name: str) -> str:
    """Return ``name`` if it can be a ``what``; raise ``ValueError`` otherwise.

    A name has 1 to 128 printable characters.  Control characters are refused, since PostgreSQL
    refuses some of them and SQLite none.
    """
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise ValueError(f"{what} must be 1 to {MAX_NAME} printable characters, not {name!r:.60}")
    return name


def is_name(what: str, *, or_empty: bool = False) -> Callable[[Any, Any, str], None]:
    """Return a validator of attrs for the name of a ``what``."""

    def check(_instance: object, _field: attrs.Attribute[str], name: str) -> None:
        if not (or_empty and name == ""):
            checked_name(what, name)

    return check


def is_text(what: str, *, or_empty: bool = False) -> Callable[[Any, Any, str], None]:
    """Return a validator of attrs for a ``what`` that a game does not choose.

    Such texts are identities and the names of players.  They need not be printable in this version
    of Python's Unicode, because every name that the protocol allows must do.
    """

    def check(_instance: object, _field: attrs.Attribute[str], text: str) -> None:
        if or_empty and text == "":
            return
        if not isinstance(text, str) or not 1 <= len(text) <= MAX_TEXT or _REFUSED.search(text):
            raise ValueError(
                f"{what} must be 1 to {MAX_TEXT} characters without control characters, "
                f"not {text!r:.60}"
            )

    return check


def checked_limit(limit: int) -> int:
    """Return ``limit`` if a read may ask for so many rows."""
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_ROWS:
        raise ValueError(f"limit must be 1 to {MAX_ROWS}, not {limit!r:.60}")
    return limit


def checked_score(score: int) -> int:
    """Return ``score`` if it is an integer within ±(2**53 - 1)."""
    if isinstance(score, bool) or not isinstance(score, int) or abs(score) > MAX_SCORE:
        raise ValueError(f"a score is an integer within ±{MAX_SCORE}, not {score!r:.60}")
    return score


def encoded(value: Any) -> bytes:
    """Return ``value`` as msgpack; raise ``ValueError`` if it has no form there or is too big."""
    try:
        data: bytes = msgpack.packb(value)
    except (TypeError, OverflowError, ValueError) as error:
        raise ValueError(f"cannot store {type(value).__name__}: {error}") from error
    if len(data) > MAX_VALUE_BYTES:
        raise ValueError(f"a value may have {MAX_VALUE_BYTES} bytes, this one has {len(data)}")
    return data


def decoded(data: bytes) -> Any:
    """Return the value that ``encoded`` made these bytes of."""
    return msgpack.unpackb(data, strict_map_key=False)
