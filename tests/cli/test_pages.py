"""The page that a server shows where none is named."""

from __future__ import annotations

import pathlib

import pytest

from gameserver.cli.pages import PLAYGROUND, page_setting
from gameserver.games.arena.room import Arena
from gameserver.games.capture import room as capture
from gameserver.games.chat import Chat
from gameserver.room import Room


@pytest.mark.parametrize(
    ("rooms", "setting"),
    [
        ([Arena, Chat], {}),
        ([Chat], {"page": PLAYGROUND}),
        ([Chat, capture.Capture], {"page": pathlib.Path(capture.__file__).parent / "page"}),
    ],
)
def test_the_page_of_a_game(rooms: list[type[Room]], setting: dict[str, pathlib.Path]) -> None:
    assert page_setting(rooms) == setting


def test_the_playground_is_there() -> None:
    assert (PLAYGROUND / "index.html").is_file()
