"""Arenas for the browser tests, served as an author's own rooms are: from the working directory."""

from __future__ import annotations

from gameserver.games.arena import room
from gameserver.games.arena.model import Rock
from gameserver.games.arena.rocks import RockField


class Arena(room.Arena):
    """No rock is in anyone's way, and everyone sees everyone."""

    view = None  # type: ignore[assignment]  # of a room it may be None; the arena's is not

    def on_create(self) -> None:
        super().on_create()
        for rock in list(self.world.of_class(Rock)):
            self.despawn(rock)
        self.rocks = RockField([])


class Tiny(Arena):
    """There is room for one."""

    max_players = 1
    hold_s = 1.0  # who waits for the one seat need not wait for long
