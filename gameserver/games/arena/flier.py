"""``Flier``: the server's private state of a player who flies.

Owns the held controls and the state of one life.  The public state is in the entities ``Pilot`` and
``Ship``.  Decides nothing about other players.
"""

from __future__ import annotations

from collections import deque

import attrs

from gameserver import Player
from gameserver.games.arena.model import Mine, Pilot, Ship, Steer


@attrs.define(eq=False)
class Life:
    """The state that ends with the ship.  Ticks are absolute."""

    protected_until: int = 0
    boosted_until: int = 0
    #: Damage that the shield still absorbs.
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
    #: How many ships it has had.
    lives: int = 0
    #: Kills since the last death.
    streak: int = 0
    #: The tick of the last hit given or taken.
    fought_at: int = -1
    #: The mines of this player, the oldest first.
    mines: deque[Mine] = attrs.field(factory=deque)
    #: The controls of this tick, and whether they fire a pulse or drop a mine.
    steer: Steer = attrs.field(factory=Steer)
    fires: bool = False
    drops_mine: bool = False

    @property
    def seat(self) -> int:
        """The number of the player's seat."""
        return self.player.seat

    @property
    def is_newcomer(self) -> bool:
        """Whether this is the first life of a person."""
        return self.lives == 1 and not self.pilot.bot
