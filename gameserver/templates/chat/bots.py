"""Bots: ``python -m gameserver.templates.chat.bots`` has two of them chat."""

import itertools
import random

import trio

from clients import open_game
from gameserver.templates.chat.room import Game

LINES = ("Hello.", "Nice weather.", "I am a bot.", "Who else is here?", "Tea?", "Good night.")


async def chat(url: str, name: str) -> None:
    chance = random.Random(name)
    async with open_game(url, name=name, schema=Game.schema()) as game:
        for line in itertools.cycle(LINES):
            await trio.sleep(chance.uniform(2, 8))
            await game.say(line)


async def main(url: str = "ws://127.0.0.1:8000/", count: int = 2) -> None:
    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(chat, url, f"Bot {number + 1}")


if __name__ == "__main__":
    trio.run(main)
