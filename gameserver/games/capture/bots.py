"""Own bots: ``python -m gameserver.games.capture.bots [ADDRESS [COUNT]]`` lets some play."""

import random
import sys
from functools import cache, partial
from typing import Any

import trio

from clients import Replica, Vehicle, open_game
from gameserver.games.capture import movement
from gameserver.games.capture.movement import SPEED, UNIT, Motion
from gameserver.games.capture.room import HOMES, Capture, Gate, Kind, Move, Use

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
        gates: Any = self.replica.of_kind("Gate")
        return movement.step(state, command.dx, command.dy, gates)

    def idle(self, last: Move | None, silent_ticks: int) -> Move:
        return Move() if last is None or silent_ticks > Capture.idle_repeat_ticks else last


@cache
def ways(end: tuple[int, int]) -> dict[tuple[int, int], tuple[int, int]]:
    """Return for each cell the next one on the way to the ``end``."""
    after = {end: end}
    for x, y in (cells := [end]):
        for cell in ((x + CELL, y), (x - CELL, y), (x, y + CELL), (x, y - CELL)):
            if cell in FREE and cell not in after:
                after[cell] = (x, y)
                cells.append(cell)
    return after


def wish(replica: Replica, me: Any, own: Motion) -> Move:
    """Run for their flag, and home with it, around the walls."""
    their = next((flag for flag in replica.of_kind("Flag") if flag.team is not me.team), None)
    goal = next(home for team, home in HOMES.items() if team is not me.team)
    if their is not None:
        goal = HOMES[me.team] if their.carrier == me.id else (their.x, their.y)
    x, y, to_x, to_y = (at // CELL * CELL + CELL // 2 for at in (own.x, own.y, *goal))
    to_x, to_y = ways((to_x, to_y)).get((x, y), goal)
    return Move(*((way > SPEED // 2) - (way < -SPEED // 2) for way in (to_x - own.x, to_y - own.y)))


async def play(url: str, name: str) -> None:
    """Play until the connection ends."""
    chance = random.Random(name)
    async with open_game(url, room="capture", name=name, schema=Capture.schema()) as game:
        async for _ in (loop := game.steering(Pilot(game.replica))):
            me = game.replica.own
            if me is not None and loop.own is not None:
                if me.items and chance.random() < 0.02:
                    await game.send(Use(chance.choice(list(Kind))))
                await loop.steer(wish(game.replica, me, loop.own))


async def main(url: str = "ws://127.0.0.1:8000/", count: str = "6") -> None:
    """Let so many play, until the server ends them."""
    async with trio.open_nursery() as nursery:
        for number in range(int(count)):
            nursery.start_soon(play, url, f"Bot {number + 1}")


if __name__ == "__main__":
    trio.run(partial(main, *sys.argv[1:]))
