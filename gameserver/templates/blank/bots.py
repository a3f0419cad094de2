"""A bot, which is a client like a page: it wanders about.

``gameserver bots ws://127.0.0.1:8000/ --bot gameserver.templates.blank.bots:Wanderer --count 3``
"""

from typing import Any

from clients.bots import Bot, View
from gameserver.templates.blank.room import Game, Move


class Wanderer(Bot):
    schema = Game.schema()
    acts_per_s = 2

    def act(self, view: View) -> Any:
        """Return what to do now: a command, a text to say, or None."""
        return Move(dx=self.chance.randint(-1, 1), dy=self.chance.randint(-1, 1))
