"""Package exports that are imported when they are first used.

Owns ``lazy_exports``, with which ``gameserver`` and ``clients`` offer their public names.  Without
it, importing any pure module would import the package first, and with that Trio and the server.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def lazy_exports(
    package: str, exports: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` (PEP 562) of ``package``.

    ``exports`` maps each module to the names that the package takes from it.
    """
    modules = {name: module for module, names in exports.items() for name in names}
    namespace = vars(sys.modules[package])

    def getattr_(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(modules[name]), name)
        namespace[name] = value  # from now on this function is not asked
        return value

    def dir_() -> list[str]:
        return sorted({*namespace, *modules})

    return getattr_, dir_
