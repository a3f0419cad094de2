"""A journal as a test: ``replay_journal``.

Owns the reading of the file, the search for the class of its room, and what of a replay is an error
of a test.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from gameserver.errors import JournalError
from gameserver.room import Room
from gameserver.state.journal.reader import JournalReader
from gameserver.state.journal.records import Header
from gameserver.state.journal.replay import check_game, replay


def replay_journal(
    path: str | os.PathLike[str],
    room: type[Room] | None = None,
    *,
    until_tick: int | None = None,
    verify: bool = True,
) -> Any:
    """Play the journal in the file ``path`` again, and return its room, as of ``until_tick``.

    A hook that raises raises here.  ``AssertionError`` names the first entity and field that the
    journal has another value of, with the tick and both values; not without ``verify``, for a game
    whose rules have been mended since.  ``room`` is its class, if that is not where the journal
    says.  ``JournalError`` if the file cannot be read, or is of another game.
    """
    with open(path, "rb") as file:
        try:
            reader = JournalReader(file)
            played = _room_of(reader.header) if room is None else room
            check_game(played, reader.header)
            last = None
            for last, _, mismatch in replay(played, reader, until_tick=until_tick):
                for failure in last.failures:
                    raise failure.error
                if verify and mismatch is not None:
                    raise AssertionError(f"{path}: {mismatch}")
        except JournalError as error:
            raise JournalError(f"{path}: {error}") from error
    assert last is not None, "a journal has a key frame"
    return last.room


def _room_of(header: Header) -> type[Room]:
    module, _, qualname = header.game.partition(":")
    try:
        found: Any = import_module(module)
        for name in qualname.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError, ValueError) as error:
        raise JournalError(f"its room {header.game} cannot be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Room)):
        raise JournalError(f"{header.game} is no room")
    return found
