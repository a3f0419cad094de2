"""A room that can be joined, as the lobby and its lists see it.

Owns reading the game's attributes of the room (``locked``, ``private``, ``listing``), which may
hold anything.  Never finds, makes or closes a room; ``lobby.py`` does.
"""

from __future__ import annotations

from typing import Any

import attrs
import structlog
import trio

from gameserver.errors import LocalProtocolError
from gameserver.runtime.rooms.joinable import Key
from gameserver.runtime.rooms.room_task import RoomTask
from gameserver.simulation.matchable import filter_values, listed

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class OpenRoom:
    """A room that can be joined."""

    #: Higher for every room that is made later.
    serial: int
    kind: str
    name: str
    task: RoomTask
    #: The client whose quota counts the room, or None.
    maker: str | None
    #: Set while the room is empty: the wait until it closes.
    empty: trio.CancelScope | None = None
    #: Whether an operator has locked the room, whatever the game does.
    locked_by_operator: bool = False
    #: Whether a wrong listing has been logged.
    complained: bool = False

    @property
    def players(self) -> int:
        """How many players are in it."""
        return len(self.task.room.players)

    def occupied(self) -> None:
        """Note that a seat is taken: the room does not close."""
        if self.empty is not None:
            self.empty.cancel()
            self.empty = None

    @property
    def free_seats(self) -> int:
        """How many seats are free."""
        return self.task.room.max_players - self.task.roster.seats_taken

    @property
    def private(self) -> bool:
        """Whether lists do not show it."""
        return self.task.room.private

    @property
    def locked(self) -> bool:
        """Whether the game or an operator lets nobody in; players who are in it come back."""
        return self.locked_by_operator or self.task.room.locked

    def listing(self) -> dict[str, Any]:
        """Return the room's listing for ``/rooms``."""
        room = self.task.room
        try:
            told = listed(room)
        except (LocalProtocolError, AttributeError):  # the game wrote a wrong value into it
            if not self.complained:
                self.complained = True
                log.exception("the listing of a room is wrong", room=self.task.label)
            told = {}
        return {
            "name": self.task.label,
            "kind": self.kind,
            "players": self.players,
            "max_players": room.max_players,
            "locked": self.locked,
            "listing": told,
            "tick": room.tick_number,
            "tick_rate": room.tick_rate,
        }

    @property
    def is_overloaded(self) -> bool:
        """Whether the room is at a step of the overload ladder that refuses joins."""
        return self.task.ladder.step.refuses_joins

    @property
    def filter_names(self) -> tuple[str, ...]:
        """The names of the values in ``filter_values``, in their order."""
        return tuple(self.task.room.filter_by)

    @property
    def filter_values(self) -> Key | None:
        """The present filter values of the room; None if the server may not choose it."""
        room, roster = self.task.room, self.task.roster
        if self.locked or room.private or roster.full or self.is_overloaded or self.task.ended:
            return None
        try:
            values = filter_values(room)
            hash(values)
        except (AttributeError, TypeError):  # the game wrote a wrong value into its listing
            return None
        return values
