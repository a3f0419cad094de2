"""The page of a game, where no ``--page`` names one.

Owns finding it: the folder ``page`` of the package that the room's module is in.  Never serves it.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Iterable

from gameserver.room import Room

#: The folder of a package that holds its page.
FOLDER = "page"


def page_setting(rooms: Iterable[type[Room]]) -> dict[str, pathlib.Path]:
    """Return the setting ``page`` that a command has by default for ``rooms``, if any."""
    page = own_page(rooms)
    return {} if page is None else {"page": page}


def own_page(rooms: Iterable[type[Room]]) -> pathlib.Path | None:
    """Return the page of the first of ``rooms`` that has one in its package, or None."""
    for room in rooms:
        module = sys.modules[room.__module__]
        package = module.__name__ if hasattr(module, "__path__") else module.__package__
        for home in getattr(sys.modules.get(package or ""), "__path__", ()):
            folder = pathlib.Path(home) / FOLDER
            if (folder / "index.html").is_file():
                return folder
    return None
