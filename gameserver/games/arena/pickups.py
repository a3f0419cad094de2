"""Pickups: where they appear, which ships take them, and their effects.

Owns every pickup.  The room's seeded random numbers decide where they appear; there are never more
than ``MAX_PICKUPS``.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from gameserver import Room
from gameserver.games.arena import rules
from gameserver.games.arena.flier import Flier
from gameserver.games.arena.model import Pickup, PickupKind, Ship, Taken
from gameserver.games.arena.movement import MAX_ENERGY, SHIP_RADIUS
from gameserver.games.arena.still import StillGrid

_REACH = rules.PICKUP_RADIUS + SHIP_RADIUS
_KINDS = tuple(PickupKind)


@attrs.define(eq=False)
class Pickups:
    """All pickups of a room.  ``free_place`` returns a random point outside rocks."""

    _room: Room
    _free_place: Callable[[], tuple[int, int]]
    _grid: StillGrid[Pickup] = attrs.field(factory=StillGrid)
    _next_at: int = 0

    def __attrs_post_init__(self) -> None:
        """Lay out the first ones."""
        for _ in range(rules.PICKUPS_AT_START):
            self._appear()

    def tick(self) -> None:
        """Add a pickup when one is due."""
        if self._room.tick_number >= self._next_at:
            self._next_at = self._room.tick_number + rules.PICKUP_EVERY_TICKS
            if len(self._grid) < rules.MAX_PICKUPS:
                self._appear()

    def _appear(self) -> None:
        x, y = self._free_place()
        pickup = self._room.spawn(Pickup(x, y, self._room.random.choice(_KINDS)))
        self._grid.add(pickup, x, y, _REACH)

    def take(self, flier: Flier, ship: Ship) -> None:
        """Give ``flier`` the pickups that its ship touches."""
        here = self._grid.at(ship.x, ship.y)
        if not here:
            return
        for pickup in tuple(here):
            dx, dy = pickup.x - ship.x, pickup.y - ship.y
            if dx * dx + dy * dy <= _REACH * _REACH:
                self._grid.remove(pickup)
                self._room.despawn(pickup)
                self._give(pickup.kind, flier, ship)
                where = (pickup.x, pickup.y)
                self._room.emit(Taken(flier.seat, pickup.kind, *where), at=where)

    def _give(self, kind: PickupKind, flier: Flier, ship: Ship) -> None:
        match kind:
            case PickupKind.HULL:
                ship.hull = min(ship.hull + rules.PICKUP_HULL, rules.MAX_HULL)
            case PickupKind.ENERGY:
                ship.energy = MAX_ENERGY
            case PickupKind.DAMAGE:
                flier.life.boosted_until = self._room.tick_number + rules.BOOST_TICKS
            case PickupKind.SHIELD:
                flier.life.shield = rules.SHIELD_DAMAGE
