"""The watch on a room's hooks: hooks that raise, and hooks that block the server.

Owns the log lines and the counts of both, and the decision that a room blocks too often.
Never ends anything: ``room_task.py`` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from structlog.stdlib import BoundLogger

from gameserver.room import Player, Room
from gameserver.simulation.stepper import HookFailure

#: A hook that takes this long has blocked the whole server: all rooms, and all connections.
BLOCK_S: Final = 1.0
#: How many ticks in a row may block it, the last of which ends the room.
MAX_BLOCKS: Final = 3


class StageEnd(NamedTuple):
    """A stage of a step: the hook that it called, and when it ended."""

    hook: str
    ended_s: float


class HookWatch:
    """Watches the hooks of ``room``."""

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

    def note_step(self, begun_s: float, ends: Sequence[StageEnd]) -> str | None:
        """Note how long the stages of the step that began at ``begun_s`` took.

        Returns the hook that blocked the server, if too many steps in a row have done so.
        """
        if ends[-1].ended_s - begun_s < BLOCK_S:
            self._in_a_row = 0
            return None
        starts_s = [begun_s, *(end.ended_s for end in ends)]
        took_s = [end.ended_s - start_s for start_s, end in zip(starts_s, ends, strict=False)]
        longest_s = max(took_s)
        hook = ends[took_s.index(longest_s)].hook
        self.note_duration(hook, longest_s)
        self._in_a_row += 1
        return hook if self._in_a_row >= MAX_BLOCKS else None


def _about(player: Player | None) -> dict[str, Any]:
    """Return the log fields that name ``player``."""
    return {} if player is None else {"seat": player.seat, "player": player.name}
