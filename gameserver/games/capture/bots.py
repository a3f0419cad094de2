"""Bots for Capture: ``gameserver bots URL --bot gameserver.games.capture.bots:Runner``."""

from functools import cache
from typing import Any

from clients import Replica, Vehicle
from clients.bots import Bot, View
from gameserver.games.capture import movement
from gameserver.games.capture.movement import SPEED, UNIT, Motion
from gameserver.games.capture.room import HOMES, Capture, Gate, Move, Use

CELL = 20 * UNIT
ACROSS, DOWN = (range(CELL // 2, size, CELL) for size in (movement.WIDTH, movement.HEIGHT))
SHUT = tuple(Gate(x, movement.HEIGHT // 2) for x in (170 * UNIT, movement.WIDTH - 170 * UNIT))
REST = Motion(0, 0, 0, 0, 0)
FREE = {(x, y) for x in ACROSS for y in DOWN if movement.is_free(x, y, REST, SHUT)}


class Pilot(Vehicle[Motion, Move]):
    """The rules of prediction, as ``page/rules.js`` has them."""

    kinds, jump_distance, snap_distance = ("Racer",), 12.0 * UNIT, 100.0 * UNIT

    def __init__(self, replica: Replica) -> None:
        self.replica = replica

    def state_of(self, me: Any) -> Motion | None:
        now = Motion(me.x, me.y, me.fast_from, me.fast_until, self.replica.tick)
        return None if me.out else now

    def step(self, state: Motion, command: Move) -> Motion:
        return movement.step(state, command.dx, command.dy, self.replica.of_kind("Gate"))

    def idle(self, last: Move | None, silent_ticks: int) -> Move:
        return Move() if last is None or silent_ticks > Capture.idle_repeat_ticks else last


@cache
def ways(*end: int) -> dict[tuple[int, ...], tuple[int, ...]]:
    """Return for each cell the next one on the way to the ``end``."""
    after = {end: end}
    for x, y in (cells := [end]):
        for cell in ((x + CELL, y), (x - CELL, y), (x, y + CELL), (x, y - CELL)):
            if cell in FREE and cell not in after:
                after[cell] = (x, y)
                cells.append(cell)
    return after


class Runner(Bot):
    """Runs for their flag, and home with it, around the walls."""

    room, schema = "capture", Capture.schema()

    def vehicle(self, replica: Replica, seat: int) -> Pilot:
        return Pilot(replica)

    def act(self, view: View) -> list[Move | Use] | None:
        me, own = view.own, view.predicted
        if me is None or own is None:
            return None
        uses = [Use(item.kind) for item in me.items if self.chance.random() < 0.02]
        return [*uses, self.towards_goal(view, me, own)]

    def towards_goal(self, view: View, me: Any, own: Motion) -> Move:
        goal = next(home for team, home in HOMES.items() if team is not me.team)
        for flag in view.of_kind("Flag"):
            if flag.team is not me.team:
                goal = HOMES[me.team] if flag.carrier == me.id else (flag.x, flag.y)
        x, y, *end = (at // CELL * CELL + CELL // 2 for at in (own.x, own.y, *goal))
        to_x, to_y = ways(*end).get((x, y), goal)
        ahead = (to_x - own.x, to_y - own.y)
        return Move(*((way > SPEED // 2) - (way < -SPEED // 2) for way in ahead))
