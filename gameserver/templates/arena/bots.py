"""Bots: ``python -m gameserver.templates.arena.bots`` has three of them fly and shoot."""

import math
import random

import trio

from clients import open_game
from gameserver.templates.arena.room import Game, Steer


async def hunt(url: str, name: str) -> None:
    """Fly after the nearest ship, and shoot at it; without one, fly about."""
    chance = random.Random(name)
    wish = Steer()
    async with open_game(url, name=name, schema=Game.schema()) as game:
        async for delta in game:
            me = game.replica.own
            if me is None or delta.tick % 2:
                continue
            others = [ship for ship in game.replica.of_kind("Ship") if ship is not me]
            if chance.random() < 0.1:
                wish = Steer(dx=chance.randint(-1, 1), dy=chance.randint(-1, 1))
            if others:
                near = min(others, key=lambda ship: math.hypot(ship.x - me.x, ship.y - me.y))
                wish.aim = math.atan2(near.y - me.y, near.x - me.x)
                wish.fire = chance.random() < 0.2
            await game.send(wish)


async def main(url: str = "ws://127.0.0.1:8000/", count: int = 3) -> None:
    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(hunt, url, f"Bot {number + 1}")


if __name__ == "__main__":
    trio.run(main)
