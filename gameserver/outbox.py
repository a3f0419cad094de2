"""The outbox of a room: plain lists of what its hooks want to be sent or done.

Owns one rule: every text is cleaned when it is added.  ``simulation/stepper.py`` empties the lists.
"""

from __future__ import annotations

from typing import Any

import attrs

from gameserver.errors import JoinRefused, LocalProtocolError
from gameserver.model.plain_options import plain_options
from gameserver.protocol.names import parse_room_request
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


@attrs.frozen
class Move:
    """Players who move to another room together: their seats, the room asked for, and options.

    ``room`` may end in a query, whose fields are filters.  ``options`` are by name.  With None each
    player keeps its own options, if the other room has the same options class.
    """

    seats: tuple[int, ...]
    room: str
    options: dict[str, Any] | None


@attrs.define
class Outbox:
    """The events and texts to send, in order, the seats that were kicked, and moves."""

    emissions: list[Emission] = attrs.field(factory=list)
    texts: list[Text] = attrs.field(factory=list)
    kicked: list[int] = attrs.field(factory=list)
    moves: list[Move] = attrs.field(factory=list)

    def move(self, seats: tuple[int, ...], room: str, options: Any) -> None:
        """Check a move and add it; ``LocalProtocolError`` if it is not possible."""
        try:
            parse_room_request(room.partition("?")[0])
        except (JoinRefused, AttributeError):
            raise LocalProtocolError(
                f"{room!r} is no room: write kind, kind/name or kind?field=value"
            ) from None
        self.moves.append(Move(seats, room, None if options is None else plain_options(options)))

    def say(self, seat: int, name: str, text: str, to: tuple[int, ...] | None) -> None:
        """Clean ``text`` and add it, unless it is empty then."""
        if clean := cleaned_text(text):
            self.texts.append(Text(seat, name, clean, to))
