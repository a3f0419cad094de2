"""Bots: ``python -m gameserver.templates.blank.bots`` has three of them wander about."""

import random

import trio

from clients import open_game
from gameserver.templates.blank.room import Game, Move


async def wander(url: str, name: str) -> None:
    chance = random.Random(name)
    async with open_game(url, name=name, schema=Game.schema()) as game:
        while True:
            await game.send(Move(dx=chance.randint(-1, 1), dy=chance.randint(-1, 1)))
            await trio.sleep(chance.uniform(0.2, 0.8))


async def main(url: str = "ws://127.0.0.1:8000/", count: int = 3) -> None:
    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(wander, url, f"Bot {number + 1}")


if __name__ == "__main__":
    trio.run(main)
