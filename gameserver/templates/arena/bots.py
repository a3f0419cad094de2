"""A bot, which is a client like a page: it flies about, and shoots at the nearest ship.

``gameserver bots ws://127.0.0.1:8000/ --bot gameserver.templates.arena.bots:Hunter --count 3``
"""

import math
import random
from typing import Any

from clients.bots import Bot, View
from gameserver.templates.arena.room import Game, Steer


class Hunter(Bot):
    schema = Game.schema()
    acts_per_s = 10

    def __init__(self, name: str, seat: int, chance: random.Random) -> None:
        super().__init__(name, seat, chance)
        self.wish = Steer()

    def act(self, view: View) -> Any:
        """Return what to do now: a command, a text to say, or None."""
        me, others = view.own, view.others("Ship")
        if self.chance.random() < 0.1:
            self.wish = Steer(dx=self.chance.randint(-1, 1), dy=self.chance.randint(-1, 1))
        if me is not None and others:
            near = min(others, key=lambda ship: math.hypot(ship.x - me.x, ship.y - me.y))
            self.wish.aim = math.atan2(near.y - me.y, near.x - me.x)
            self.wish.fire = self.chance.random() < 0.3
        return self.wish
