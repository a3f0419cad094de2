"""The arena's ship as its own pilot steers it: what ``Steering`` asks of a game.

Owns the way between the replica's ship and the server's own step, which lies in
``gameserver/games/arena/ship_step.py`` and is used as it is.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Final

from clients.effects import Effect
from clients.remote import RemoteEntity, RemoteEvent
from clients.replica import Replica
from gameserver.games.arena.model import UNIT, Phase, Steer
from gameserver.games.arena.movement import DASH_SPEED, SHIP_RADIUS, Disc
from gameserver.games.arena.rules import HOLD_TICKS, PICKUP_RADIUS, WORLD_SIZE
from gameserver.games.arena.ship_step import ShipState, step_ship

#: A ship takes a pickup whose middle is this near to its own.
_REACH: Final = PICKUP_RADIUS + SHIP_RADIUS
_PLAYING: Final = (Phase.PLAYING, Phase.PLAYING.name)


class ArenaShip:
    """The ship of one seat; the surroundings that its step depends on are those of ``replica``."""

    kinds: ClassVar[Sequence[str]] = ("Ship",)
    #: A dash is the fastest that a ship can fly; beyond that it is another place.
    jump_distance: ClassVar[float] = 2 * DASH_SPEED
    #: Several ship's lengths: such an error is no slip of the prediction.
    snap_distance: ClassVar[float] = 300 * UNIT

    def __init__(self, replica: Replica, seat: int) -> None:
        self._seat = seat
        self._ships = replica.of_kind("Ship")
        self._rocks = replica.of_kind("Rock")
        self._rounds = replica.of_kind("Round")
        self._pickups = replica.of_kind("Pickup")
        #: The rocks in view, made anew when there are others.
        self._discs: list[Disc] = []
        self._discs_of: list[int] = []

    def state_of(self, entity: RemoteEntity) -> ShipState | None:
        """Return the state of the own ship as the server has it; None while in the stands."""
        if entity.spec.name != "Ship" or entity.owner_values is None:
            return None
        return ShipState(
            entity.x,
            entity.y,
            entity.vx,
            entity.vy,
            entity.heading,
            entity.energy,
            entity.dash_left,
            entity.aim,
            entity.fire_wait,
            entity.mine_wait,
        )

    def step(self, state: ShipState, command: Steer) -> ShipState:
        """Return the state one tick later."""
        return step_ship(state, command, self._near_rocks(), WORLD_SIZE, armed=self._armed())

    def idle(self, last: Steer | None, silent_ticks: int) -> Steer:
        """Return the controls as held, and let go after a while (``Arena.on_idle``)."""
        if last is None:
            return Steer()
        return last if silent_ticks <= HOLD_TICKS else Steer(aim=last.aim)

    def place(self, state: ShipState) -> tuple[float, float]:
        """Return the middle of the ship, in 1/32 units."""
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
        """Return which own effect ``event`` confirms, None if it is about someone else."""
        kind = event.spec.name
        if kind not in ("Shot", "Dashed", "Taken") or event.seat != self._seat:
            return None
        return kind, (event.x, event.y) if kind == "Taken" else None

    def _armed(self) -> bool:
        return any(round_.phase in _PLAYING for round_ in self._rounds)

    def _near_rocks(self) -> list[Disc]:
        ids = [rock.id for rock in self._rocks]
        if ids != self._discs_of:
            self._discs_of = ids
            self._discs = [(rock.x, rock.y, rock.radius) for rock in self._rocks]
        return self._discs
