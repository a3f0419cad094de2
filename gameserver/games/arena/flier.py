"""One who plays: what the server keeps beside the pilot and the ship that everyone sees.

Owns the controls as they are held, and the state of one life.  Decides nothing about others.
"""

from __future__ import annotations

from collections import deque

import attrs

from gameserver import Player
from gameserver.games.arena.model import Mine, Pilot, Ship, Steer


@attrs.define(eq=False)
class Life:
    """What ends with the ship.  Ticks are absolute."""

    protected_until: int = 0
    boosted_until: int = 0
    #: Damage that the shield still takes.
    shield: int = 0
    #: Seat → tick in which it last hurt this ship.
    hurt_at: dict[int, int] = attrs.field(factory=dict)


@attrs.define(eq=False)
class Flier:
    """A player on the field.  ``ship`` is None while dead."""

    player: Player
    pilot: Pilot
    ship: Ship | None = None
    life: Life = attrs.field(factory=Life)
    #: Kills since the last death.
    streak: int = 0
    #: The tick of the last hit given or taken.
    fought_at: int = -1
    #: The own mines, the oldest first.
    mines: deque[Mine] = attrs.field(factory=deque)
    #: The controls of this tick, and whether they set off a pulse or drop a mine.
    steer: Steer = attrs.field(factory=Steer)
    fires: bool = False
    drops_mine: bool = False

    @property
    def seat(self) -> int:
        """The number of the player's seat."""
        return self.player.seat
