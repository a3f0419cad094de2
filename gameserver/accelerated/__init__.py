"""Chooses the implementation of the hot path: the pure one, or its compiled twin.

Owns the choice, which is made once, at the first import: the compiled twins run where they were
built, unless ``GAMESERVER_PURE=1`` is set.  The pure implementation of each part is its
specification, and a twin must equal it byte for byte.  Each part calls ``twin`` to get its compiled
twin by name; nothing else depends on the choice.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, Final, Protocol, TypeVar, cast

T = TypeVar("T")

#: The compiled modules of this package, and those that only Linux has.
MODULES: Final = ("commands", "scanning")
LINUX_MODULES: Final = ("publishing", "reading")
#: The environment variable that chooses the pure implementations if it is 1.
PURE_VARIABLE: Final = "GAMESERVER_PURE"


class Compiled(Protocol):
    """A compiled module; ``SOURCES`` names the sources that it was made from."""

    SOURCES: str


def _load() -> tuple[tuple[Compiled, ...], str]:
    """Return the compiled modules, or none and the reason."""
    if os.environ.get(PURE_VARIABLE, "").strip() not in ("", "0"):
        return (), f"{PURE_VARIABLE} is set"
    try:
        names = MODULES + (LINUX_MODULES if sys.platform == "linux" else ())
        modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError):
            return (), "installed without a C compiler"
        return (), f"the compiled modules do not load: {error}"
    return cast(tuple[Compiled, ...], tuple(modules)), ""


_modules, _why_pure = _load()

#: Whether the compiled twins run.
COMPILED: Final = bool(_modules)


def loaded() -> Sequence[Compiled]:
    """Return the compiled modules that are in use."""
    return _modules


def described() -> str:
    """Return in a few words which implementation runs, and why the pure one does."""
    return "compiled" if COMPILED else f"pure Python ({_why_pure})"


def twin(name: str, pure: T) -> T:
    """Return the compiled twin called ``name`` of ``pure``, or ``pure`` itself."""
    for module in _modules:
        found: Any = getattr(module, name, None)
        if found is not None:
            chosen: T = found
            return chosen
    return pure
