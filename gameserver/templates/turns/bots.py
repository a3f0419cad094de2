"""A bot, which is a client like a page: it puts the first card that fits.

``gameserver bots ws://127.0.0.1:8000/ --bot gameserver.templates.turns.bots:Gambler --count 2``
"""

from typing import Any

from clients.bots import Bot, View
from gameserver.templates.turns.room import Draw, Game, Put


class Gambler(Bot):
    schema = Game.schema()
    acts_per_s = 1  # it takes its time

    def act(self, view: View) -> Any:
        """Return what to do now: a command, a text to say, or None."""
        table, me = next(iter(view.of_kind("Table")), None), view.own
        if table is None or me is None or table.seat != view.seat:
            return None
        top = table.top
        fits = [card for card in me.cards if card.suit is top.suit or card.rank == top.rank]
        return Put(fits[0]) if fits else Draw()
