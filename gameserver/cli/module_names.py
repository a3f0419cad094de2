"""Modules by name on the command line: found from the working directory first.

Owns importing them, and the error messages if one is missing.
"""

from __future__ import annotations

import importlib
import pathlib
import re
import sys
import types

from gameserver.cli.errors import UsageError


def import_from_here(name: str) -> types.ModuleType:
    """Import the module; ``UsageError`` says what is not there, or not a module's name."""
    here = str(pathlib.Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    if name.endswith(".py"):
        meant = name.removesuffix(".py").replace("/", ".")
        raise UsageError(f"{name!r} names a file; name the module: {meant}")
    if not re.fullmatch(r"\w+(\.\w+)*", name):
        raise UsageError(f"{name!r} is not the name of a module, as in mygame.movement")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # the module exists, but one that it imports does not
        raise UsageError(f"there is no module {name} in {here}") from error
