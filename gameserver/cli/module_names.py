"""Modules by name on the command line: found from the working directory first.

Owns importing them, and the error messages if one is missing.
"""

from __future__ import annotations

import importlib
import pathlib
import re
import sys
import traceback
import types
from difflib import get_close_matches
from typing import Final

import gameserver
from gameserver.cli.errors import UsageError
from gameserver.errors import GameServerError

_PACKAGE: Final = pathlib.Path(gameserver.__file__).parent


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
            # The module exists, but one that it imports does not.
            raise UsageError(
                f"{name} imports {error.name}, which is not there: install it, or mend the name"
                f"{_place_in(error)}"
            ) from error
        raise UsageError(f"there is no module {name} in {here}") from error
    except GameServerError as error:
        raise UsageError(f"{error}{_place_in(error)}") from error
    except SyntaxError as error:
        file = pathlib.Path(error.filename or name).name
        raise UsageError(f"{file}:{error.lineno}: {type(error).__name__}: {error.msg}") from error
    except ImportError as error:
        raise UsageError(f"{_import_complaint(error)}{_place_in(error)}") from error
    except Exception as error:  # raised by the game's module
        text = " ".join(str(error).split())
        raise UsageError(
            f"{name} raised {type(error).__name__}: {text}{_place_in(error)}"
        ) from error


def _place_in(error: Exception) -> str:
    """Return the last line of a file beside the working directory's that raised ``error``."""
    here = pathlib.Path.cwd()
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if (file := pathlib.Path(frame.filename)).is_relative_to(here)
        and not file.is_relative_to(_PACKAGE)
        and "site-packages" not in file.parts
    ]
    return f" ({pathlib.Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""


def _import_complaint(error: ImportError) -> str:
    missing = re.match(r"cannot import name '(\w+)' from 'gameserver'", str(error))
    if missing is None:
        return " ".join(str(error).split())
    close = get_close_matches(missing[1], gameserver.__all__, n=1)
    return f"gameserver has no {missing[1]}" + (f"; is {close[0]} meant?" if close else "")
