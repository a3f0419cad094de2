"""A fault in an author's code, as a page and a terminal show it: one line, a file and a place.

Owns finding the author's own frame in a traceback, and the lines around it.
"""

from __future__ import annotations

import linecache
import pathlib
import traceback
from collections.abc import Callable
from typing import Any, Final

import attrs

#: Lines shown before and after the one at fault.
AROUND: Final = 3


@attrs.frozen
class Fault:
    """An error and its place: ``line`` counts from 1; 0 without a place."""

    title: str
    text: str
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        place = f"{pathlib.Path(self.file).name}:{self.line}: " if self.line else ""
        return f"{place}{self.title}: {self.text}"

    def to_json(self) -> dict[str, Any]:
        """Return it for the page, with the lines of code around the place."""
        first = max(1, self.line - AROUND)
        code = [linecache.getline(self.file, first + n) for n in range(2 * AROUND + 1)]
        lines = [[first + n, line.rstrip("\n")] for n, line in enumerate(code) if line]
        return {
            "title": self.title,
            "text": self.text,
            "file": self.file,
            "line": self.line,
            "code": lines if self.line else [],
        }


def fault_of(error: BaseException, title: str, is_own: Callable[[str], bool]) -> Fault:
    """Return the fault that an exception shows; ``is_own`` says which files are the author's.

    The innermost frame in such a file is the place; where there is none, that of the cause.
    """
    linecache.checkcache()
    each: BaseException | None = error
    while each is not None:
        if isinstance(each, SyntaxError) and each.filename is not None:
            return Fault(type(each).__name__, each.msg, each.filename, each.lineno or 0)
        frames = [f for f in traceback.extract_tb(each.__traceback__) if is_own(f.filename)]
        if frames:
            frame = frames[-1]
            name = title if each is not error else title or type(each).__name__
            return Fault(name, _text_of(error), frame.filename, frame.lineno or 0)
        each = each.__cause__
    return Fault(title, _text_of(error))


def _text_of(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
