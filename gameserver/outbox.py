"""The outbox of a room: plain lists of what its hooks want to be sent or done.

Owns one rule: every text is cleaned when it is added.  ``simulation/stepper.py`` empties the lists.
"""

from __future__ import annotations

import attrs

from gameserver.protocol.texts import cleaned_text
from gameserver.replication.events import Emission


@attrs.frozen
class Text:
    """A text on its way to some seats, or to all (``to`` None), and the seat and name that said it.

    The server speaks from seat 0 and has no name.
    """

    seat: int
    name: str
    text: str
    to: tuple[int, ...] | None


@attrs.define
class Outbox:
    """The events and texts to send, in order, and the seats whose players were kicked."""

    emissions: list[Emission] = attrs.field(factory=list)
    texts: list[Text] = attrs.field(factory=list)
    kicked: list[int] = attrs.field(factory=list)

    def say(self, seat: int, name: str, text: str, to: tuple[int, ...] | None) -> None:
        """Clean ``text`` and add it, unless it is empty then."""
        if clean := cleaned_text(text):
            self.texts.append(Text(seat, name, clean, to))
