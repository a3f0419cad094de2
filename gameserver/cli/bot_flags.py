"""The flags of the commands that run bots: ``bots`` and ``load``.

Owns their help, and importing the module of a bot's class with errors in one line.
"""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from gameserver.cli.module_names import import_from_here

BotClass = Annotated[
    str | None, Parameter(help="Class of the bots, as in mybots:Chaser; the arena's by default.")
]
RoomToJoin = Annotated[
    str | None, Parameter(help="The room to join, as in arena/7; that of the bots by default.")
]
Profiles = Annotated[
    str, Parameter(help="Bad links, shared out among the bots, as in mobile,train,150ms.")
]
Seed = Annotated[int | None, Parameter(help="Makes the bots' decisions repeatable.")]


def import_bots(bot: str | None) -> None:
    """Import the module of ``bot``; ``UsageError`` says what is wrong with it."""
    if bot is not None:
        import_from_here(bot.partition(":")[0])
