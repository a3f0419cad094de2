"""The smallest room: it returns each question to the player who asked, and to no other.

Owns only the answer.  It is the first game to read, and a room for tests that need a reply.
"""

from __future__ import annotations

from gameserver import Player, Room, command, event, handles, number, text

#: The longest text that a player may ask for.
MAX_TEXT_LENGTH = 256


@command
class Ask:
    """A question, to be returned."""

    number: int = number(-(2**31), 2**31 - 1)
    text: str = text(MAX_TEXT_LENGTH)


@event
class Told:
    """The question, and the tick in which it was applied."""

    number: int
    text: str
    tick: int


class Echo(Room):
    """Each ``Ask`` comes back as a ``Told``."""

    @handles
    def ask(self, player: Player, command: Ask) -> None:
        """Return the question to the player who asked."""
        self.emit(Told(command.number, command.text, self.tick_number), to=player)
