"""Rooms of text: names, who is there, and what was said before one came.

Owns the members and the history.  A text travels as the protocol's ``say`` and ``said``, which
every client has; the history is entities, so that it reaches whoever joins (or lost track)
as the rest of the world does, whatever their number.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from gameserver import MAX_NAME_LENGTH, Player, Room, command, entity, synced, text
from gameserver.games.names import unique_name

#: Lines that the room remembers.
HISTORY_LINES: Final = 50


@entity(rare=True)
class Member:
    """One who is in the room."""

    seat: int = synced(0)
    name: str = synced("")


@entity(rare=True)
class Line:
    """Something that was said.  ``number`` counts all that the room ever heard, from 1."""

    number: int = synced(0)
    name: str = synced("")
    text: str = synced("")


@command
class Rename:
    """Be called something else from now on."""

    name: str = text(MAX_NAME_LENGTH)


class Chat(Room):
    """Say something, and everyone in the room hears it."""

    tick_rate = 10
    max_players = 500

    def on_create(self) -> None:
        """Open an empty room."""
        self._members: dict[int, Member] = {}
        self._history: deque[Line] = deque()
        self._lines = 0

    def on_join(self, player: Player) -> None:
        """Put the newcomer on the list."""
        player.name = self._free_name(player, player.name)
        self._members[player.seat] = self.spawn(Member(player.seat, player.name), owner=player)

    def on_leave(self, player: Player, reason: str) -> None:  # noqa: ARG002 - as the hook is
        """Take the member off the list; what it said stays."""
        self.despawn(self._members.pop(player.seat))

    def on_command(self, player: Player, command: Rename) -> None:
        """Change a name, everywhere but in what was said."""
        player.name = self._free_name(player, command.name)
        self._members[player.seat].name = player.name

    def on_say(self, player: Player, text: str) -> str | None:
        """Let everything through, and remember it."""
        heard = text.strip()
        if len(self._history) == HISTORY_LINES:
            self.despawn(self._history.popleft())
        self._lines += 1
        self._history.append(self.spawn(Line(self._lines, player.name, heard)))
        return heard

    def _free_name(self, player: Player, wanted: str) -> str:
        taken = {other.name for other in self.players.values() if other is not player}
        return unique_name(wanted, taken, fallback=f"Guest {player.seat}")
