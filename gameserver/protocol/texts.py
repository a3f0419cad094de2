"""Texts and names of players: the two rules of README.md, "Texts and names".

Owns the characters that no text may hold, those that nobody sees, and cleaning what somebody typed.
The page's twin is ``net/texts.js``; ``tests/vectors/texts.json`` holds both to the document.  The
rules are lists of code points, not Unicode categories, which differ between versions of Python and
of browsers.
"""

from __future__ import annotations

import re
from typing import Final

#: In characters.
MAX_SAY_LENGTH: Final = 256
MAX_NAME_LENGTH: Final = 24

#: Line breaks and tabs: cleaning makes them spaces.
_BREAKS: Final = "\t-\r\x85\u2028\u2029"
#: No text holds these: they command terminals, break lines, or change the order of others' text.
#: Half a surrogate pair is no character at all.
_FORBIDDEN: Final = (
    "\0-\x1f\x7f-\x9f\u2028\u2029"  # control characters and line breaks
    "\u202a-\u202e\u2066-\u206f"  # bidirectional embeddings, overrides and isolates
    "\ufff9-\ufffb\ufffe\uffff\ud800-\udfff"
)
#: Spaces of any width.
_SPACES: Final = " \xa0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000"
#: Characters that show nothing by themselves, besides spaces: joiners, selectors, fillers, tags.
_UNSEEN: Final = (
    "\xad\u034f\u061c\u070f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\ufffc\U00013430-\U00013442\U0001bca0-\U0001bca3"
    "\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
#: Characters that each font draws differently, or not at all.
_PRIVATE: Final = "\ue000-\uf8ff\U000f0000-\U0010ffff"
#: Symbols that a joiner may connect into one, as the page's emoji are.
_EMOJI: Final = "\u2190-\u27bf\u2900-\u2bff\U0001f000-\U0001faff"

_NOT_ALLOWED: Final = re.compile(f"[{_FORBIDDEN}]")
_BREAK: Final = re.compile(f"[{_BREAKS}]")
_SEEN: Final = re.compile(f"[^{_FORBIDDEN}{_SPACES}{_UNSEEN}]")
#: One character of a name as people count them: an emoji of several parts, or any other.
_PART: Final = (
    f"[{_EMOJI}]\ufe0f?(?:\u200d[{_EMOJI}]\ufe0f?)*"
    f"|[^{_EMOJI}{_FORBIDDEN}{_SPACES}{_UNSEEN}{_PRIVATE}]"
)
_NAME: Final = re.compile(f"(?:{_PART}| )+")
_PART_OR_SPACE: Final = re.compile(f"{_PART}|[{_SPACES}{_BREAKS}]")
_SPACE: Final = re.compile(f"[{_SPACES}{_BREAKS}]+")


def valid_text(text: str) -> bool:
    """Whether a player may say ``text``."""
    fits = 1 <= len(text) <= MAX_SAY_LENGTH
    return fits and _NOT_ALLOWED.search(text) is None and _SEEN.search(text) is not None


def cleaned_text(text: str) -> str:
    """Return ``text`` without what no text may hold, line breaks as spaces; "" if nothing is seen.

    It may be longer than a player's text: texts of the server have no limit of their own.
    """
    clean = _NOT_ALLOWED.sub("", _BREAK.sub(" ", text)).strip(" ")
    return clean if _SEEN.search(clean) else ""


def valid_name(name: str) -> bool:
    """Whether a player may be called ``name``; if not, the close code is 4006."""
    fits = 1 <= len(name) <= MAX_NAME_LENGTH
    return fits and name == name.strip(" ") and _NAME.fullmatch(name) is not None


def cleaned_name(name: str) -> str:
    """Return what of ``name`` a player may be called, its spaces single; may be empty."""
    parts = _SPACE.sub(" ", "".join(_PART_OR_SPACE.findall(name))).strip(" ")
    # A cut within an emoji of several parts leaves a joiner behind.
    return "".join(_PART_OR_SPACE.findall(parts[:MAX_NAME_LENGTH])).strip(" ")
