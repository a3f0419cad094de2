"""One who plays: what the server keeps beside the pilot and the ship that everyone sees.

Owns the controls as they are held, and the state of one life.  Decides nothing about others.
"""

from __future__ import annotations

from collections import deque

import attrs

from gameserver.games.arena import rules
from gameserver.games.arena.model import Mine, Pilot, Ship, Steer
from gameserver.room import Player


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
    _held: Steer = attrs.field(factory=Steer)
    _steer: Steer = attrs.field(factory=Steer)
    _heard_at: int = -1

    @property
    def seat(self) -> int:
        """The number of the player's seat."""
        return self.player.seat

    def hold(self, steer: Steer, tick: int) -> None:
        """Take over the controls.  What was pressed in another command of this tick counts too."""
        before, self._held, self._steer = self._steer, steer, steer
        if self._heard_at == tick:
            self._steer = Steer(
                steer.turn,
                steer.thrust,
                steer.dash or before.dash,
                steer.fire or before.fire,
                steer.mine or before.mine,
                steer.aim,
            )
        self._heard_at = tick

    def controls(self, tick: int) -> Steer:
        """Return the controls of this tick: the last that were held, or neutral after a while."""
        if self._heard_at == tick:
            return self._steer
        if tick - self._heard_at <= rules.HOLD_TICKS:
            return self._held
        return Steer(aim=self._held.aim)
