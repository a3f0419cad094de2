"""A text chat: its members, their names, and the last lines that were said.

Owns the members and the history.  A text travels as the protocol's ``say`` and ``said``, which
every client supports.  The lines of the history are entities, so replication brings them to every
player who joins or resumes.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from gameserver import MAX_NAME_LENGTH, Player, Room, command, entity, handles, synced, text
from gameserver.games.names import unique_name

#: How many lines the room remembers.
HISTORY_LINES: Final = 50


@entity(rare=True)
class Member:
    """A member of the room."""

    seat: int = synced(0)
    name: str = synced("")


@entity(rare=True)
class Line:
    """A line that was said.  ``number`` counts all lines of the room so far, from 1."""

    number: int = synced(0)
    name: str = synced("")
    text: str = synced("")


@command
class Rename:
    """Change the player's name."""

    name: str = text(MAX_NAME_LENGTH)


class Chat(Room):
    """A room in which everyone receives what anyone says."""

    tick_rate = 10
    max_players = 500

    # Annotated here, so that they are part of a snapshot.
    _members: dict[int, Member]
    _history: deque[Line]
    _lines: int

    def on_create(self) -> None:
        """Open an empty room."""
        self._members = {}
        self._history = deque()
        self._lines = 0

    def on_join(self, player: Player) -> None:
        """Add the player to the list of members."""
        player.name = self._free_name(player, player.name)
        self._members[player.seat] = self.spawn(Member(player.seat, player.name), owner=player)

    def on_leave(self, player: Player, reason: str) -> None:  # noqa: ARG002 - as the hook is
        """Remove the player from the list of members; its lines stay."""
        self.despawn(self._members.pop(player.seat))

    @handles
    def rename(self, player: Player, command: Rename) -> None:
        """Change a name, except in lines that were said before."""
        player.name = self._free_name(player, command.name)
        self._members[player.seat].name = player.name

    def on_say(self, player: Player, text: str) -> str | None:
        """Send every text to everyone, and remember it."""
        heard = text.strip()
        if len(self._history) == HISTORY_LINES:
            self.despawn(self._history.popleft())
        self._lines += 1
        self._history.append(self.spawn(Line(self._lines, player.name, heard)))
        return heard

    def _free_name(self, player: Player, wanted: str) -> str:
        taken = {other.name for other in self.players.values() if other is not player}
        return unique_name(wanted, taken, fallback=f"Guest {player.seat}")
