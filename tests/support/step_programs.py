"""Programs of the subset of ``gameserver step``, run in both languages side by side.

Owns ``BothLanguages``: it writes a module, translates it, and compares all answers, bit by bit.
"""

from __future__ import annotations

import importlib
import itertools
import json
import math
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from gameserver.stepping import checked, javascript_of
from tests.support.node_tools import require_node
from tests.support.paths import TESTS

RAISED: Final = "raised"
_ERRORS: Final = (ArithmeticError, ValueError, IndexError)


def encoded(value: Any) -> Any:
    """Return a value as it travels; see ``run_programs.mjs``."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        if math.isnan(value):
            return "nan"
        return struct.pack(">d", value).hex()
    if hasattr(value, "_fields"):
        return {name: encoded(getattr(value, name)) for name in value._fields}
    if hasattr(value, "__attrs_attrs__"):
        return {field.name: encoded(getattr(value, field.name)) for field in value.__attrs_attrs__}
    return [encoded(each) for each in value]


def answer(step: Any, values: Sequence[Any]) -> Any:
    """Return what a step answers, as it travels."""
    try:
        return encoded(step(*values))
    except _ERRORS:
        return RAISED


class BothLanguages:
    """A folder for modules, and a process of Node.js."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)
        self._node = subprocess.Popen(
            [*require_node(), str(TESTS / "stepping" / "run_programs.mjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End the process."""
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        self._node.stdin.close()
        self._node.wait(timeout=120)
        self._node.stdout.close()

    def module(self, source: str) -> str:
        """Write a module and return its name."""
        name = f"step_program_{next(self._numbers)}"
        (self._folder / f"{name}.py").write_text(source)
        importlib.invalidate_caches()
        return name

    def in_javascript(self, code: str, name: str, calls: Sequence[Sequence[Any]]) -> list[Any]:
        """Return the answers of a function in JavaScript."""
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        calls = [encoded(values) for values in calls]
        self._node.stdin.write(json.dumps({"code": code, "name": name, "calls": calls}) + "\n")
        self._node.stdin.flush()
        answers: list[Any] = json.loads(self._node.stdout.readline())
        return answers

    def compare(self, source: str, name: str, calls: Sequence[Sequence[Any]]) -> list[Any]:
        """Return the answers, which are the same in both languages."""
        module = self.module(source)
        code = javascript_of(module)
        limited = getattr(checked(module), name)
        plain = getattr(importlib.import_module(module), name)
        in_python = [answer(limited, values) for values in calls]
        in_javascript = self.in_javascript(code, name, calls)
        for values, one, other in zip(calls, in_python, in_javascript, strict=True):
            assert one == other, f"{values}: Python {one}, JavaScript {other}\n{source}\n{code}"
            assert one == RAISED or one == answer(plain, values)
        return in_python


@contextmanager
def both_languages(folder: Path) -> Iterator[BothLanguages]:
    """Give the means to compare; modules in ``folder`` are forgotten at the end."""
    known = set(sys.modules)
    sys.path.insert(0, str(folder))
    both = BothLanguages(folder)
    try:
        yield both
    finally:
        both.close()
        sys.path.remove(str(folder))
        for name in set(sys.modules) - known:
            if name.startswith("step_program_"):
                del sys.modules[name]
