"""The skills of all arena bots: looking around, avoiding dangers, aiming, holding controls.

Owns the geometry of a pilot's view of the arena.  Pure; lengths in 1/32 units, angles in 1/256
turns, as in ``gameserver/games/arena/model.py``.  Never decides what a bot wants: that is
``behaviours.py``.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Iterable
from typing import Final, Protocol

import attrs

from clients.bots.bot import PlaceOf, Seen
from clients.remote import RemoteEntity
from gameserver.games.arena.model import TURN, UNIT, Flag
from gameserver.games.arena.movement import SHIP_RADIUS, TURN_RATE
from gameserver.games.arena.rules import MINE_TRIGGER_RADIUS, WORLD_SIZE
from gameserver.games.arena.ship_step import ShipState

Vector = tuple[float, float]

#: How far ahead a pilot looks for rocks.
_LOOK_AHEAD_TICKS: Final = 24
#: The distance that a pilot keeps from rocks, mines and the border.
_ROCK_SPACE: Final = SHIP_RADIUS + 30 * UNIT
_MINE_SPACE: Final = MINE_TRIGGER_RADIUS + 90 * UNIT
_BORDER_SPACE: Final = 150 * UNIT
#: How many positions of a target are remembered: more than the longest reaction.
_MEMORY: Final = 8
#: How far the target will have moved on the screen when the shot is fired: half a decision.
_SHOT_DELAY_TICKS: Final = 1
_PROTECTED: Final = Flag.PROTECTED.value
_NEWCOMER: Final = Flag.NEWCOMER.value


def angle_of(x: float, y: float) -> int:
    """Return the heading that points along a vector."""
    return round(math.atan2(y, x) * (TURN / math.tau)) % TURN


def turn_between(heading: int, wanted: int) -> int:
    """Return how far to turn from one heading to another, -128 to 127."""
    return (wanted - heading + TURN // 2) % TURN - TURN // 2


def unit(x: float, y: float) -> Vector:
    """Return the vector of length 1 in this direction; a zero vector stays one."""
    length = math.hypot(x, y)
    return (x / length, y / length) if length else (0.0, 0.0)


class Craft(Protocol):
    """The fields of the own ship that a pilot reads."""

    @property
    def x(self) -> int: ...  # noqa: D102 - the fields of Ship, as all of these
    @property
    def y(self) -> int: ...  # noqa: D102
    @property
    def vx(self) -> int: ...  # noqa: D102
    @property
    def vy(self) -> int: ...  # noqa: D102
    @property
    def heading(self) -> int: ...  # noqa: D102
    @property
    def energy(self) -> int: ...  # noqa: D102
    @property
    def mine_wait(self) -> int: ...  # noqa: D102
    @property
    def hull(self) -> int: ...  # noqa: D102


@attrs.frozen
class PredictedCraft:
    """The predicted state of the own ship, with the hull of the newest delta."""

    x: int
    y: int
    vx: int
    vy: int
    heading: int
    energy: int
    mine_wait: int
    hull: int

    @classmethod
    def of(cls, state: ShipState, hull: int) -> PredictedCraft:
        """Return the craft with the predicted ``state`` and the server's ``hull``."""
        x, y, vx, vy, heading, energy, _, _, _, mine_wait = state
        return cls(x, y, vx, vy, heading, energy, mine_wait, hull)


@attrs.frozen
class Contact:
    """An entity in view, as seen from the own ship."""

    entity: RemoteEntity
    dx: float
    dy: float
    distance: float

    @property
    def is_newcomer(self) -> bool:
        """Whether it is the first ship of a person."""
        return bool(self.entity.flags & _NEWCOMER)

    @property
    def direction(self) -> Vector:
        """The unit vector towards it."""
        return unit(self.dx, self.dy)


@attrs.frozen
class Sight:
    """A pilot's view at one moment.  Enemies and pickups are sorted, the nearest first."""

    me: Craft
    enemies: list[Contact]
    pickups: list[Contact]
    mines: list[Contact]
    rocks: list[Contact]


def look(seen: Seen, me: Craft, seat: int, place_of: PlaceOf | None = None) -> Sight:
    """Return the view of the pilot of ``me``, in ``seat``; protected ships are left out of it.

    ``place_of`` returns where the screen shows ships; None: use their newest positions.
    """
    x, y = me.x, me.y
    ships = [s for s in seen.of_kind("Ship") if s.seat != seat and not s.flags & _PROTECTED]
    mines = (m for m in seen.of_kind("Mine") if m.seat != seat)
    enemies = _contacts(x, y, ships) if place_of is None else _shown(x, y, ships, place_of)
    enemies.sort(key=_distance)
    pickups = _contacts(x, y, seen.of_kind("Pickup"))
    pickups.sort(key=_distance)
    rocks = _contacts(x, y, seen.of_kind("Rock"))
    return Sight(me, enemies, pickups, _contacts(x, y, mines), rocks)


