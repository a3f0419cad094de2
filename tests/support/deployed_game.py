"""A game with two rooms, for tests of what ``gameserver deploy`` writes."""

from __future__ import annotations

import pathlib
from typing import Any

from gameserver.deploying.game import Game

NAME = "mygame"
HOST = "play.example.org"


def game(**given: Any) -> Game:
    return Game(
        name=NAME,
        rooms=("mygame:Duel", "mygame.team:Match"),
        given={"hosts": HOST, **given},
        servers=("127.0.0.1:8000",),
        folder=pathlib.Path("deploy"),
    )
