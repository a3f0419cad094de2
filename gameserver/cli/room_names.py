"""Rooms by name: ``module:Class`` on the command line.

Owns the form of the name, and the error messages if something is missing.  Never makes a room.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gameserver.cli.errors import UsageError
from gameserver.cli.module_names import import_from_here
from gameserver.room import Room


def load_rooms(targets: Sequence[str]) -> dict[str, type[Room]]:
    """Return the rooms that ``targets`` name, by kind: the class name in lower case.

    A target is ``module:Class``.  The working directory is searched for modules first.
    ``UsageError`` says what is missing.
    """
    kinds: dict[str, type[Room]] = {}
    for target in targets:
        room = load_room(target)
        kind = room.__name__.lower()
        if kind in kinds:
            raise UsageError(f"two rooms are both called {kind}")
        kinds[kind] = room
    return kinds


def load_room(target: str) -> type[Room]:
    """Return the room that ``module:Class`` names; ``UsageError`` says what is not there."""
    module_name, colon, class_name = target.partition(":")
    if module_name.endswith(".py"):
        meant = module_name.removesuffix(".py").replace("/", ".")
        raise UsageError(f"{target!r} names a file; name the module: {meant}:{class_name}")
    if not (re.fullmatch(r"\w+(\.\w+)*", module_name) and colon and class_name.isidentifier()):
        raise UsageError(f"{target!r} is not of the form module:Class, as in mygame:MyRoom")
    module = import_from_here(module_name)
    room = getattr(module, class_name, None)
    if room is None:
        names = [n for n, v in vars(module).items() if _is_room(v)]
        there = f"; it has {', '.join(names)}" if names else ""
        raise UsageError(f"{module_name} has no room {class_name}{there}")
    if not _is_room(room):
        raise UsageError(f"{target} is not a subclass of gameserver.Room")
    return room  # type: ignore[no-any-return]


def _is_room(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Room) and value is not Room
