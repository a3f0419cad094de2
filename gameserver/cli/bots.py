"""``gameserver bots``: bots that play on a running server.

Owns the command's arguments only; ``clients/bots`` plays.
"""

from __future__ import annotations

import pathlib
import sys
from typing import Annotated

from cyclopts import Parameter

from gameserver.cli.bot_flags import BotClass, Profiles, RoomToJoin, Seed, import_bots
from gameserver.ops.output import unfailing_output


@unfailing_output()
def bots(
    url: Annotated[str, Parameter(help="The server, as in ws://127.0.0.1:8000/.")],
    *,
    bot: BotClass = None,
    count: Annotated[int, Parameter(help="How many bots.")] = 10,
    room: RoomToJoin = None,
    processes: Annotated[
        int | None,
        Parameter(help="Number of processes; by default one per 100 bots, at most one per core."),
    ] = None,
    seed: Seed = None,
    duration: Annotated[
        float | None, Parameter(help="Seconds to play; until Ctrl-C by default.")
    ] = None,
    fill: Annotated[bool, Parameter(help="Each person who joins replaces a bot.")] = False,
    ca_file: Annotated[
        pathlib.Path | None, Parameter(help="Certificates to trust for wss, PEM.")
    ] = None,
    profile: Profiles = "",
    attached: Annotated[bool, Parameter(help="End when standard input ends.")] = False,
) -> None:
    """Have bots play on a server: for company, or as a load."""
    from clients.bots.bot_names import ARENA_BOTS
    from clients.bots.swarm import run_bots

    import_bots(bot)
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
