"""``gameserver bots``: bots that play on a running server.

Owns the command's arguments only; ``clients/bots`` plays.
"""

from __future__ import annotations

import pathlib
import sys
from typing import Annotated

from cyclopts import Parameter

from gameserver.cli.module_names import import_from_here
from gameserver.ops.output import unfailing_output


@unfailing_output()
def bots(
    url: str,
    *,
    bot: Annotated[
        str | None, Parameter(help="Class of the bots, as in mybots:Chaser; else the arena's.")
    ] = None,
    count: Annotated[int, Parameter(help="How many bots.")] = 10,
    room: Annotated[
        str | None, Parameter(help="The room to join, as in arena or arena/7; else the bot's own.")
    ] = None,
    processes: Annotated[
        int | None,
        Parameter(help="Number of processes; by default one per 100 bots, at most one per core."),
    ] = None,
    seed: Annotated[int | None, Parameter(help="Makes their decisions repeatable.")] = None,
    duration: Annotated[float | None, Parameter(help="Seconds to play; else until Ctrl-C.")] = None,
    fill: Annotated[bool, Parameter(help="Each person who joins replaces a bot.")] = False,
    ca_file: Annotated[
        pathlib.Path | None, Parameter(help="Certificates to trust for wss, PEM.")
    ] = None,
    profile: Annotated[
        str, Parameter(help="Links of the lab, spread over the bots, as in mobile,train,150ms.")
    ] = "",
    attached: Annotated[bool, Parameter(help="End when standard input ends.")] = False,
) -> None:
    """Have bots play on a server: for company, or as a load."""
    from clients.bots.bot_names import ARENA_BOTS
    from clients.bots.swarm import run_bots

    if bot is not None:
        import_from_here(bot.partition(":")[0])  # its errors are in one line
    code = run_bots(
        url,
        count=count,
        bot=bot or ARENA_BOTS,
        room=room,
        processes=processes,
        seed=seed,
        fill_to=count if fill else None,
        ca_file=ca_file,
        profiles=profile,
        duration_s=duration,
        attached=attached,
    )
    sys.exit(code)
