"""The smallest room: what one asks is told back, to that one only.

Owns nothing but the answer.  A start for reading, and a room for tests that need a sure reply.
"""

from __future__ import annotations

from gameserver import Player, Room, command, event, number, text

#: Characters and numbers that come back are limited as all commands are.
MAX_TEXT_LENGTH = 256


@command
class Ask:
    """Something to be told back."""

    number: int = number(-(2**31), 2**31 - 1)
    text: str = text(MAX_TEXT_LENGTH)


@event
class Told:
    """What was asked, and in which tick it was heard."""

    number: int
    text: str
    tick: int


class Echo(Room):
    """Each ``Ask`` comes back as a ``Told``."""

    def on_command(self, player: Player, command: Ask) -> None:
        """Tell it to whoever asked."""
        self.emit(Told(command.number, command.text, self.tick_number), to=player)
