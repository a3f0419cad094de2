"""The arena's ship as a ``Vehicle`` of ``Steering``.

Owns the conversion between the replica's ship and the state of the server's step function, which is
``gameserver/games/arena/ship_step.py``.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import ClassVar, Final

from clients.netcode.effects import Effect
from clients.netcode.steering import Vehicle
from clients.remote import RemoteEntity, RemoteEvent
from clients.replica import Replica
from gameserver.games.arena.model import UNIT, Phase, Steer
from gameserver.games.arena.movement import DASH_SPEED, SHIP_RADIUS, Disc
from gameserver.games.arena.rules import HOLD_TICKS, PICKUP_RADIUS, WORLD_SIZE
from gameserver.games.arena.ship_step import ShipState, step_ship

#: A ship takes a pickup whose centre is within this distance of its own.
_REACH: Final = PICKUP_RADIUS + SHIP_RADIUS
#: A step can bring a ship at most this much closer to a rock.
_STEP: Final = 2 * DASH_SPEED
#: Rocks are found by cells that are 256 units wide.
_CELL_SHIFT: Final = 13
_PLAYING: Final = (Phase.PLAYING, Phase.PLAYING.name)


class ArenaShip(Vehicle[ShipState, Steer]):
    """The ship of one seat; its step depends on the rocks and the round in ``replica``."""

    kinds: ClassVar[Sequence[str]] = ("Ship",)
    #: A dash is the fastest flight; a ship that moved farther was placed there.
    jump_distance: ClassVar[float] = 2 * DASH_SPEED
    #: Several lengths of a ship: more than a misprediction.
    snap_distance: ClassVar[float] = 300 * UNIT

    def __init__(self, replica: Replica, seat: int) -> None:
        self._replica = replica
        self._seat = seat
        #: Picks the fields of ``ShipState`` out of a ship's public and then its owner fields.  All
        #: are integers, so their wire values are their values.
        self._pick = _picker_of(replica)
        self._rocks = replica.of_kind("Rock")
        self._rounds = replica.of_kind("Round")
        self._pickups = replica.of_kind("Pickup")
        #: The tick of the replica at which the surroundings were read.
        self._seen_tick = -1
        self._armed = False
        self._rock_ids: list[int] = []
        #: Cell → the rocks that a ship in it might touch; filled on demand.
        self._near: dict[tuple[int, int], list[Disc]] = {}

    def state_of(self, entity: RemoteEntity) -> ShipState | None:
        """Return the server's state of the own ship; None while in the stands."""
        if entity.spec.name != "Ship" or entity.owner_values is None:
            return None
        return ShipState._make(self._pick([*entity.values, *entity.owner_values]))

    def step(self, state: ShipState, command: Steer) -> ShipState:
        """Return the state one tick later."""
        if self._replica.tick != self._seen_tick:
            self._look_around()
        cell = (state.x >> _CELL_SHIFT, state.y >> _CELL_SHIFT)
        rocks = self._near.get(cell)
        if rocks is None:
            rocks = self._near[cell] = self._rocks_near(cell)
        return step_ship(state, command, rocks, WORLD_SIZE, armed=self._armed)

    def idle(self, last: Steer | None, silent_ticks: int) -> Steer:
        """Return the held controls, and none after a while (``Arena.on_idle``)."""
        if last is None:
            return Steer()
        return last if silent_ticks <= HOLD_TICKS else Steer(aim=last.aim)

    def place(self, state: ShipState) -> tuple[float, float]:
        """Return the centre of the ship, in 1/32 units."""
        return state.x, state.y

    def effects(self, before: ShipState, after: ShipState, tick: int) -> Iterator[Effect]:
        """Yield the shot, the dash and the pickups of one step."""
        if after.fire_wait > before.fire_wait:
            yield Effect("Shot", tick, what=after)
        if after.dash_left > before.dash_left:
            yield Effect("Dashed", tick, what=after)
        for pickup in self._pickups:
            x, y = pickup.x, pickup.y
            if (x - after.x) ** 2 + (y - after.y) ** 2 <= _REACH * _REACH:
                yield Effect("Taken", tick, key=(x, y), what=pickup)

    def effect_of(self, event: RemoteEvent) -> tuple[str, object] | None:
        """Return the own effect that ``event`` confirms; None if it is about another ship."""
        kind = event.spec.name
        if kind not in ("Shot", "Dashed", "Taken") or event.seat != self._seat:
            return None
        return kind, (event.x, event.y) if kind == "Taken" else None

    def _look_around(self) -> None:
        """Read the changes of the surroundings in the newest delta."""
        self._seen_tick = self._replica.tick
        self._armed = any(round_.phase in _PLAYING for round_ in self._rounds)
        ids = [rock.id for rock in self._rocks]
        if ids != self._rock_ids:
            self._rock_ids = ids
            self._near.clear()

    def _rocks_near(self, cell: tuple[int, int]) -> list[Disc]:
        """Return the rocks in view that a ship may touch within a step that begins in ``cell``."""
        half = 1 << (_CELL_SHIFT - 1)
        x, y = ((index << _CELL_SHIFT) + half for index in cell)
        near = []
        for rock in self._rocks:
            reach = half + rock.radius + SHIP_RADIUS + _STEP
            if abs(rock.x - x) <= reach and abs(rock.y - y) <= reach:
                near.append(Disc(rock.x, rock.y, rock.radius))
        return near


def _picker_of(replica: Replica) -> Callable[[Sequence[int]], tuple[int, ...]]:
    spec = next(spec for spec in replica.schema.entities if spec.name == "Ship")
    names = [field.name for field in (*spec.fields, *spec.owner_fields)]
    return itemgetter(*map(names.index, ShipState._fields))
