"""Mines: dropped behind a ship, armed a second later, removed after half a minute.

Owns every mine and its times, and decides which mine explodes.  The room decides what the explosion
does to ships.
"""

from __future__ import annotations

from collections import deque

import attrs

from gameserver import Room
from gameserver.games.arena import rules
from gameserver.games.arena.flier import Flier
from gameserver.games.arena.model import Mine, Ship
from gameserver.games.arena.movement import COSINE, SINE, SINE_SHIFT
from gameserver.games.arena.still import StillGrid


@attrs.define(eq=False)
class Minefield:
    """All mines of a room."""

    _room: Room
    _grid: StillGrid[Mine] = attrs.field(factory=StillGrid)
    # All mines live equally long, so both queues are ordered by tick.
    _arming: deque[tuple[int, Mine]] = attrs.field(factory=deque)
    _ending: deque[tuple[int, Mine, Flier]] = attrs.field(factory=deque)

    def drop(self, flier: Flier, ship: Ship) -> None:
        """Drop a mine behind ``ship``; the pilot's oldest mine is removed if there are too many."""
        if len(flier.mines) == rules.MINES_PER_PILOT:
            self.remove(flier, flier.mines[0])
        mine = Mine(
            ship.x - ((COSINE[ship.heading] * rules.MINE_DROP_DISTANCE) >> SINE_SHIFT),
            ship.y - ((SINE[ship.heading] * rules.MINE_DROP_DISTANCE) >> SINE_SHIFT),
            flier.seat,
        )
        self._room.spawn(mine)
        self._grid.add(mine, mine.x, mine.y, rules.MINE_TRIGGER_RADIUS)
        flier.mines.append(mine)
        now = self._room.tick_number
        self._arming.append((now + rules.MINE_ARM_TICKS, mine))
        self._ending.append((now + rules.MINE_LIFE_TICKS, mine, flier))

    def tick(self) -> None:
        """Arm the mines that are due, and remove the old ones."""
        now = self._room.tick_number
        while self._arming and self._arming[0][0] <= now:
            self._arming.popleft()[1].armed = True
        while self._ending and self._ending[0][0] <= now:
            _, mine, flier = self._ending.popleft()
            if self._room.id_of(mine):
                self.remove(flier, mine)

    def set_off_by(self, ship: Ship) -> Mine | None:
        """Return an armed mine of another pilot that ``ship`` is too near to, or None."""
        for mine in self._grid.at(ship.x, ship.y):
            if mine.armed and mine.seat != ship.seat:
                dx, dy = mine.x - ship.x, mine.y - ship.y
                if dx * dx + dy * dy <= rules.MINE_TRIGGER_RADIUS * rules.MINE_TRIGGER_RADIUS:
                    return mine
        return None

    def any_near(self, x: int, y: int) -> bool:
        """Whether a mine lies near a point."""
        return bool(self._grid.at(x, y))

    def remove(self, flier: Flier, mine: Mine) -> None:
        """Remove one mine of ``flier`` from the world."""
        flier.mines.remove(mine)
        self._grid.remove(mine)
        self._room.despawn(mine)

    def clear(self, flier: Flier) -> None:
        """Remove all mines of ``flier`` from the world."""
        while flier.mines:
            self.remove(flier, flier.mines[0])
