"""The step of each page is made from the one that its room has."""

from __future__ import annotations

import pytest

from gameserver.stepping import javascript_of
from tests.support.paths import ROOT

#: Where ``gameserver step`` has written each module.
MADE = {
    "arena.movement": "clients/web/arena/movement.js",
    "arena.ship_step": "clients/web/arena/ship_step.js",
    "capture.movement": "gameserver/games/capture/page/movement.js",
}


@pytest.mark.parametrize("module", MADE)
def test_the_browsers_file_is_made_from_the_servers(module: str) -> None:
    name = f"gameserver.games.{module}"
    again = f"gameserver step {name} > {MADE[module]}"
    assert (ROOT / MADE[module]).read_text() == javascript_of(name), again
