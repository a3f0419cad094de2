"""``gameserver deploy``: the files that deploy a game, for the tools that run it.

Owns the command's arguments and what it prints.  ``gameserver.deploying`` makes the files.
"""

from __future__ import annotations

import pathlib
import tomllib
from typing import Annotated, Any, Final, Literal

from cyclopts import Parameter
from rich.console import Console

from gameserver.cli.errors import UsageError
from gameserver.cli.flags import NO_FLAGS, ConfigFile, Flags
from gameserver.config import Settings
from gameserver.deploying.game import Game, name_of, without_secrets
from gameserver.deploying.recipes import RECIPES
from gameserver.ops.output import unfailing_output

Recipe = Literal[
    "systemd", "caddy", "haproxy", "nginx", "compose", "kubernetes", "agones", "grafana"
]
#: Recipes that do not run the game, so they need no room.
BESIDE_THE_GAME: Final = frozenset({"caddy", "haproxy", "nginx", "grafana"})


@unfailing_output()
def deploy(
    recipe: Annotated[Recipe, Parameter(help="For which tool.")],
    *rooms: Annotated[str, Parameter(help="Rooms as module:Class; the first is the default.")],
    name: Annotated[str | None, Parameter(help="The game's name; by default its package.")] = None,
    to: Annotated[
        pathlib.Path | None, Parameter(help="A folder for the files; by default deploy/RECIPE.")
    ] = None,
    server: Annotated[
        tuple[str, ...],
        Parameter(help="HOST:PORT of a server behind a proxy; once for each.", negative=()),
    ] = (),
    config: ConfigFile = None,
    flags: Flags = NO_FLAGS,
) -> None:
    """Write the files that deploy your game: services, proxies, containers, graphs."""
    if not rooms and recipe not in BESIDE_THE_GAME:
        raise UsageError(f"name a room, as in: gameserver deploy {recipe} mygame:MyRoom")
    given = _given(config, flags)
    folder = to or pathlib.Path("deploy") / recipe
    port = given.get("port", Settings().port)
    game = Game(
        name=name_of(rooms, name or (None if rooms else "gameserver")),
        rooms=rooms,
        given=without_secrets(given),
        servers=server or (f"127.0.0.1:{port}",),
        folder=folder,
    )
    deployment = RECIPES[recipe](game)
    console = Console()
    lines = [f"wrote {path}" for path in deployment.write(folder)]
    lines += ["", "Then:", *(f"- {step}" for step in deployment.steps)]
    if secrets := sorted(given.keys() - game.given.keys()):
        lines.append(f"- give the server its {', '.join(secrets)}, which no file here repeats")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _given(config: pathlib.Path | None, flags: Flags) -> dict[str, Any]:
    """Return the settings of file and flags as they were given; ``ConfigError`` for a wrong one."""
    flags.settings(config)
    given = {} if config is None else tomllib.loads(config.read_text())
    return {**given, **flags.given()}
