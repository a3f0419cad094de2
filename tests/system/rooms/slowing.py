"""An arena that slows down when a player says so, on a machine that has enough time.

The overload ladder is given the duration of ticks in ``Arena.tick_load``; all else is unchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import quiet

from gameserver.runtime.rooms import room_task
from gameserver.runtime.rooms.overload import OverloadLadder

if TYPE_CHECKING:
    from gameserver import Player


class Arena(quiet.Arena):
    """``slower`` takes the room to its slowest pace, ``faster`` lets it recover."""

    #: The invented duration of a tick, as a share of the time between two ticks.
    tick_load: ClassVar = 0.0

    def on_say(self, player: Player, text: str) -> str | None:
        Arena.tick_load = {"slower": 2.0, "faster": 0.0}.get(text, Arena.tick_load)
        return super().on_say(player, text)


class ToldLadder(OverloadLadder):
    """Judges by the invented duration of ticks."""

    def ticked(
        self,
        tick_number: int,
        work_s: float,
        publish_s: float,
        players: int,
        arrivals: int,
        own_part: float = 1.0,
    ) -> bool:
        work_s = Arena.tick_load / Arena.tick_rate
        return super().ticked(tick_number, work_s, 0.0, players, arrivals)


room_task.OverloadLadder = ToldLadder  # type: ignore[misc]
