"""The watch on a room's hooks: hooks that raise, and hooks that block the server.

Owns the log lines and the counts of both, and the decision that a room blocks too often.
Never ends anything: ``room_task.py`` does.
"""

from __future__ import annotations

from typing import Any, Final

from structlog.stdlib import BoundLogger

from gameserver.room import Player, Room
from gameserver.simulation.stepper import HookFailure

#: A hook that takes this long has blocked the whole server: all rooms, and all connections.
BLOCK_S: Final = 1.0
#: How many ticks in a row may block it, the last of which ends the room.
MAX_BLOCKS: Final = 3


class HookWatch:
    """Watches the hooks of ``room``."""

    __slots__ = (
        "_in_a_row",
        "_log",
        "_room",
        "blocks",
        "failures",
    )

    def __init__(self, room: Room, log: BoundLogger) -> None:
        #: Hooks that raised, and hooks that took ``BLOCK_S`` or longer.
        self.failures = 0
        self.blocks = 0
        self._room = room
        self._log = log
        #: How many of the latest ticks in a row blocked the server.
        self._in_a_row = 0

    def note_failure(self, failure: HookFailure) -> None:
        """Log and count a hook that raised."""
        self.failures += 1
        self._log.error(
            "hook failed",
            hook=failure.hook,
            tick=self._room.tick_number,
            **_about(failure.player),
            exc_info=failure.error,
        )

    def note_duration(self, hook: str, took_s: float, player: Player | None = None) -> None:
        """Log and count a hook that took so long that it blocked the server."""
        if took_s < BLOCK_S:
            return
        self.blocks += 1
        self._log.error(
            "a hook blocked the server",
            hook=hook,
            took_s=round(took_s, 3),
            tick=self._room.tick_number,
            **_about(player),
        )

    def note_step(self, took_s: float, longest: str, longest_s: float) -> str | None:
        """Note that a step took ``took_s``, and its hook ``longest`` the longest part of it.

        Returns the hook that blocked the server, if too many steps in a row have done so.
        """
        if took_s < BLOCK_S:
            self._in_a_row = 0
            return None
        self.note_duration(longest, longest_s)
        self._in_a_row += 1
        return longest if self._in_a_row >= MAX_BLOCKS else None


def _about(player: Player | None) -> dict[str, Any]:
    """Return the log fields that name ``player``."""
    return {} if player is None else {"seat": player.seat, "player": player.name}
