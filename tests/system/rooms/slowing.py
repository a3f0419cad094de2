"""An arena that slows down when a player says so, on a machine that has time enough.

The overload ladder is told that ticks take as long as ``Arena.load`` says; all else is as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import quiet

from gameserver.runtime.rooms import room_task
from gameserver.runtime.rooms.overload import OverloadLadder

if TYPE_CHECKING:
    from gameserver import Player


class Arena(quiet.Arena):
    """``slower`` takes it down to its slowest pace, ``faster`` lets it recover."""

    #: What ticks are said to take, as a share of the time between two of them.
    load: ClassVar = 0.0

    def on_say(self, player: Player, text: str) -> str | None:
        Arena.load = {"slower": 2.0, "faster": 0.0}[text]
        return text


class ToldLadder(OverloadLadder):
    """Judges by what it is told."""

    def ticked(self, tick_number: int, work_s: float) -> bool:
        return super().ticked(tick_number, Arena.load / Arena.tick_rate)


room_task.OverloadLadder = ToldLadder  # type: ignore[misc]
