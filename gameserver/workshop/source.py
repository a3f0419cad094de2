"""The author's modules: which they are, importing them anew, and putting the former ones back.

Owns ``sys.modules`` for these modules only.  Never touches a room.
"""

from __future__ import annotations

import importlib
import os
import pathlib
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from gameserver.room import Room

Kinds = Mapping[str, type[Room]]
#: Folders of these names have nothing of the author's.
FOREIGN_FOLDERS: Final = frozenset({"site-packages", "dist-packages", "node_modules"})
#: The server itself and its clients, unless the room is in one of their packages.
SERVER: Final = frozenset({"gameserver", "clients"})


class Source:
    """The modules that the rooms come from.  ``load`` imports them and returns the rooms."""

    def __init__(self, load: Callable[[], Kinds]) -> None:
        # Bytecode files note the time of their source in whole seconds, so the second of two
        # changes within a second would go unnoticed.
        sys.dont_write_bytecode = True
        self._load = load
        self._here = pathlib.Path.cwd().resolve()
        #: The newest rooms that could be loaded.
        self.kinds: Kinds = load()
        self._packages = {_package_of(room) for room in self.kinds.values()}

    def modules(self) -> dict[str, types.ModuleType]:
        """Return the author's modules by name."""
        return {name: m for name, m in list(sys.modules.items()) if self._is_own(name, m)}

    def files(self) -> list[pathlib.Path]:
        """Return the files of the author's modules."""
        return [file for each in self.modules().values() if (file := _file_of(each)) is not None]

    def is_own(self, file: str) -> bool:
        """Whether a file is one of the author's modules, or a new one beside them."""
        return pathlib.Path(file).parent in folders_of(self.files())

    def load_anew(self) -> Kinds:
        """Import all modules again and return their rooms; ``restore`` undoes it.

        Raises whatever importing them raises, and leaves the former modules in place then.
        """
        former = self.modules()
        for name in former:
            del sys.modules[name]
        importlib.invalidate_caches()
        try:
            return self._load()
        except BaseException:
            self.restore(former)
            raise

    def restore(self, former: Mapping[str, types.ModuleType]) -> None:
        """Put modules back that ``modules`` has returned before."""
        for name in self.modules():
            del sys.modules[name]
        for name, module in former.items():
            sys.modules[name] = module
            package, _, child = name.rpartition(".")
            if package in sys.modules:
                setattr(sys.modules[package], child, module)

    def _is_own(self, name: str, module: types.ModuleType) -> bool:
        if any(name == each or name.startswith(f"{each}.") for each in self._packages):
            return True
        if name == "__main__" or name.partition(".")[0] in SERVER:
            return False
        file = getattr(module, "__file__", None)
        # Few of a thousand modules are here; for the others a comparison of texts is enough.
        if not (isinstance(file, str) and file.startswith(f"{self._here}{os.sep}")):
            return False
        parts = pathlib.Path(file).relative_to(self._here).parts
        return not any(part in FOREIGN_FOLDERS or part.startswith(".") for part in parts)


def folders_of(files: Iterable[pathlib.Path]) -> set[pathlib.Path]:
    """Return the folders that files are in."""
    return {file.parent for file in files}


def _package_of(room: type[Room]) -> str:
    """Return the package of a room's module, or the module if it is in none."""
    module = sys.modules[room.__module__]
    return module.__package__ or module.__name__


def _file_of(module: types.ModuleType) -> pathlib.Path | None:
    file = getattr(module, "__file__", None)
    return pathlib.Path(file).resolve() if isinstance(file, str) else None
