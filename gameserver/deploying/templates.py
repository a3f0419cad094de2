"""Templates of deployment files: texts with names between two ``@``, such as ``@host@``.

Owns filling them in.  The files have variables of their own (``${NAME}``, ``$name``, ``{{ … }}``),
which stay as they are.  A value of several lines keeps the indentation of its place.
"""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Mapping
from typing import Final

_PLACE: Final = re.compile(
    r"^(?P<indent>[ \t]*)@(?P<line>[a-z_]+)@\n|@(?P<name>[a-z_]+)@", re.MULTILINE
)


def filled(path: str, values: Mapping[str, str]) -> str:
    """Return the template at ``path``, a path below ``files``, with its places filled in.

    A place that has a line to itself takes any number of lines, and none for an empty value.
    ``KeyError`` for a place that has no value.
    """
    return fill(_read(path), values)


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return ``text`` with its places filled in, as ``filled`` does."""

    def value(match: re.Match[str]) -> str:
        if match["name"]:
            return values[match["name"]]
        lines = values[match["line"]].splitlines()
        return "".join(f"{match['indent']}{line}".rstrip() + "\n" for line in lines)

    return _PLACE.sub(value, text)


def _read(path: str) -> str:
    file = importlib.resources.files("gameserver.deploying") / "files"
    for part in path.split("/"):
        file /= part
    return file.read_text(encoding="utf-8")
