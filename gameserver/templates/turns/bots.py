"""Bots: ``python -m gameserver.templates.turns.bots`` has two of them sit down at the table."""

import trio

from clients import open_game
from gameserver.templates.turns.room import Draw, Game, Put

THINKS_S = 1.0


async def play(url: str, name: str) -> None:
    async with open_game(url, name=name, schema=Game.schema()) as game:
        while True:
            await trio.sleep(THINKS_S)
            table, me = next(iter(game.replica.of_kind("Table")), None), game.replica.own
            if table is None or me is None or table.seat != game.seat:
                continue
            top = table.top
            fits = [card for card in me.cards if card.suit is top.suit or card.rank == top.rank]
            await game.send(Put(fits[0]) if fits else Draw())


async def main(url: str = "ws://127.0.0.1:8000/", count: int = 2) -> None:
    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(play, url, f"Bot {number + 1}")


if __name__ == "__main__":
    trio.run(main)
