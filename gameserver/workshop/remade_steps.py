"""The JavaScript of step functions in a page, made anew when the Python has changed.

Owns finding such files, by the line that ``gameserver step`` writes into them.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Collection
from typing import Final

from gameserver.stepping import javascript_of

#: The line is in the first characters of the file.
_HEAD: Final = 400
_MADE_FROM: Final = re.compile(r"Made from the Python module `([\w.]+)`")


def remake(page: pathlib.Path, modules: Collection[str]) -> list[pathlib.Path]:
    """Write the files in ``page`` that are made from ``modules`` and differ; return them.

    Raises the error of ``javascript_of`` for a function that is not in the subset.
    """
    written = []
    for file in sorted(page.rglob("*.js")):
        before = file.read_text(encoding="utf-8", errors="replace")
        made_from = _MADE_FROM.search(before[:_HEAD])
        if made_from is None or made_from[1] not in modules:
            continue
        text = javascript_of(made_from[1])
        if text != before:
            file.write_text(text, encoding="utf-8")
            written.append(file)
    return written
