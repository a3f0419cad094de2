"""A bot, which is a client like a page: it chats.

``gameserver bots ws://127.0.0.1:8000/ --bot gameserver.templates.chat.bots:Talker --count 2``
"""

from typing import Any

from clients.bots import Bot, View
from gameserver.templates.chat.room import Game

LINES = ("Hello.", "Nice weather.", "I am a bot.", "Who else is here?", "Tea?", "Good night.")


class Talker(Bot):
    schema = Game.schema()
    acts_per_s = 1

    def act(self, view: View) -> Any:
        """Return what to do now: a command, a text to say, or None."""
        return self.chance.choice(LINES) if self.chance.random() < 0.2 else None