def _contacts(x: int, y: int, entities: Iterable[RemoteEntity]) -> list[Contact]:
    found = []
    for entity in entities:
        dx, dy = entity.x - x, entity.y - y
        found.append(Contact(entity, dx, dy, math.hypot(dx, dy)))
    return found


def _shown(x: int, y: int, ships: Iterable[RemoteEntity], place_of: PlaceOf) -> list[Contact]:
    found = []
    for ship in ships:
        place = place_of(ship)
        if place is not None:
            dx, dy = place[0] - x, place[1] - y
            found.append(Contact(ship, dx, dy, math.hypot(dx, dy)))
    return found


def _distance(contact: Contact) -> float:
    return contact.distance


# ---------------------------------------------------------------- steering clear


def clear_of_danger(sight: Sight, wish: Vector) -> Vector:
    """Return the direction ``wish``, changed to avoid rocks, mines and the border."""
    me = sight.me
    ahead_x, ahead_y = wish
    x, y = wish
    speed = math.hypot(me.vx, me.vy)
    reach = speed * _LOOK_AHEAD_TICKS
    for rock in sight.rocks:
        space = rock.entity.radius + _ROCK_SPACE
        if rock.distance > space + reach:
            continue
        along = rock.dx * ahead_x + rock.dy * ahead_y
        across = rock.dx * ahead_y - rock.dy * ahead_x
        if along > 0 and abs(across) < space:
            # Pass it on the nearer side; the nearer it is, the more sideways.
            side = 1.0 if across > 0 else -1.0
            urgency = 1.5 * space / max(rock.distance - rock.entity.radius, UNIT)
            push = min(urgency, 3.0)
            x -= side * ahead_y * push
            y += side * ahead_x * push
    for mine in sight.mines:
        if mine.distance < _MINE_SPACE:
            away_x, away_y = mine.direction
            x -= 2 * away_x
            y -= 2 * away_y
    x += _inwards(me.x + me.vx * _LOOK_AHEAD_TICKS)
    y += _inwards(me.y + me.vy * _LOOK_AHEAD_TICKS)
    return x, y


def _inwards(position: float) -> float:
    if position < _BORDER_SPACE:
        return 2.0
    if position > WORLD_SIZE - _BORDER_SPACE:
        return -2.0
    return 0.0


def controls_towards(heading: int, wish: Vector, hold_ticks: int) -> tuple[int, bool]:
    """Return turn and thrust that bring a ship onto the direction ``wish``.

    The turn is held for ``hold_ticks``, so a difference of less than half of that turn is ignored.
    """
    if wish == (0.0, 0.0):
        return 0, False
    off = turn_between(heading, angle_of(*wish))
    turn = 0 if abs(off) * 2 <= TURN_RATE * hold_ticks else 1 if off > 0 else -1
    return turn, abs(off) < TURN // 5


# ---------------------------------------------------------------- aiming


def line_is_free(target: Contact, rocks: Iterable[Contact]) -> bool:
    """Whether no rock stands between the own ship and ``target``."""
    ahead_x, ahead_y = target.direction
    for rock in rocks:
        along = rock.dx * ahead_x + rock.dy * ahead_y
        across = rock.dx * ahead_y - rock.dy * ahead_x
        if 0 < along < target.distance and abs(across) < rock.entity.radius:
            return False
    return True


class Gunner:
    """Aims like a person: sees a target late, guesses where it goes, and is a little off.

    ``reaction_ticks`` is the age of the positions that it aims by; ``spread`` is the standard
    deviation of its aim in 1/256 turns.
    """

    def __init__(self, rng: random.Random, reaction_ticks: int, spread: float) -> None:
        self._rng = rng
        self._reaction_ticks = reaction_ticks
        self._spread = spread
        self._target_id = 0
        self._seen: deque[tuple[int, float, float]] = deque(maxlen=_MEMORY)

    def watch(self, target_id: int, x: float, y: float, tick: int) -> bool:
        """Note a target at ``x, y``; return whether it was watched for long enough to shoot."""
        if target_id != self._target_id:
            self._target_id = target_id
            self._seen.clear()
        self._seen.append((tick, x, y))
        return tick - self._seen[0][0] >= self._reaction_ticks

    def aim_from(self, x: int, y: int, tick: int, wider: float = 1.0) -> int:
        """Return the angle to shoot at from ``x, y``; call ``watch`` in the same tick before.

        ``wider`` multiplies the usual spread.
        """
        known = [seen for seen in self._seen if tick - seen[0] >= self._reaction_ticks]
        then, then_x, then_y = known[-1] if known else self._seen[0]
        before, before_x, before_y = self._seen[0]
        ahead_ticks = tick - then + _SHOT_DELAY_TICKS
        lead = ahead_ticks / (then - before) if then > before else 0.0
        to_x = then_x + (then_x - before_x) * lead - x
        to_y = then_y + (then_y - before_y) * lead - y
        off = self._rng.gauss(0.0, self._spread * wider)
        return round(math.atan2(to_y, to_x) * (TURN / math.tau) + off) % TURN
