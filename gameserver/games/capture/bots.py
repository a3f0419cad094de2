"""Bots for Capture: ``gameserver bots URL --bot gameserver.games.capture.bots:Runner``."""

from typing import Any

from clients import Replica, Vehicle
from clients.bots import Bot, View, Ways
from gameserver.games.capture.movement import HEIGHT, SPEED, UNIT, WIDTH, Motion, is_free, step
from gameserver.games.capture.room import HOMES, Capture, Gate, Move, Use

REST = Motion(0, 0, 0, 0, 0)
SHUT = [Gate(x, HEIGHT // 2) for x in (170 * UNIT, WIDTH - 170 * UNIT)]
WAYS = Ways(WIDTH, HEIGHT, 20 * UNIT, lambda x, y: is_free(int(x), int(y), REST, SHUT))


class Pilot(Vehicle[Motion, Move]):
    """The rules of prediction, as ``page/rules.js`` has them."""

    input, kinds, jump_distance, snap_distance = Move, ("Racer",), 12.0 * UNIT, 100.0 * UNIT

    def __init__(self, replica: Replica) -> None:
        self.replica = replica

    def state_of(self, me: Any) -> Motion | None:
        now = Motion(me.x, me.y, me.fast_from, me.fast_until, self.replica.tick)
        return None if me.out else now

    def step(self, state: Motion, command: Move) -> Motion:
        return step(state, command.dx, command.dy, self.replica.of_kind("Gate"))


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
        x, y = WAYS.next((own.x, own.y), goal)
        return Move(*((way > SPEED // 2) - (way < -SPEED // 2) for way in (x - own.x, y - own.y)))
