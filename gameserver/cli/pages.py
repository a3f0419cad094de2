"""The page of a server, where no ``--page`` names one.

Owns finding it: the folder ``page`` of the package that a room is in; the arena's own page; or the
playground, which is made for any game.  Never serves it.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Collection, Iterable
from typing import Any

import clients
from gameserver.games.arena.room import Arena
from gameserver.room import Room
from gameserver.state.journal.replay_room import ReplayRoom

#: The folder of a package that holds its page.
FOLDER = "page"
PLAYGROUND = pathlib.Path(clients.__file__).parent / "web" / "playground"


def page_setting(rooms: Collection[type[Room]]) -> dict[str, Any]:
    """Return the setting ``page`` for ``rooms`` where none is given; nothing for the arena."""
    games = [room.game if issubclass(room, ReplayRoom) else room for room in rooms]
    if any(issubclass(game, Arena) for game in games):
        return {}
    return {"page": own_page(games) or PLAYGROUND}


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
