"""The arena as a task to learn, and the pilot that has learnt it.

Owns what a pilot observes, its reward, and the controls that follow from a policy.  ``train_arena``
makes ``arena_policy.json``.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from clients.bots.behaviours import ArenaBot
from clients.bots.bot import View
from clients.replica import Replica
from gameserver.games.arena.model import TURN, UNIT, Flag, Play, Steer
from gameserver.games.arena.movement import MAX_ENERGY
from gameserver.games.arena.room import Arena
from gameserver.games.arena.rules import MAX_HULL, PULSE_RANGE, WORLD_SIZE
from gameserver.gym.environment import Observation, RoomEnvironment
from gameserver.gym.policy import LinearPolicy
from gameserver.gym.stage import Stage
from gameserver.player import Player
from gameserver.room import Room

POLICY_FILE: Final = Path(__file__).with_name("arena_policy.json")
#: Numbers in an observation, and scores of a policy: three for the turn, then thrust, fire, dash
#: and mine.
OBSERVED: Final = 23
CHOICES: Final = 7
#: Distances are seen up to here, and the border from here.
_SIGHT: Final = 600.0 * UNIT
_BORDER: Final = 200.0 * UNIT
_SPEED: Final = 10.0 * UNIT
#: Distance, dx and dy of an entity that is not there.
_NOTHING: Final = (math.inf, 0, 0)
_PROTECTED: Final = Flag.PROTECTED.value


def observe(view: View) -> Observation:
    """Return what a pilot sees, by its own heading; zeros while it does not fly."""
    me = view.own
    if me is None or getattr(me, "energy", None) is None:
        return np.zeros(OBSERVED, np.float32)
    seat, x, y = view.seat, me.x, me.y
    heading = me.heading * (math.tau / TURN)
    ahead_x, ahead_y = math.cos(heading), math.sin(heading)
    vx, vy = me.vx, me.vy
    seen = [
        1.0,
        (vx * ahead_x + vy * ahead_y) / _SPEED,
        (vy * ahead_x - vx * ahead_y) / _SPEED,
        me.energy / MAX_ENERGY,
        me.hull / MAX_HULL,
    ]
    enemies = _nearest(x, y, _enemies(view), 2)
    mines = [mine for mine in view.of_kind("Mine") if mine.seat != seat]
    for distance, dx, dy in (
        *enemies,
        *(_NOTHING,) * (2 - len(enemies)),
        *(_nearest(x, y, view.of_kind("Pickup"), 1) or (_NOTHING,)),
        *(_nearest(x, y, view.of_kind("Rock"), 1) or (_NOTHING,)),
        *(_nearest(x, y, mines, 1) or (_NOTHING,)),
    ):
        if distance < _SIGHT:
            closer = 1 - distance / _SIGHT
            share = closer / max(distance, 1.0)
            seen += (share * (dx * ahead_x + dy * ahead_y), share * (dy * ahead_x - dx * ahead_y))
            seen.append(closer)
        else:
            seen += (0.0, 0.0, 0.0)
    inwards_x, inwards_y = _inwards(x), _inwards(y)
    seen += (
        inwards_x * ahead_x + inwards_y * ahead_y,
        inwards_y * ahead_x - inwards_x * ahead_y,
        float(bool(enemies) and enemies[0][0] < PULSE_RANGE),
    )
    return np.array(seen, np.float32)


def _enemies(view: View) -> Iterable[Any]:
    seat = view.seat
    return (s for s in view.of_kind("Ship") if s.seat != seat and not s.flags & _PROTECTED)


def _nearest(x: int, y: int, entities: Iterable[Any], count: int) -> list[tuple[float, int, int]]:
    """Return distance, dx and dy of the nearest of ``entities``, ``count`` at most."""
    places = [entity.values[:2] for entity in entities]  # x and y, which are sent as they are
    hypot = math.hypot
    found = [(hypot(at_x - x, at_y - y), at_x - x, at_y - y) for at_x, at_y in places]
    if count == 1:
        return [min(found)] if found else []
    found.sort()
    return found[:count]


def _inwards(position: int) -> float:
    if position < _BORDER:
        return 1 - position / _BORDER
    if position > WORLD_SIZE - _BORDER:
        return (WORLD_SIZE - position) / _BORDER - 1
    return 0.0


def controls(scores: NDArray[np.float64], view: View) -> Steer:
    """Return the controls that a policy's scores stand for; the gun aims at the nearest ship."""
    me = view.own
    if me is None:
        return Steer()
    aim = me.heading % TURN
    for _, dx, dy in _nearest(me.x, me.y, _enemies(view), 1):
        aim = round(math.atan2(dy, dx) * (TURN / math.tau)) % TURN
    return Steer(
        turn=int(scores[:3].argmax()) - 1,
        thrust=bool(scores[3] > 0),
        fire=bool(scores[4] > 0),
        dash=bool(scores[5] > 0),
        mine=bool(scores[6] > 0),
        aim=aim,
    )


class ArenaEnvironment(RoomEnvironment):
    """Fly in the arena: a point for the hull that a shot takes, more for a kill."""

    metadata: ClassVar[dict[str, Any]] = {"name": "arena_v0", "render_modes": []}
    room: ClassVar[type[Room]] = Arena
    command = Steer
    observed = OBSERVED
    #: Rewards for the hull of another, in parts of a whole one; for a kill, a pickup and a death.
    hit, kill, taken, death = 1.0, 1.0, 0.3, -0.5

    def observe(self, view: View) -> Observation:
        """Return what a pilot sees."""
        return observe(view)

    def reward(self, view: View, player: Player) -> float:
        """Return the sum for the events that are about this player."""
        seat, total = player.seat, 0.0
        for event in view.events:
            name = type(event).__name__
            if name == "Kill":
                if event.seat == seat:
                    total += self.death
                elif event.by == seat:
                    total += self.kill
            elif name == "Hit" and event.by == seat and event.seat != seat:
                total += self.hit * event.damage / MAX_HULL
            elif name == "Taken" and event.seat == seat:
                total += self.taken
        return total

    def begin(self, stage: Stage) -> None:
        """Let everybody take off."""
        for agent, seat in self._seats.items():
            stage.give(seat, Play(name=agent, colour=0, bot=True))
        stage.step()


@cache
def _learnt() -> LinearPolicy:
    return LinearPolicy.load(POLICY_FILE)


class LearntPilot(ArenaBot):
    """Flies as ``arena_policy.json`` says."""

    def __init__(self, name: str, seat: int, chance: random.Random) -> None:
        super().__init__(name, seat, chance)
        self._policy = _learnt()

    def vehicle(self, replica: Replica, seat: int) -> None:  # type: ignore[override]
        """Do not predict: it has learnt from the newest state."""

    def act(self, view: View) -> Steer | Play | None:
        """Return the controls of the policy, or a ``Play`` while not flying."""
        me = view.own
        if me is None or getattr(me, "energy", None) is None:
            return self._ask_to_play(view, view.tick)
        return controls(self._policy.scores(observe(view)), view)
