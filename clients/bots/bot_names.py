"""Bots by name, as in ``mybots:Chaser``.

Owns finding the class, and the error messages if it is not there.
"""

from __future__ import annotations

import importlib
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from clients.bots.bot import Bot
from gameserver.errors import LocalProtocolError

ARENA_BOTS: Final = "clients.bots.behaviours:ArenaBot"


def bot_named(name: str) -> type[Bot]:
    """Return the class of ``module:Class``, from the working directory first.

    ``LocalProtocolError`` if it is no bot.  Exceptions of the module are raised as they are.
    """
    module_name, colon, class_name = name.partition(":")
    if not colon or not module_name or not class_name:
        raise LocalProtocolError(f"{name!r} does not name a bot, as in mybots:Chaser")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    module = importlib.import_module(module_name)
    found = getattr(module, class_name, None)
    if isinstance(found, type) and issubclass(found, Bot) and found is not Bot:
        return found
    bots = sorted(
        key
        for key, one in vars(module).items()
        if isinstance(one, type) and issubclass(one, Bot) and one is not Bot
    )
    if found is not None:
        raise LocalProtocolError(f"{name} is no subclass of clients.bots.Bot")
    close = get_close_matches(class_name, bots, n=1)
    hint = f"; is {close[0]} meant?" if close else f"; it has {', '.join(bots)}" if bots else ""
    raise LocalProtocolError(f"{module_name} has no {class_name}{hint}")
